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
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.flow.boundary import FlowLoss, boundary_loss
from densehybrid_ros.training.flow.dense_flow import DenseFlow, bits_per_dimension
from densehybrid_ros.training.flow.sample_pasting import MixedBatch

LARGEST_GRADIENT = 10.0
"""Norm at which the flow's gradient is clipped."""
LOSS_SCALE = 2.0**14
"""Of the loss on its way back through a segmenter in fp16, where the boundary term's gradient would become 0."""


def flow_step(
    flow: DenseFlow,
    optimizer: Optimizer,
    segmenter: nn.Module,
    mixed: MixedBatch,
    weight: float,
    share: Callable[[Tensor], Tensor] = lambda values: values,
    generator: torch.Generator | None = None,
    precision: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> FlowLoss:
    """One step of L_mle + weight·L_jsd on the flow alone: the segmenter's weights, gradients and statistics stay.

    Args:
        segmenter: images in [0, 1] → logits (B, K, h, w) and dataset logits.
        share: averages values over all processes.
        precision: that of the segmenter; the flow itself works in that of its weights.

    Raises:
        SetupError: the gradient is not finite.
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
    bits = boundary.new_zeros(())
    if len(mixed.replaced):
        bits = bits_per_dimension(flow.log_likelihood(mixed.replaced, generator), crop).mean()
    total = bits + weight * boundary
    parameters = [parameter for parameter in flow.parameters() if parameter.requires_grad]
    # grad, not backward: the segmenter's own gradients are not touched
    gradients = torch.autograd.grad(LOSS_SCALE * total, parameters, allow_unused=True, materialize_grads=True)
    # one message for all of them: a large flow has two thousand tensors
    shared = share(torch.cat([each.flatten() for each in gradients])) / LOSS_SCALE
    if not torch.isfinite(shared).all():
        raise SetupError("the flow's gradient is not finite; lower flow.learning_rate or flow.boundary")
    for parameter, gradient in zip(parameters, shared.split([each.numel() for each in parameters]), strict=True):
        parameter.grad = gradient.view_as(parameter)
    nn.utils.clip_grad_norm_(parameters, LARGEST_GRADIENT)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return FlowLoss(*share(torch.stack([total, bits, boundary]).detach()).unbind())
