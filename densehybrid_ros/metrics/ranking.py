"""How well a score ranks anomalies above inliers: average precision, AUROC, FPR at 95 % TPR."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.metrics.figures import Figures, figure
from densehybrid_ros.metrics.tensors import Array, on_host


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


def operating_points(scores: Array, anomalous: Array) -> OperatingPoints:
    """Exact points of the ROC and precision-recall curves; ties share one point. Tensors are ranked on their device.

    Args:
        scores: (N,), finite, higher = more anomalous.
        anomalous: (N,) bool; an array or a tensor as the scores are.

    Raises:
        ValueError: a class is absent, or a score is not finite; the metrics are undefined then.
    """
    positives = int(anomalous.sum())
    if positives in (0, len(anomalous)):
        raise ValueError(f"{positives} of {len(anomalous)} pixels are anomalous; both kinds are needed")
    ranked = _points_of_arrays if isinstance(scores, np.ndarray) else _points_of_tensors
    points = ranked(scores, anomalous)
    if not np.isfinite(points.thresholds).all():
        raise ValueError("a score is not finite")
    return points


def _points_of_arrays(scores: Any, anomalous: Any) -> OperatingPoints:
    order = np.argsort(scores)[::-1]
    ranked = scores[order]
    hits = np.cumsum(anomalous[order], dtype=np.int64)
    ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), ranked.size - 1)  # nan differs from itself
    return OperatingPoints(ranked[ends], hits[ends], ends + 1 - hits[ends])


def _points_of_tensors(scores: Any, anomalous: Any) -> OperatingPoints:
    ranked, order = scores.detach().float().sort(descending=True)
    hits = anomalous[order].cumsum(0)
    ends = np.append(on_host((ranked[1:] != ranked[:-1]).nonzero()[:, 0]), len(ranked) - 1)
    found = on_host(hits[ends])
    return OperatingPoints(on_host(ranked[ends]), found, ends + 1 - found)


def average_precision(points: OperatingPoints) -> float:
    """Σ ΔR·P, without interpolation."""
    precision = points.true_positives / (points.true_positives + points.false_positives)
    return float(np.sum(np.diff(points.true_positive_rate, prepend=0.0) * precision))


def area_under_roc(points: OperatingPoints) -> float:
    """Trapezoid area under the ROC curve from (0, 0)."""
    horizontal = np.append(0.0, points.false_positive_rate)
    vertical = np.append(0.0, points.true_positive_rate)
    return float(np.sum(np.diff(horizontal) * (vertical[1:] + vertical[:-1]) / 2))


def first_at_least(rates: NDArray[np.float64], tpr: float) -> int:
    """Place of the highest threshold whose true-positive rate is ≥ `tpr`; the one that reports give."""
    return int(np.searchsorted(rates, tpr))


def first_above(rates: NDArray[np.float64], tpr: float) -> int:
    """Place of the highest threshold whose true-positive rate is > `tpr`, as in the authors' released code."""
    return int(np.searchsorted(rates, tpr, side="right"))


def nearest_to(rates: NDArray[np.float64], tpr: float) -> int:
    """Place of the threshold whose true-positive rate is nearest to `tpr`, as the code of anomaly-seg (StreetHazards).

    Of two that are as near it is the lower; of several with one rate the lowest, but for a rate of 1 the highest.
    """
    found = rates[: int(np.searchsorted(rates, rates[-1])) + 1]
    return len(found) - 1 - int(np.argmin(np.abs(found[::-1] - tpr)))


CONVENTIONS: dict[str, Callable[[NDArray[np.float64], float], int]] = {
    "at_least": first_at_least,
    "strict": first_above,
    "nearest": nearest_to,
}
"""At which of the thresholds, whose true-positive rates rise, a rate counts as reached."""


def place_at_tpr(points: OperatingPoints, tpr: float = 0.95, convention: str = "at_least") -> int:
    """Of the threshold at which `tpr` is reached; the last where none reaches it."""
    place = CONVENTIONS[convention](points.true_positive_rate, tpr)
    return min(place, len(points.thresholds) - 1)


def threshold_at_tpr(points: OperatingPoints, tpr: float = 0.95, convention: str = "at_least") -> float:
    """Score ≥ threshold reaches `tpr`."""
    return float(points.thresholds[place_at_tpr(points, tpr, convention)])


def fpr_at_tpr(points: OperatingPoints, tpr: float = 0.95, convention: str = "at_least") -> float:
    """False-positive rate where the true-positive rate reaches `tpr`, by one of CONVENTIONS."""
    return float(points.false_positive_rate[place_at_tpr(points, tpr, convention)])


def best_f1(points: OperatingPoints) -> tuple[float, float]:
    """The greatest F1, and the threshold at which score ≥ threshold has it; the highest of several."""
    precision = points.true_positives / (points.true_positives + points.false_positives)
    recall = points.true_positive_rate
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
    best = int(np.argmax(f1))
    return float(f1[best]), float(points.thresholds[best])


@dataclass(frozen=True)
class Ranking(Figures):
    """How well a score ranks anomalous pixels above inlier pixels: figures of its `OperatingPoints`."""

    ap: float = figure("AP", average_precision)
    fpr95: float = figure("FPR95", fpr_at_tpr)
    auroc: float = figure("AUROC", area_under_roc)
