"""One optimiser step: the loss of a batch over all its parts and processes, and the averaged weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from densehybrid_ros.core.postprocess import upsample
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.batches.batches import Batch
from densehybrid_ros.training.flow.boundary import FlowLoss
from densehybrid_ros.training.losses.hybrid import HybridLoss, closed_set_loss, hybrid_loss, pixel_counts
from densehybrid_ros.training.recipe.recipe import Recipe
from densehybrid_ros.training.run.engine import summed
from densehybrid_ros.training.run.run_state import RunState
from densehybrid_ros.training.run.synthetic import with_synthetic_negatives


@dataclass(frozen=True)
class StepLoss:
    """Of one step, before it."""

    segmenter: HybridLoss
    flow: FlowLoss | None
    """None where the flow took no step."""


def training_step(
    recipe: Recipe, state: RunState, batch: Batch, engine: Fabric, balance: Tensor | None = None
) -> StepLoss:
    """One optimiser step with this process's share of the batch; returns the whole batch's loss terms before it.

    Means are taken over the pixels of the whole batch, so neither `accumulate` nor the number of processes changes the
    gradient.

    Raises:
        SetupError: the loss is not finite.
    """
    images, labels, dataset_labels = (part.to(engine.device, non_blocking=True) for part in batch)
    images, flow_loss = images.float() / 255, None
    if state.flow is not None:
        mixed, flow_loss = with_synthetic_negatives(recipe, state, images, labels, dataset_labels, engine)
        images, labels, dataset_labels = mixed.detached, mixed.labels, mixed.dataset_labels
    window = loss_window(recipe, state.step)
    labels, dataset_labels = labels[window].long(), dataset_labels[window].long()
    counts = summed(engine, pixel_counts(labels, dataset_labels))
    set_training_mode(recipe, state.model)
    state.optimizer.zero_grad(set_to_none=True)
    parts: list[Tensor] = []
    indices = torch.arange(len(images)).chunk(recipe.accumulate)
    for number, chosen in enumerate(indices, start=1):
        pixels = images[chosen].contiguous(memory_format=torch.channels_last)
        with engine.no_backward_sync(state.wrapped, enabled=engine.world_size > 1 and number < len(indices)):
            logits, dataset_logits = state.wrapped(pixels)
            size = (images.shape[2], images.shape[3])
            loss = _loss(
                recipe,
                upsample(logits.float(), size)[window],
                upsample(dataset_logits.float(), size)[window],
                labels[chosen],
                dataset_labels[chosen],
                balance,
                counts,
            )
            # gradients are averaged over processes, and are to be summed
            engine.backward(loss.total * engine.world_size)
        parts.append(torch.stack([loss.total, loss.closed_set, loss.dataset, loss.likelihood]).detach())
    terms = summed(engine, torch.stack(parts).sum(0))
    if not torch.isfinite(terms).all():
        if recipe.loss.as_released and not counts[2]:
            raise SetupError(f"the batch of step {state.step} holds no negative: as_released gives nan, as released")
        raise SetupError(f"the loss is not finite at step {state.step}; lower the learning rate or bound the loss")
    if recipe.precision != "fp16" and not gradients_are_finite(state.model):
        raise SetupError(f"a gradient is not finite at step {state.step}; lower the learning rate or bound the loss")
    state.optimizer.step()
    if recipe.average:
        update_average(state.average, state.model, min(recipe.average, (state.step + 1) / (state.step + 10)))
    return StepLoss(HybridLoss(*terms.unbind()), flow_loss)


def gradients_are_finite(model: nn.Module) -> bool:
    """In fp16 the gradients are scaled, and steps in which they overflow are left out by the engine."""
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    return bool(torch.isfinite(nn.utils.get_total_norm(gradients)))


def set_training_mode(recipe: Recipe, model: nn.Module) -> None:
    """Everything trains but what the recipe freezes."""
    model.train()
    if recipe.freeze_early:
        for module in model.early_layers():
            module.eval()
    if recipe.freeze_batch_norm:
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()


def loss_window(recipe: Recipe, step: int) -> tuple[Any, ...]:
    """Every n-th pixel of the last two axes, the offset running through all of them with the steps."""
    stride = recipe.loss_stride
    return (..., slice(step % stride, None, stride), slice((step // stride) % stride, None, stride))


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """average ← decay·average + (1 − decay)·model, buffers that are not floating copied."""
    for slow, fast in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if slow.is_floating_point():
            slow.lerp_(fast, 1 - decay)
        else:
            slow.copy_(fast)


def _loss(
    recipe: Recipe,
    logits: Tensor,
    dataset_logits: Tensor,
    labels: Tensor,
    dataset_labels: Tensor,
    balance: Tensor | None,
    counts: Tensor,
) -> HybridLoss:
    if recipe.open_set:
        return hybrid_loss(logits, dataset_logits, labels, dataset_labels, recipe.loss, balance, counts)
    closed_set = closed_set_loss(logits, labels, balance, counts[0])
    nothing = torch.zeros_like(closed_set)
    return HybridLoss(closed_set, closed_set, nothing, nothing)
