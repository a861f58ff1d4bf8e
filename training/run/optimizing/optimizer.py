"""The optimiser that a recipe asks for."""

from __future__ import annotations

from typing import cast

from torch import nn
from torch.optim import Adam, AdamW, Optimizer

from densehybrid_ros.models.installed import Trainable
from densehybrid_ros.training.recipe.recipe import Recipe
from densehybrid_ros.training.run.optimizing.muon import Muon, with_matrices_apart


def make_optimizer(recipe: Recipe, model: nn.Module) -> Optimizer:
    """Two groups, the pre-trained trunk, with a `factor` on its learning rate, and the rest; each in two for Muon."""
    pretrained = cast(Trainable, model).trunk_parameters()
    trunk = [parameter for parameter in pretrained if parameter.requires_grad]
    in_trunk = {id(parameter) for parameter in pretrained}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in in_trunk]
    groups = [{"params": trunk, "factor": recipe.trunk_factor}, {"params": rest, "factor": 1.0}]
    beta_1, beta_2 = recipe.betas
    kind = {"adam": Adam, "adamw": AdamW, "muon": Muon}[recipe.optimizer]
    if kind is Muon:
        groups = [part for group in groups for part in with_matrices_apart(group, model)]
    return kind(groups, recipe.learning_rate, (beta_1, beta_2), recipe.epsilon, recipe.weight_decay)
