"""How samples of the flow look where they are pasted: as varied as the cut-outs of real pictures.

A flow trained for minutes draws grey noise with the grain of its own pixels. Pasted as it is, a segmenter would learn
that grain instead of the unknown. So samples are drawn at any scale, in any colour, and in the light of their place.
Gradients go through the samples' pixels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

LARGEST_MAGNIFICATION = 6.0


def magnified_size(side: int, stride: int, generator: torch.Generator) -> tuple[int, int]:
    """Height and width at which to sample what then fills a square of that side: multiples of the stride up to it."""
    exponent, *stretches = torch.rand(3, generator=generator, device=generator.device).tolist()
    factors = [LARGEST_MAGNIFICATION**exponent * 2 ** (stretch - 0.5) for stretch in stretches]
    height, width = (stride * round(min(max(side / factor / stride, 1), side / stride)) for factor in factors)
    return height, width


def recoloured(sample: Tensor, generator: torch.Generator) -> Tensor:
    """(3, h, w) in [0, 1] → the same with p = 0.4; else its colours turned about the grey axis, stronger or weaker,
    with a cast."""
    device = sample.device
    draw = torch.rand(3, generator=generator, device=device)
    cast = 0.12 * torch.randn(3, 1, 1, generator=generator, device=device)
    if draw[0] < 0.4:
        return sample
    grey = sample.mean(0, keepdim=True)
    turned = torch.einsum("ij,jhw->ihw", _turn_about_grey(2 * math.pi * draw[1]), sample - grey)
    return (grey + 6 ** (2 * draw[2] - 1) * turned + cast - cast.mean()).clamp(0, 1)


def towards_place(sample: Tensor, place: Tensor, generator: torch.Generator) -> Tensor:
    """Mean and deviation of a sample moved part of the way to those of what it covers, per channel, and some contrast
    and brightness of its own, as real cut-outs are.

    Args:
        sample, place: (3, h, w) in [0, 1].
    """
    device = sample.device
    share = 0.75 * torch.rand((), generator=generator, device=device)
    brightness, contrast = torch.randn(2, generator=generator, device=device)
    own_deviation, own_mean = torch.std_mean(sample.detach(), (1, 2), keepdim=True)
    place_deviation, place_mean = torch.std_mean(place, (1, 2), keepdim=True)
    ratio = ((place_deviation + 0.02) / (own_deviation + 0.02)) ** (share / 2) * 1.5**contrast
    mean = own_mean + share * (place_mean - own_mean) + 0.1 * brightness
    return ((sample - own_mean) * ratio.clamp(0.25, 2.5) + mean).clamp(0, 1)


def alpha_masks(count: int, side: int, style: str, generator: torch.Generator, device: torch.device) -> Tensor:
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


def _turn_about_grey(angle: Tensor) -> Tensor:
    """(3, 3) rotation about (1, 1, 1) (Rodrigues)."""
    cosine, sine = angle.cos(), angle.sin() / math.sqrt(3)
    rest = (1 - cosine) / 3
    return (
        torch.stack([cosine + rest, rest - sine, rest + sine])
        .repeat(3)[torch.tensor([0, 1, 2, 2, 0, 1, 1, 2, 0], device=angle.device)]
        .view(3, 3)
    )
