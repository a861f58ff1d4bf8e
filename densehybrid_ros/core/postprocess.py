"""Logits at the network's stride → semantic map, score and open-set map at the output size."""

from __future__ import annotations

from collections.abc import Collection
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


def upsample(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, h, w) → (B, C, H, W), bilinear, align_corners=False.

    Made contiguous first: on the CPU the channels_last kernel for few channels is several times slower.
    """
    return F.interpolate(logits.float().contiguous(), size, mode="bilinear", align_corners=False)


def maps_of(
    logits: Tensor,
    dataset_logits: Tensor,
    size: tuple[int, int],
    score: Score,
    threshold: float,
    parts: Collection[str] = PARTS,
) -> Maps:
    """Upsamples both sets of logits to `size` (H, W) first, and only then takes argmax and score.

    Args:
        parts: which maps are wanted; the others are (B, 0, 0).
    """
    logits = upsample(logits, size)
    nothing = logits.new_empty((len(logits), 0, 0))
    semantic = open_set = nothing.byte()
    anomaly = nothing
    if "open_set" in parts or "semantic" in parts:
        semantic = logits.argmax(1).to(torch.uint8)
    if "open_set" in parts or "score" in parts:
        anomaly = score(logits, upsample(dataset_logits, size))
    if "open_set" in parts:
        open_set = open_set_map(semantic, anomaly, threshold, logits.shape[1])
    return Maps(semantic if "semantic" in parts else nothing.byte(), anomaly if "score" in parts else nothing, open_set)


def open_set_map(semantic: Tensor, score: Tensor, threshold: float, classes: int) -> Tensor:
    """The semantic map with K = `classes` ("unknown") wherever score ≥ threshold. Both (B, H, W)."""
    return torch.where(score >= threshold, classes, semantic)
