"""Joint training: samples of the flow are pasted as negatives; the segmenter's doubt about them leads the flow.

The order of a step: `paste_samples`, `flow_step` (gradients through the segmenter into the flow), then the
segmenter's own step with `MixedBatch.detached`, which leads no gradient into the flow.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from densehybrid_ros.core.postprocess import upsample
from densehybrid_ros.training.flow.boundary import FlowLoss, boundary_loss
from densehybrid_ros.training.flow.dense_flow import DenseFlow, bits_per_dimension
from densehybrid_ros.training.flow.sample_pasting import MixedBatch

LARGEST_GRADIENT = 10.0
"""Norm at which the flow's gradient is clipped."""


def flow_step(
    flow: DenseFlow,
    optimizer: Optimizer,
    segmenter: nn.Module,
    mixed: MixedBatch,
    weight: float,
    share: Callable[[Tensor], Tensor] = lambda gradient: gradient,
    generator: torch.Generator | None = None,
    precision: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> FlowLoss:
    """One step of L_mle + weight·L_jsd on the flow alone: the segmenter's weights, gradients and statistics stay.

    Args:
        segmenter: images in [0, 1] → logits (B, K, h, w) and dataset logits.
        share: averages a gradient over all processes.
        precision: that of the segmenter; the flow itself works in that of its weights.
    """
    training = segmenter.training
    segmenter.eval()  # batch norm must neither use nor learn the statistics of a batch with samples in it
    try:
        with precision():
            logits, _ = segmenter(mixed.images)
    finally:
        segmenter.train(training)
    size = (mixed.images.shape[2], mixed.images.shape[3])
    boundary = boundary_loss(upsample(logits.float(), size), mixed.generated)
    crop = (mixed.replaced.shape[2], mixed.replaced.shape[3])
    bits = bits_per_dimension(flow.log_likelihood(mixed.replaced, generator), crop).mean()
    total = bits + weight * boundary
    parameters = [parameter for parameter in flow.parameters() if parameter.requires_grad]
    # grad, not backward: the segmenter's own gradients are not touched
    gradients = torch.autograd.grad(total, parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = share(gradient)
    nn.utils.clip_grad_norm_(parameters, LARGEST_GRADIENT, error_if_nonfinite=True)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return FlowLoss(total.detach(), bits.detach(), boundary.detach())
