"""Curves and histograms of a score, from its operating points, with few enough numbers to be drawn and written."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.metrics.ranking import OperatingPoints

STEPS = 100
"""Of each rate, at which a curve keeps a point."""
LEAST_FPR = 1e-5
"""From which on the steps of the false-positive rate grow by a factor."""
BINS = 60
TAILS = (0.001, 0.999)
"""Of either kind, the scores between which a histogram lies; what is beyond counts in the bins at its ends."""


def curve(points: OperatingPoints) -> dict[str, list[float]]:
    """JSON-able: threshold, true- and false-positive rate and precision (0..1) at points spread over both rates.

    Every one of them is a point of the exact curve; the first and the last of that are there.
    """
    tpr, fpr = points.true_positive_rate, points.false_positive_rate
    last = len(points.thresholds) - 1
    chosen = np.concatenate(
        [
            [0, last],
            np.searchsorted(tpr, np.linspace(0, 1, STEPS + 1)),
            np.searchsorted(fpr, np.geomspace(LEAST_FPR, 1, STEPS + 1)),
        ]
    )
    chosen = np.unique(chosen.clip(max=last))
    found = points.true_positives[chosen] + points.false_positives[chosen]
    return {
        "thresholds": _rounded(points.thresholds[chosen], 5),
        "tpr": _rounded(tpr[chosen], 6),
        "fpr": _rounded(fpr[chosen], 8),
        "precision": _rounded(points.true_positives[chosen] / found, 6),
    }


def histogram(points: OperatingPoints) -> dict[str, list[float]]:
    """JSON-able: edges of BINS equal bins, and the share of inliers and of anomalies (0..1) in each.

    All pixels count: those beyond the outermost edges are in the bins beside them.
    """
    low, high = _limits(points)
    edges = np.linspace(low, high, BINS + 1)
    return {
        "edges": _rounded(edges, 5),
        "inliers": _rounded(_shares(points, points.false_positives, edges), 6),
        "anomalies": _rounded(_shares(points, points.true_positives, edges), 6),
    }


def _limits(points: OperatingPoints) -> tuple[float, float]:
    """Of the scores that a histogram shows; never the same."""
    last = len(points.thresholds) - 1
    scores = [
        float(points.thresholds[min(int(np.searchsorted(rate, share)), last)])
        for rate in (points.true_positive_rate, points.false_positive_rate)
        for share in TAILS
    ]
    low, high = min(scores), max(scores)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _shares(points: OperatingPoints, counts: NDArray[np.int64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """(BINS,) share of the pixels with these cumulative counts that has a score in each bin."""
    reached = np.searchsorted(-points.thresholds.astype(np.float64), -edges[1:-1], side="right")  # score ≥ edge
    above = np.concatenate([[0], counts])[reached]
    return -np.diff(np.concatenate([[counts[-1]], above, [0]])) / counts[-1]


def _rounded(values: Any, digits: int) -> list[float]:
    return [round(float(value), digits) for value in values]
