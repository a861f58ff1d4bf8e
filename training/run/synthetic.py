"""Synthetic negatives in a step of the segmenter: samples are pasted, and the flow takes its own step."""

from __future__ import annotations

import torch
from lightning_fabric import Fabric
from torch import Tensor

from densehybrid_ros.training.flow.boundary import FlowLoss
from densehybrid_ros.training.flow.joint import flow_step
from densehybrid_ros.training.flow.sample_pasting import MixedBatch, SamplePasting, paste_samples
from densehybrid_ros.training.recipe.recipe import Recipe
from densehybrid_ros.training.run.engine import averaged, step_seed
from densehybrid_ros.training.run.run_state import RunState

SAMPLE_STREAM = 2**61
"""Of random numbers, beside that of the segmenter's step."""


def with_synthetic_negatives(
    recipe: Recipe, state: RunState, images: Tensor, labels: Tensor, dataset_labels: Tensor, engine: Fabric
) -> tuple[MixedBatch, FlowLoss | None]:
    """Pastes samples of the flow and trains it, before the segmenter is trained on them.

    Args:
        images: (B, 3, H, W) in [0, 1].
        labels, dataset_labels: (B, H, W) integers.

    Returns:
        the batch with samples, and the flow's losses in steps in which it was trained.
    """
    flow, optimizer = state.flow, state.flow_optimizer
    assert flow is not None
    assert optimizer is not None
    settings = recipe.flow
    generator = torch.Generator(engine.device).manual_seed(SAMPLE_STREAM + step_seed(engine, recipe.seed, state.step))
    pasting = SamplePasting((settings.sides[0], settings.sides[1]), settings.probability, settings.style)
    trains = state.step % settings.every == 0
    with torch.set_grad_enabled(trains):
        mixed = paste_samples(flow, images, labels, dataset_labels, pasting, generator)
    if not trains:
        return mixed, None
    loss = flow_step(
        flow,
        optimizer,
        state.model,
        mixed,
        settings.boundary,
        lambda values: averaged(engine, values),
        generator,
        engine.autocast,
    )
    return mixed, loss


def set_flow_learning_rate(recipe: Recipe, state: RunState, steps_per_epoch: float) -> None:
    """A constant factor per epoch."""
    if state.flow_optimizer is not None:
        for group in state.flow_optimizer.param_groups:
            group["lr"] = recipe.flow.learning_rate * recipe.flow.decay ** (state.step // steps_per_epoch)
