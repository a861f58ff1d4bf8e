"""What a target true-positive rate promises by the calibration of the weights, and what comes on another set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.metrics.bootstrap import interval_of
from densehybrid_ros.metrics.by_range import RangeTable
from densehybrid_ros.metrics.picture_scores import PictureScores
from densehybrid_ros.metrics.ranking import OperatingPoints
from densehybrid_ros.metrics.table import Ends, interval_text, percent_text, table_lines


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
    return list(map(_ends, drawn))


def _ends(rates: NDArray[np.float64]) -> dict[str, list[float | None]]:
    """Of (B, 2) false- and true-positive rates."""
    return {name: interval_of(rates[:, kind]).percents() for name, kind in (("tpr", 1), ("fpr", 0))}


def reached_text(rates: Sequence[Reached], intervals: Sequence[Ends] = ()) -> list[str]:
    """A line for each; rates in percent."""
    rows = [
        [
            *(each.score, f"{each.target_tpr:.2%}", f"{each.threshold:.3f}"),
            _rate_text(each.tpr, ends.get("tpr", ())),
            _rate_text(each.fpr, ends.get("fpr", ())),
        ]
        for each, ends in zip(rates, intervals or [{}] * len(rates), strict=True)
    ]
    return table_lines([["score", "target TPR", "threshold", "TPR", "FPR"], *rows])


@dataclass(frozen=True)
class RangePromises:
    """Promises of several scores by distance: one threshold for all ranges, as a vehicle has one."""

    promises: Sequence[Promise]
    tables: Mapping[str, RangeTable]
    rows: int
    """So many of a table's rows, all pixels first."""
    drawn: NDArray[np.int64] | None
    """(B, P) sets drawn of the frames, for intervals."""

    @cached_property
    def reached(self) -> list[list[Reached]]:
        """For each promise, in each row; nan where a row lacks a kind of pixels."""
        points = {name: table.row_points()[: self.rows] for name, table in self.tables.items()}
        return [[_reached(each, row) for row in points[each.score]] for each in self.promises]

    @cached_property
    def intervals(self) -> list[list[dict[str, list[float | None]]]]:
        """Both ends of "tpr" and "fpr" in percent, for each promise and row."""
        if self.drawn is None:
            return []
        rates = [self.tables[each.score].drawn_rates(self.drawn, each.threshold) for each in self.promises]
        return [[_ends(row) for row in rows[: self.rows]] for rows in rates]

    def figures(self) -> list[dict[str, Any]]:
        """As they are written to --json, those of the ranges as `by_range`; rates in 0..1, None where undefined."""
        found: list[dict[str, Any]] = []
        for promise, (overall, *others) in zip(self.promises, self.reached, strict=True):
            limits = [{"low": row.low, "high": row.high} for row in self.tables[promise.score].rows()[1 : self.rows]]
            ranges = [{**a, "tpr": _known(b.tpr), "fpr": _known(b.fpr)} for a, b in zip(limits, others, strict=True)]
            found.append({**asdict(overall), "by_range": ranges})
        return found

    def text(self) -> list[str]:
        """A line for each promise and row; rates in percent."""
        rows = [["score", "target TPR", "threshold", "range m", "TPR", "FPR"]]
        for place, (promise, reached) in enumerate(zip(self.promises, self.reached, strict=True)):
            names = [row.name for row in self.tables[promise.score].rows()[: self.rows]]
            ends = self.intervals[place] if self.intervals else [{}] * self.rows
            for name, each, own in zip(names, reached, ends, strict=True):
                head = [promise.score, f"{promise.target_tpr:.2%}", f"{promise.threshold:.3f}"]
                rates = [_rate_text(each.tpr, own.get("tpr", ())), _rate_text(each.fpr, own.get("fpr", ()))]
                rows.append([*(head if name == names[0] else ["", "", ""]), name, *rates])
        return table_lines(rows)


def _reached(promise: Promise, points: OperatingPoints | None) -> Reached:
    undefined = Reached(promise.score, promise.target_tpr, promise.threshold, math.nan, math.nan)
    return undefined if points is None else promise.on(points)


def _known(rate: float) -> float | None:
    return None if math.isnan(rate) else rate


def _rate_text(rate: float, ends: Sequence[float | None]) -> str:
    """In percent, as in "88.10% [85.00, 91.00]"; a dash where it is undefined."""
    return percent_text(None) if math.isnan(rate) else f"{rate:.2%}{interval_text(ends)}"
