"""What a target true-positive rate promises by the calibration of the weights, and what comes on another set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.metrics.bootstrap import interval_of
from densehybrid_ros.metrics.picture_scores import PictureScores
from densehybrid_ros.metrics.ranking import OperatingPoints
from densehybrid_ros.metrics.table import Ends, interval_text, table_lines


@dataclass(frozen=True)
class Promise:
    """The threshold on a score at which the calibration has the target rate (0..1)."""

    score: str
    target_tpr: float
    threshold: float

    def on(self, points: OperatingPoints) -> Reached:
        """What it gives on the set of these points."""
        return Reached(self.score, self.target_tpr, self.threshold, *rates_at(points, self.threshold))


@dataclass(frozen=True)
class Reached(Promise):
    """With the rates (0..1) that come."""

    tpr: float
    fpr: float


def promised(segmenter: Segmenter, scores: Sequence[str], targets: Sequence[float]) -> list[Promise]:
    """For each score, by each target.

    Raises:
        SetupError: the weights hold no calibration of a score.
    """
    return [Promise(name, target, segmenter.threshold_for(target, name)) for name in scores for target in targets]


def rates_at(points: OperatingPoints, threshold: float) -> tuple[float, float]:
    """True- and false-positive rate of score ≥ threshold."""
    found = int(np.searchsorted(-points.thresholds, -threshold, side="right"))
    if not found:
        return 0.0, 0.0
    return float(points.true_positive_rate[found - 1]), float(points.false_positive_rate[found - 1])


def reached_intervals(
    rates: Sequence[Reached], pictures: Mapping[str, PictureScores], draws: NDArray[np.int64]
) -> list[dict[str, list[float | None]]]:
    """For each of them, both ends of "tpr" and "fpr" in percent, of sets (B, P) drawn of the pictures."""
    drawn = [pictures[each.score].drawn_rates(draws, each.threshold) for each in rates]
    return [{name: interval_of(each[:, kind]).percents() for name, kind in (("tpr", 1), ("fpr", 0))} for each in drawn]


def reached_text(rates: Sequence[Reached], intervals: Sequence[Ends] = ()) -> list[str]:
    """A line for each; rates in percent."""
    rows = [
        [
            *(each.score, f"{each.target_tpr:.2%}", f"{each.threshold:.3f}"),
            f"{each.tpr:.2%}{interval_text(ends.get('tpr', ()))}",
            f"{each.fpr:.2%}{interval_text(ends.get('fpr', ()))}",
        ]
        for each, ends in zip(rates, intervals or [{}] * len(rates), strict=True)
    ]
    return table_lines([["score", "target TPR", "threshold", "TPR", "FPR"], *rows])
