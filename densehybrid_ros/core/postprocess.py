"""Logits at the network's stride → semantic map and score at the output size, and the open-set map."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from densehybrid_ros.core.scores import Score


def upsample(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, h, w) → (B, C, H, W), bilinear, align_corners=False.

    Made contiguous first: on the CPU the channels_last kernel for few channels is several times slower.
    """
    return F.interpolate(logits.float().contiguous(), size, mode="bilinear", align_corners=False)


def semantic_and_score(
    logits: Tensor,
    dataset_logits: Tensor,
    size: tuple[int, int],
    score: Score,
    need_semantic: bool = True,
    need_score: bool = True,
) -> tuple[Tensor, Tensor]:
    """Upsamples both sets of logits to `size` (H, W) first, and only then takes argmax and score.

    Returns:
        semantic (B, H, W) uint8 in 0..K−1 and score (B, H, W) float32; (B, 0, 0) where it is not needed.
    """
    logits = upsample(logits, size)
    nothing = logits.new_empty((len(logits), 0, 0))
    semantic = logits.argmax(1).to(torch.uint8) if need_semantic else nothing.to(torch.uint8)
    return semantic, score(logits, upsample(dataset_logits, size)) if need_score else nothing


def open_set_map(
    semantic: NDArray[np.uint8], score: NDArray[np.float32], threshold: float, classes: int
) -> NDArray[np.uint8]:
    """The semantic map with K = `classes` ("unknown") wherever score ≥ threshold. Both (H, W)."""
    return np.where(score >= threshold, np.uint8(classes), semantic).astype(np.uint8)
