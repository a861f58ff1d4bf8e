"""Standardised max logits (SML, Jung et al., 2021): class by class, how unusual the greatest logit is.

Boundary suppression and dilated smoothing, which follow in the paper, are a score of their own.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from densehybrid_ros.core.postprocess import first_maximum
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.baselines.known_image import Extent, KnownImage

RADII = (3, 2, 1, 0)
"""px on either side of the boundaries that are suppressed one after the other, whose widths so are 8, 6, 4, 2 (L1)."""
SIGMA, REACH, DILATION = 1.0, 3, 6
"""Of the smoothing: a Gaussian of 7x7 places, 6 px apart."""


class MaxLogitMoments:
    """Mean and deviation of the max logits of inlier pixels, by predicted class.

    A class that is not predicted twice has those of all classes together.
    """

    def __init__(self, extent: Extent) -> None:
        self._sums = torch.zeros(3, extent.classes, dtype=torch.float64)

    def add(self, image: KnownImage) -> None:
        logits, inliers = image.seen.logits, image.inliers()
        greatest = logits.amax(1)[0][inliers].double().cpu()
        predicted = first_maximum(logits)[0][inliers].long().cpu()
        for power, row in enumerate(self._sums):
            row += torch.bincount(predicted, greatest**power, len(row))

    def result(self) -> dict[str, Tensor]:
        """mean, deviation: (K,)."""
        if self._sums[0].sum() < 2:
            raise SetupError("no inlier pixel to take the mean of; give a set with labels of known classes")
        mean, deviation = _moments(self._sums)
        whole_mean, whole_deviation = _moments(self._sums.sum(1, keepdim=True))
        known = deviation > 0  # neither NaN, of a class that is never predicted, nor 0, of one that is once
        return {
            "mean": torch.where(known, mean, whole_mean).float(),
            "deviation": torch.where(known, deviation, whole_deviation).float(),
        }


def _moments(sums: Tensor) -> tuple[Tensor, Tensor]:
    count, first, second = sums
    mean = first / count
    return mean, (second / count - mean.square()).clamp(min=0).sqrt()


def standardised_max_logit(logits: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    """−(max_k s_k − μ_c) / σ_c with c = argmax_k s_k, unbounded.

    Args:
        logits: (B, K, H, W).
        mean, deviation: (K,), of `MaxLogitMoments`.

    Returns:
        (B, H, W)
    """
    predicted = first_maximum(logits).long()
    return (mean[predicted] - logits.amax(1)) / deviation[predicted]


def suppressed_and_smoothed(score: Tensor, predicted: Tensor) -> Tensor:
    """Boundary suppression, then dilated smoothing.

    Args:
        score: (B, H, W).
        predicted: (B, H, W) classes.
    """
    return smoothed(boundaries_suppressed(score, predicted))


def boundaries_suppressed(score: Tensor, predicted: Tensor) -> Tensor:
    """(B, H, W): near boundaries of the predicted classes the mean of what lies beside them.

    Each round, from the widest boundary to the narrowest, replaces its pixels by the mean of those of their 3x3
    neighbours that lie beyond it, if there are any.
    """
    score, near = score[:, None], class_boundaries(predicted)[:, None].to(score)
    widened = [near]
    for _ in range(max(RADII)):
        widened.append(torch.maximum(F.max_pool2d(widened[-1], (3, 1), 1, (1, 0)), _max_across(widened[-1])))
    for radius in RADII:
        beyond = 1 - widened[radius]
        total, count = (F.avg_pool2d(each, 3, 1, 1) for each in (score * beyond, beyond))
        replaced = (beyond == 0) & (count > 0)
        score = torch.where(replaced, total / count.clamp(min=1e-9), score)
    return score[:, 0]


def _max_across(values: Tensor) -> Tensor:
    return F.max_pool2d(values, (1, 3), 1, (0, 1))


def class_boundaries(predicted: Tensor) -> Tensor:
    """(B, H, W) 1 where a 3x3 neighbourhood holds two classes, else 0; float32."""
    classes = predicted.float()
    return (F.max_pool2d(classes, 3, 1, 1) != -F.max_pool2d(-classes, 3, 1, 1)).float()


def smoothed(score: Tensor) -> Tensor:
    """(B, H, W) by a Gaussian whose places are DILATION px apart; the border is repeated."""
    steps = torch.arange(-REACH, REACH + 1, dtype=score.dtype, device=score.device)
    weights = torch.exp(-steps.square() / (2 * SIGMA**2))
    weights = weights / weights.sum()
    padded = F.pad(score[:, None], (REACH * DILATION,) * 4, mode="replicate")
    down = F.conv2d(padded, weights.view(1, 1, -1, 1), dilation=DILATION)
    return F.conv2d(down, weights.view(1, 1, 1, -1), dilation=DILATION)[:, 0]
