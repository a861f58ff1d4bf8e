"""What a score costs where it is used: its best F1, and false-positive rates at given true-positive rates.

Three conventions are in use for the threshold that reaches a rate (`metrics.ranking.CONVENTIONS`); with few anomalies
they differ.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from densehybrid_ros.metrics.bootstrap import interval_of
from densehybrid_ros.metrics.figures import percent
from densehybrid_ros.metrics.ranking import CONVENTIONS, OperatingPoints, best_f1, fpr_at_tpr
from densehybrid_ros.metrics.table import Ends, interval_text, percent_text, table_lines

UNDEFINED = percent_text(None)


@dataclass(frozen=True)
class FalseAlarms:
    """Of one score, in 0..1; nan where pixels of one kind are absent."""

    f1: float
    threshold: float
    """That of the best F1."""
    fpr: dict[float, dict[str, float]]
    """By true-positive rate and convention."""


def false_alarms(points: OperatingPoints | None, rates: Sequence[float]) -> FalseAlarms:
    """At each of the true-positive rates; nan without points."""
    if points is None:
        return FalseAlarms(math.nan, math.nan, {rate: dict.fromkeys(CONVENTIONS, math.nan) for rate in rates})
    fpr = {rate: {name: fpr_at_tpr(points, rate, name) for name in CONVENTIONS} for rate in rates}
    return FalseAlarms(*best_f1(points), fpr)


def drawn_false_alarms(drawn: Iterable[OperatingPoints | None], rates: Sequence[float]) -> dict[str, Any]:
    """Both ends of "f1" and, below "fpr", of each rate and convention, in percent; of drawn sets with both kinds."""
    found = [false_alarms(points, rates) for points in drawn if points]
    return {
        "f1": interval_of([each.f1 for each in found]).percents(),
        "fpr": {
            _name(rate): {
                name: interval_of([each.fpr[rate][name] for each in found]).percents() for name in CONVENTIONS
            }
            for rate in rates
        },
    }


def false_alarms_figures(found: Mapping[str, FalseAlarms]) -> dict[str, dict[str, Any]]:
    """By score, as they are written to --json; all but thresholds in percent."""
    return {
        score: {
            "f1": percent(each.f1),
            "threshold": None if math.isnan(each.threshold) else each.threshold,
            "fpr": {
                _name(rate): {name: percent(value) for name, value in by_convention.items()}
                for rate, by_convention in each.fpr.items()
            },
        }
        for score, each in found.items()
    }


def false_alarms_text(
    found: Mapping[str, FalseAlarms], intervals: Mapping[str, Mapping[str, Any]], of: str = "score"
) -> list[str]:
    """A line for each score, or whatever else is named, and rate; all but thresholds in percent."""
    rows = [[of, "best F1 %", "threshold", "TPR", *(f"FPR % {name}" for name in CONVENTIONS)]]
    for score, each in found.items():
        ends = intervals.get(score, {"f1": (), "fpr": {}})
        threshold = UNDEFINED if math.isnan(each.threshold) else f"{each.threshold:.3f}"
        head = [score, percent_text(percent(each.f1)) + interval_text(ends["f1"]), threshold]
        for rate, by_convention in each.fpr.items():
            rows.append([*head, f"{rate:.2%}", *_cells(by_convention, ends["fpr"].get(_name(rate), {}))])
            head = ["", "", ""]
    return table_lines(rows)


def _cells(by_convention: Mapping[str, float], ends: Ends) -> list[str]:
    return [percent_text(percent(value)) + interval_text(ends.get(name, ())) for name, value in by_convention.items()]


def _name(rate: float) -> str:
    """A key of JSON, as in "0.95"."""
    return f"{rate:g}"
