"""The losses of the flow: likely images, at the border of what the segmenter knows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class FlowLoss:
    """Scalars, means over all processes; `total` is their weighted sum."""

    total: Tensor
    bits_per_dimension: Tensor
    """L_mle of the inlier crops that the samples replaced; 0 where they replaced none."""
    boundary: Tensor
    """L_jsd of the samples, nats; 0 where the segmenter is undecided between all classes, at most ln 2."""


def jensen_shannon_to_uniform(logits: Tensor) -> Tensor:
    """½KL(p‖m) + ½KL(u‖m) with m = (p + u)/2, between class posterior p and uniform u (DenseHybrid, L_jsd).

    Args:
        logits: (K, N) of N pixels.

    Returns:
        (N,) in nats: 0 for p = u; below ln 2.
    """
    log_p = logits.log_softmax(0)
    log_u = torch.full_like(log_p, -math.log(len(logits)))
    log_m = torch.logaddexp(log_p, log_u) - math.log(2)
    return 0.5 * ((log_p.exp() * (log_p - log_m)).sum(0) + (log_u.exp() * (log_u - log_m)).sum(0))


def boundary_loss(logits: Tensor, generated: Tensor) -> Tensor:
    """Mean over the generated pixels; exactly 0 where there are none.

    Args:
        logits: (B, K, H, W).
        generated: (B, H, W) bool.
    """
    pixels = logits.movedim(1, 0)[:, generated]
    return jensen_shannon_to_uniform(pixels).sum() / generated.sum().clamp(min=1)
