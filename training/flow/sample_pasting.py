"""Samples of the flow pasted into pictures as negatives: where they go, and what the flow is then trained with."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from densehybrid_ros.labels import OUTLIER
from densehybrid_ros.training.batches.pasting import SOLID, label_pasted
from densehybrid_ros.training.flow.dense_flow import DenseFlow
from densehybrid_ros.training.flow.sample_appearance import alpha_masks, magnified_size, recoloured, towards_place

TRIES = 12


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
    """(n, 3, h, w) in [0, 1]: what the samples took the place of, at the resolution at which they were sampled; where
    a real negative is in that place, another place of that size."""
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
    """natural: a soft-edged blob, sampled at that or a lower resolution, in the light of its place; released: the whole
    square, hard-edged."""


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
    natural = pasting.style == "natural"
    size = magnified_size(side, flow.config.stride, generator) if natural else (side, side)
    samples = flow.sample(len(indices), size, generator)
    if natural:
        samples = F.interpolate(samples, (side, side), mode="bilinear", align_corners=False)
    alphas = alpha_masks(len(indices), side, pasting.style, generator, device)
    mixed, replaced = list(images.unbind()), []
    given_labels, labels, dataset_labels = dataset_labels, labels.clone(), dataset_labels.clone()
    generated = torch.zeros_like(labels, dtype=torch.bool)
    for sample, alpha, index, top, left in zip(samples, alphas, indices, tops, lefts, strict=True):
        window = (..., slice(top, top + side), slice(left, left + side))
        place = images[index][window]
        replaced += inlier_places(images, given_labels, (index, top, left), side, generator)
        if natural:
            sample = towards_place(recoloured(sample, generator), place, generator)
        padding = (left, width - left - side, top, height - top - side)
        weight = F.pad(alpha, padding)
        mixed[index] = images[index] * (1 - weight) + F.pad(sample * alpha, padding)
        label_pasted(labels[index], dataset_labels[index], weight)
        generated[index] = weight >= SOLID
    inliers = images.new_zeros(0, 3, *size)
    if replaced:
        inliers = F.interpolate(torch.stack(replaced), size, mode="bilinear", align_corners=False, antialias=True)
    return MixedBatch(torch.stack(mixed), labels, dataset_labels, inliers, generated)


def inlier_places(
    images: Tensor, dataset_labels: Tensor, first: tuple[int, int, int], side: int, generator: torch.Generator
) -> list[Tensor]:
    """One square of a picture without a negative in it, or none where TRIES of them all have one.

    Args:
        first: picture, row and column of the one to look at first; the others are random.

    Returns:
        at most one (3, side, side).
    """
    number, top, left = first
    ends = torch.tensor([len(images), images.shape[2] - side + 1, images.shape[3] - side + 1])
    for _ in range(TRIES):
        window = (..., slice(top, top + side), slice(left, left + side))
        if not (dataset_labels[number][window] == OUTLIER).any():
            return [images[number][window]]
        draws = torch.rand(3, generator=generator, device=generator.device).cpu()
        number, top, left = (draws * ends).long().tolist()
    return []


def _draw_side(sides: tuple[int, int], largest: int, stride: int, generator: torch.Generator) -> int:
    """A multiple of the stride between the two, as far as the picture allows."""
    low, high = -(-sides[0] // stride), max(min(sides[1], largest) // stride, -(-sides[0] // stride))
    return stride * int(torch.randint(low, high + 1, (1,), generator=generator, device=generator.device))
