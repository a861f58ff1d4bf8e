"""Metrics: average precision, AUROC, FPR at 95 % TPR, and the confusion matrix with mean IoU.

Ground truth is an open-set label map: 0..K−1 inlier, K unknown, 255 ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FprConvention = Literal["at_least", "strict", "nearest"]


@dataclass(frozen=True)
class Ranking:
    """How well a score ranks anomalous pixels above inlier pixels; all in 0..1."""

    ap: float
    auroc: float
    fpr95: float


@dataclass(frozen=True)
class OperatingPoints:
    """Cumulative counts at every distinct score, from the highest threshold to the lowest."""

    thresholds: NDArray[np.float32]
    true_positives: NDArray[np.int64]
    false_positives: NDArray[np.int64]

    @property
    def true_positive_rate(self) -> NDArray[np.float64]:
        return self.true_positives / self.true_positives[-1]

    @property
    def false_positive_rate(self) -> NDArray[np.float64]:
        return self.false_positives / self.false_positives[-1]


def operating_points(scores: NDArray[np.float32], anomalous: NDArray[np.bool_]) -> OperatingPoints:
    """Exact points of the ROC and precision-recall curves; ties share one point.

    Args:
        scores: (N,), finite, higher = more anomalous.
        anomalous: (N,).

    Raises:
        ValueError: a class is absent, or a score is not finite; the metrics are undefined then.
    """
    positives = int(anomalous.sum())
    if positives in (0, anomalous.size):
        raise ValueError(f"{positives} of {anomalous.size} pixels are anomalous; both kinds are needed")
    if not np.isfinite(scores).all():
        raise ValueError("a score is not finite")
    order = np.argsort(scores)[::-1]
    ranked = scores[order]
    hits = np.cumsum(anomalous[order], dtype=np.int64)
    ends = np.append(np.flatnonzero(np.diff(ranked)), ranked.size - 1)
    return OperatingPoints(ranked[ends], hits[ends], ends + 1 - hits[ends])


def average_precision(points: OperatingPoints) -> float:
    """Σ ΔR·P, without interpolation."""
    precision = points.true_positives / (points.true_positives + points.false_positives)
    return float(np.sum(np.diff(points.true_positive_rate, prepend=0.0) * precision))


def area_under_roc(points: OperatingPoints) -> float:
    """Trapezoid area under the ROC curve from (0, 0)."""
    horizontal = np.append(0.0, points.false_positive_rate)
    vertical = np.append(0.0, points.true_positive_rate)
    return float(np.sum(np.diff(horizontal) * (vertical[1:] + vertical[:-1]) / 2))


def fpr_at_tpr(points: OperatingPoints, tpr: float = 0.95, convention: FprConvention = "at_least") -> float:
    """False-positive rate at a true-positive rate of `tpr`.

    Where the true-positive rate first is ≥ `tpr` ("at_least"), first is > `tpr` ("strict", as in the released code of
    the paper), or comes nearest to it ("nearest").
    """
    rates = points.true_positive_rate
    if convention == "nearest":
        index = int(np.argmin(np.abs(rates - tpr)))
    else:
        index = int(np.searchsorted(rates, tpr, side="left" if convention == "at_least" else "right"))
    return float(points.false_positive_rate[min(index, len(rates) - 1)])


def ranking_of(points: OperatingPoints) -> Ranking:
    """AP, AUROC, and FPR95 by the convention "at_least"."""
    return Ranking(average_precision(points), area_under_roc(points), fpr_at_tpr(points))


class ConfusionMatrix:
    """Closed-set confusion over K classes; truth outside 0..K−1 (void, unknown) is left out."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.counts = np.zeros((classes, classes), np.int64)
        """Rows = truth, columns = prediction."""

    def add(self, predicted: NDArray[np.uint8], truth: NDArray[np.uint8]) -> None:
        """Adds one image: both (H, W), prediction in 0..K−1."""
        known = truth < self.classes
        pairs = truth[known].astype(np.int64) * self.classes + predicted[known]
        self.counts += np.bincount(pairs, minlength=self.classes**2).reshape(self.classes, self.classes)

    def iou(self) -> NDArray[np.float64]:
        """(K,) IoU per class; nan for a class that neither truth nor prediction holds."""
        hits = np.diag(self.counts).astype(np.float64)
        union = self.counts.sum(0) + self.counts.sum(1) - hits
        return np.divide(hits, union, out=np.full(self.classes, np.nan), where=union > 0)

    def mean_iou(self) -> float:
        """Mean over the classes that occur, in 0..1."""
        return float(np.nanmean(self.iou()))
