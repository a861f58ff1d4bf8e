"""False alarms of each score by distance: every range at thresholds of its own, as its FPR95 has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.metrics.by_range import RangeTable
from densehybrid_ros.training.evaluation.false_alarms import (
    FalseAlarms,
    drawn_false_alarms,
    false_alarms,
    false_alarms_figures,
    false_alarms_text,
)


@dataclass(frozen=True)
class RangeFalseAlarms:
    """Of all scores; the rows of a score are those of its table, all pixels first."""

    tables: Mapping[str, RangeTable]
    rates: tuple[float, ...]
    """True-positive rates in 0..1."""
    rows: int
    """So many of the rows."""
    drawn: NDArray[np.int64] | None
    """(B, P) sets drawn of the frames, for intervals."""

    def figures(self) -> dict[str, dict[str, Any]]:
        """By score, as they are written to --json, those of the ranges as `by_range`."""
        found: dict[str, dict[str, Any]] = {}
        for score, table in self.tables.items():
            overall, *others = false_alarms_figures(self._named(table)).values()
            ranges = [{"low": row.low, "high": row.high} for row in table.rows()[1 : self.rows]]
            found[score] = {**overall, "by_range": [{**a, **b} for a, b in zip(ranges, others, strict=True)]}
        return found

    @cached_property
    def intervals(self) -> dict[str, list[dict[str, Any]]]:
        """By score, those of each row; empty where a row lacks a kind of pixels."""
        if self.drawn is None:
            return {}
        return {score: self._intervals(table, self.drawn) for score, table in self.tables.items()}

    def text(self) -> list[str]:
        """A table of all scores; with ranges, one for each."""
        intervals = self.intervals
        if self.rows == 1:
            overall = {score: false_alarms(table.points(), self.rates) for score, table in self.tables.items()}
            return ["", *false_alarms_text(overall, {score: rows[0] for score, rows in intervals.items() if rows[0]})]
        lines: list[str] = []
        for score, table in self.tables.items():
            named = self._named(table)
            ends = zip(named, intervals.get(score, ()), strict=False)
            lines += ["", score, *false_alarms_text(named, {name: each for name, each in ends if each}, "range m")]
        return lines

    def _named(self, table: RangeTable) -> dict[str, FalseAlarms]:
        rows = zip(table.rows()[: self.rows], table.row_points(), strict=False)
        return {row.name: false_alarms(points, self.rates) for row, points in rows}

    def _intervals(self, table: RangeTable, draws: NDArray[np.int64]) -> list[dict[str, Any]]:
        rows = table.drawn_points(draws)[: self.rows]
        return [{} if points is None else drawn_false_alarms(points, self.rates) for points in rows]
