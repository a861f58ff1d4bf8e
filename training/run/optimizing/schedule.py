"""How many steps a run takes, and the learning rate of each."""

from __future__ import annotations

import math

from torch.optim import Optimizer

from densehybrid_ros.training.recipe.recipe import Recipe


def number_of_steps(recipe: Recipe, pictures: int) -> int:
    """`steps`, or what `epochs` passes over that many pictures take."""
    return recipe.steps or max(1, round(recipe.epochs * pictures / recipe.batch))


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """Linear warm-up, then a cosine from the recipe's rate to its minimum."""
    warm = min(1.0, (step + 1) / max(recipe.warm_up, 1))
    cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
    return warm * (recipe.learning_rate_min + (recipe.learning_rate - recipe.learning_rate_min) * cosine)


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """For every group of parameters, by its `factor`, where it has one."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("factor", 1.0)
