"""The exponential moving average of the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def averaged_model(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of `model` that follows it; floating buffers are averaged as weights are, others copied."""
    average = AveragedModel(model, multi_avg_fn=_ramped(decay), use_buffers=True)
    count_averaged(average, 0)
    return average.eval()


def count_averaged(average: AveragedModel, steps: int) -> None:
    """The starting weights count as one, so that torch does not overwrite them."""
    average.n_averaged.fill_(1 + steps)


def _ramped(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    """average ← d·average + (1 − d)·model; d rises from 0.1 to `decay`, as the first weights are the worst."""

    @torch.no_grad()
    def update(averages: Sequence[Tensor], weights: Sequence[Tensor], averaged: Tensor | int) -> None:
        count = int(averaged)
        share = 1 - min(decay, count / (count + 9))
        for average, weight in zip(averages, weights, strict=True):
            average.lerp_(weight, share) if average.is_floating_point() else average.copy_(weight)

    return update
