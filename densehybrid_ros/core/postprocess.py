"""Logits at the network's stride → semantic map, score and open-set map at the output size."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from densehybrid_ros.core.scores import Score

PARTS = frozenset({"semantic", "score", "open_set"})
"""Fields of `Maps`, and what can be asked for."""


@dataclass(frozen=True)
class Maps:
    """Maps of a batch, where its logits are; those that were not asked for are (B, 0, 0)."""

    semantic: Tensor
    """(B, H, W) uint8, 0..K−1."""
    score: Tensor
    """(B, H, W) float32."""
    open_set: Tensor
    """(B, H, W) uint8, the semantic map with K where score ≥ threshold."""


def upsample(logits: Tensor, size: tuple[int, int], align_corners: bool = False) -> Tensor:
    """(B, C, h, w) → (B, C, H, W), bilinear; whether corners are aligned is for the network to say (`models.sampling`).

    Made contiguous first: on the CPU the channels_last kernel for few channels is several times slower.
    """
    return F.interpolate(logits.float().contiguous(), size, mode="bilinear", align_corners=align_corners)


def upsample_by(logits: Tensor, factors: tuple[float, float]) -> Tensor:
    """(B, C, h, w) → as many whole rows and columns as there are, bilinear, corners not aligned."""
    exact = tuple(map(whole_factor, factors))
    return F.interpolate(logits.float().contiguous(), scale_factor=exact, mode="bilinear", align_corners=False)


def whole_factor(factor: float) -> float:
    """A little more, so that whole products stay whole when they are rounded down."""
    return factor * (1 + 1e-9)


def first_maximum(logits: Tensor) -> Tensor:
    """(B, K, H, W) → (B, H, W) uint8, the first class with the greatest logit; K is at most 255.

    Several times faster than torch's argmax over this axis, which takes one value at a time.
    """
    classes = logits.shape[1]
    falling = torch.arange(classes, 0, -1, dtype=torch.uint8, device=logits.device).view(1, -1, 1, 1)
    greatest = (logits == logits.amax(1, keepdim=True)).view(torch.uint8)
    return classes - (greatest * falling).amax(1)


def maps_of(
    logits: Tensor,
    dataset_logits: Tensor,
    to_image: Callable[[Tensor], Tensor],
    score: Score,
    threshold: float,
    parts: Collection[str] = PARTS,
) -> Maps:
    """Upsamples both sets of logits to the image first, and only then takes argmax and score.

    Args:
        to_image: (B, C, h, w) → (B, C, H, W).
        parts: which maps are wanted; the others are (B, 0, 0).
    """
    logits = to_image(logits)
    nothing = logits.new_empty((len(logits), 0, 0))
    found = wanted_maps(
        lambda: first_maximum(logits),
        lambda: score(logits, to_image(dataset_logits)),
        threshold,
        logits.shape[1],
        parts,
    )
    return Maps(
        found.get("semantic", nothing.byte()), found.get("score", nothing), found.get("open_set", nothing.byte())
    )


def wanted_maps(
    classes_of: Callable[[], Tensor],
    score_of: Callable[[], Tensor],
    threshold: float,
    classes: int,
    parts: Collection[str],
) -> dict[str, Tensor]:
    """Maps by the names of the parts, and no more work than they need.

    Args:
        classes_of: gives the semantic map.
        score_of: gives the score, of the same shape.
        classes: K.
    """
    found: dict[str, Tensor] = {}
    if "open_set" in parts or "semantic" in parts:
        found["semantic"] = classes_of()
    if "open_set" in parts or "score" in parts:
        found["score"] = score_of()
    if "open_set" in parts:
        found["open_set"] = open_set_map(found["semantic"], found["score"], threshold, classes)
    return {name: found[name] for name in parts}


def open_set_map(semantic: Tensor, score: Tensor, threshold: float, classes: int) -> Tensor:
    """The semantic map with K = `classes` ("unknown") wherever score ≥ threshold. Both (B, H, W).

    As the maximum of both, for K is above all classes: `torch.where` takes nine times as long for bytes on a CPU.
    """
    return torch.maximum(semantic, (score >= threshold).byte() * classes)
