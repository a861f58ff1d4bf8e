"""Joint training: samples of the flow are pasted as negatives; the segmenter's doubt about them leads the flow.

The order of a step: `paste_samples`, `flow_step` (gradients through the segmenter into the flow), then the
segmenter's own step with `MixedBatch.detached`, which leads no gradient into the flow.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from densehybrid_ros.core.postprocess import IGNORE, upsample
from densehybrid_ros.training.flow.boundary import FlowLoss, boundary_loss
from densehybrid_ros.training.flow.dense_flow import DenseFlow, bits_per_dimension
from densehybrid_ros.training.losses import OUTLIER

SOLID, CLEAR = 0.75, 0.25
"""Alpha from which a pixel is a sample's, and up to which it is the picture's; between the two it has no label."""
LARGEST_GRADIENT = 10.0
"""Norm at which the flow's gradient is clipped."""


@dataclass(frozen=True)
class MixedBatch:
    """Pictures with samples of the flow in them."""

    images: Tensor
    """(B, 3, H, W) in [0, 1], with gradients into the flow."""
    labels: Tensor
    """(B, H, W), 255 on samples."""
    dataset_labels: Tensor
    """(B, H, W), 1 on samples."""
    replaced: Tensor
    """(n, 3, s, s) in [0, 1]: what the samples took the place of."""
    generated: Tensor
    """(B, H, W) bool: pixels of samples."""

    @property
    def detached(self) -> Tensor:
        """The images for the segmenter's own step."""
        return self.images.detach()


@dataclass(frozen=True)
class SamplePasting:
    """How samples get into pictures."""

    sides: tuple[int, int] = (16, 216)
    """px; smallest and largest side, one per batch, in steps of 8."""
    probability: float = 1.0
    """Of a picture to get one."""
    style: str = "natural"
    """natural: a soft-edged blob in the light of its place; released: the whole square, hard-edged."""


def paste_samples(
    flow: DenseFlow,
    images: Tensor,
    labels: Tensor,
    dataset_labels: Tensor,
    pasting: SamplePasting,
    generator: torch.Generator,
) -> MixedBatch:
    """Pastes one sample into each picture that is drawn; at least one picture gets one.

    Args:
        images: (B, 3, H, W) in [0, 1].
        labels, dataset_labels: (B, H, W).
        generator: on the images' device; all that is random comes from it.
    """
    device = images.device
    height, width = images.shape[2:]
    side = _draw_side(pasting.sides, min(height, width), flow.config.stride, generator)
    chosen = torch.rand(len(images), generator=generator, device=device) < pasting.probability
    chosen[int(torch.randint(len(images), (1,), generator=generator, device=device))] = True
    indices = chosen.nonzero()[:, 0].tolist()
    tops = torch.randint(height - side + 1, (len(indices),), generator=generator, device=device).tolist()
    lefts = torch.randint(width - side + 1, (len(indices),), generator=generator, device=device).tolist()
    samples = flow.sample(len(indices), (side, side), generator)
    alphas = _alphas(len(indices), side, pasting.style, generator, device)
    mixed, replaced = list(images.unbind()), []
    labels, dataset_labels = labels.clone(), dataset_labels.clone()
    generated = torch.zeros_like(labels, dtype=torch.bool)
    for sample, alpha, index, top, left in zip(samples, alphas, indices, tops, lefts, strict=True):
        window = (..., slice(top, top + side), slice(left, left + side))
        replaced.append(images[index][window])
        if pasting.style == "natural":
            share = 0.75 * torch.rand((), generator=generator, device=device)
            sample = _towards_place(sample, replaced[-1], share)
        padding = (left, width - left - side, top, height - top - side)
        weight = F.pad(alpha, padding)
        mixed[index] = images[index] * (1 - weight) + F.pad(sample * alpha, padding)
        labels[index][weight > CLEAR] = IGNORE
        dataset_labels[index][weight > CLEAR] = IGNORE
        dataset_labels[index][weight >= SOLID] = OUTLIER
        generated[index] = weight >= SOLID
    return MixedBatch(torch.stack(mixed), labels, dataset_labels, torch.stack(replaced), generated)


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


def _draw_side(sides: tuple[int, int], largest: int, stride: int, generator: torch.Generator) -> int:
    """A multiple of the stride between the two, as far as the picture allows."""
    low, high = -(-sides[0] // stride), max(min(sides[1], largest) // stride, -(-sides[0] // stride))
    return stride * int(torch.randint(low, high + 1, (1,), generator=generator, device=generator.device))


def _towards_place(sample: Tensor, place: Tensor, share: Tensor) -> Tensor:
    """Mean and deviation of a sample moved part of the way to those of what it covers, per channel, as real ones are.

    Gradients go through the sample's pixels alone, not through its statistics.
    """
    own_deviation, own_mean = torch.std_mean(sample.detach(), (1, 2), keepdim=True)
    place_deviation, place_mean = torch.std_mean(place, (1, 2), keepdim=True)
    ratio = ((place_deviation + 0.02) / (own_deviation + 0.02)) ** (share / 2)
    mean = own_mean + share * (place_mean - own_mean)
    return ((sample - own_mean) * ratio.clamp(0.4, 2) + mean).clamp(0, 1)


def _alphas(count: int, side: int, style: str, generator: torch.Generator, device: torch.device) -> Tensor:
    """(count, side, side) in 0..1: squares, or blobs with soft edges that fill most of the square."""
    if style == "released":
        return torch.ones(count, side, side, device=device)
    coarse = torch.randn(count, 1, 5, 5, generator=generator, device=device)
    field = F.interpolate(coarse, (side, side), mode="bicubic", align_corners=False)[:, 0]
    places = torch.linspace(-1, 1, side, device=device)
    distance = (places[:, None] ** 4 + places[None] ** 4) ** 0.25  # between a disc and a square
    softness = torch.empty(count, 1, 1, device=device).uniform_(0.6, 1.6, generator=generator) / side
    inside = (0.75 - distance + 0.15 * field).clamp(max=1)
    # nothing sticks out of the square
    return torch.sigmoid(inside / softness) * (distance < 1 - 2 / side)
