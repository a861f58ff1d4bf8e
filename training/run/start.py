"""What a run holds before its first step."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import nn

from densehybrid_ros.core.devices import placed
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models import build_model
from densehybrid_ros.models.checkpoint import load_weights
from densehybrid_ros.models.installed import Trainable
from densehybrid_ros.training.flow.flow_file import load_flow
from densehybrid_ros.training.flow.joint import JointFlow
from densehybrid_ros.training.recipe.recipe import ASKED, Recipe
from densehybrid_ros.training.run.average import averaged_model
from densehybrid_ros.training.run.engine import step_seed, with_synchronised_batch_norm
from densehybrid_ros.training.run.imagenet import load_imagenet_trunk
from densehybrid_ros.training.run.optimizing.optimizer import make_optimizer
from densehybrid_ros.training.run.run_state import RunState


def initial_state(recipe: Recipe, classes: list[str], steps_per_epoch: float, engine: Fabric) -> RunState:
    """On the engine's device; the same in every process.

    Raises:
        SetupError: the starting weights cannot be read or do not fit.
    """
    torch.manual_seed(recipe.seed)
    model = started_model(recipe, classes)
    model = placed(with_synchronised_batch_norm(model, engine), engine.device)
    average = averaged_model(model, recipe.average) if recipe.average else None
    if recipe.freeze_early:
        for module in cast(Trainable, model).early_layers():
            module.requires_grad_(False)
    optimizer = make_optimizer(recipe, model)
    wrapped, wrapped_optimizer = engine.setup(model, optimizer)
    companion = None
    if recipe.flow.weights:
        flow, config = load_flow(Path(recipe.flow.weights))
        seed = partial(step_seed, engine, recipe.seed)
        companion = JointFlow(flow, config, recipe.flow, steps_per_epoch, engine, seed)
    return RunState(model, average, wrapped_optimizer, wrapped, companion)


def started_model(recipe: Recipe, classes: list[str]) -> nn.Module:
    """The recipe's network with its starting weights, on the CPU."""
    model = build_model(recipe.architecture, len(classes))
    if recipe.start == "imagenet":
        load_imagenet_trunk(model, recipe.architecture)
    elif recipe.start not in ("", ASKED):  # a run that is resumed needs no start
        started, info = load_weights(Path(recipe.start))
        if info.architecture != recipe.architecture or info.classes != classes:
            raise SetupError(
                f"{recipe.start} holds {info.architecture} for {', '.join(info.classes)}; the recipe wants "
                f"{recipe.architecture} for {', '.join(classes)}"
            )
        model.load_state_dict(started.state_dict())
    return model
