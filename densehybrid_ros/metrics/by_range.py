"""Pooled AP, AUROC and FPR95 of any number of frames, overall and by distance, in constant memory.

The scores are counted in cells (see `score_histogram`). Scores that spread over their own magnitude lose less than 1e-4
of AP by it; those that differ by a few thousandths of their magnitude alone, as an untrained network's do, lose more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.labels import IGNORE, INLIER, OUTLIER
from densehybrid_ros.metrics.ranking import Ranking
from densehybrid_ros.metrics.score_histogram import ScoreHistogram, histogram_points
from densehybrid_ros.metrics.table import percent_cells, percent_headings, table_lines

EDGES = np.arange(5, 51, 5, dtype=np.float32)
"""m; a bin runs from one of them (inclusive) to the next (exclusive)."""
PLACES = EDGES.size + 1
"""Nearer than the first edge, the bins, and beyond the last one or without a range."""


@dataclass(frozen=True)
class RangeRow:
    """How well the pixels of one range of distances are ranked; both limits are None for all pixels together."""

    low: float | None
    """m, inclusive."""
    high: float | None
    """m, exclusive."""
    inlier_pixels: int
    anomalous_pixels: int
    ranking: Ranking | None
    """None where there are no pixels of one kind."""


class RangeTable:
    """Collects the pixels of many frames."""

    def __init__(self) -> None:
        self._histogram = ScoreHistogram(2 * PLACES)

    def add(
        self, score: NDArray[np.float32], truth: NDArray[np.uint8], metres: NDArray[np.float32] | None = None
    ) -> None:
        """Adds one frame.

        Args:
            score: (H, W), finite where the truth is not ignored, higher = more anomalous.
            truth: (H, W), 0 = inlier, 1 = anomaly, 255 = ignore.
            metres: (H, W); not finite, 0 and below = no range: the pixel counts in the overall row alone. None = no
                pixel has a range.

        Raises:
            ValueError: shapes or types differ from these, other truth, or a score is not finite. Nothing is added.
        """
        _check(score, truth, metres)
        labelled = np.flatnonzero(truth != IGNORE)  # quicker than to gather by mask three times
        anomalous = truth.ravel()[labelled]
        if anomalous.size and anomalous.max() > OUTLIER:
            raise ValueError(f"truth must be 0, 1 or 255, but holds {anomalous.max()}")
        groups = np.full(anomalous.size, 2 * (PLACES - 1), np.int64)
        if metres is not None:
            # nan and inf sort behind the last edge, 0 and below before the first: none of them is in a bin
            groups = 2 * np.searchsorted(EDGES, metres.ravel()[labelled], side="right")
        self._histogram.add(score.ravel()[labelled], groups + anomalous)

    def rows(self) -> list[RangeRow]:
        """The overall row, then one for each bin from the nearest to the farthest."""
        bins = [self._row([place], float(EDGES[place - 1]), float(EDGES[place])) for place in range(1, EDGES.size)]
        return [self._row(range(PLACES), None, None), *bins]

    def _row(self, places: Sequence[int], low: float | None, high: float | None) -> RangeRow:
        inliers = self._histogram.counts([2 * place + INLIER for place in places])
        anomalous = self._histogram.counts([2 * place + OUTLIER for place in places])
        ranking = None
        if inliers.any() and anomalous.any():
            ranking = Ranking.of(histogram_points(inliers, anomalous))
        return RangeRow(low, high, int(inliers.sum()), int(anomalous.sum()), ranking)


def range_of_disparity(
    disparity: NDArray[np.float32], focal_length: float, baseline: float, min_disparity: float = 0.0
) -> NDArray[np.float32]:
    """(H, W) f·t/d in m for finite d > max(min_disparity, 0), else 0.

    Args:
        disparity: (H, W), px.
        focal_length: f, px.
        baseline: t, m.
        min_disparity: px; not finite = 0.
    """
    least = max(min_disparity, 0.0) if math.isfinite(min_disparity) else 0.0
    valid = (disparity > least) & (disparity < np.inf)  # nan compares false
    return np.divide(np.float32(focal_length * baseline), disparity, out=np.zeros_like(disparity), where=valid)


def table_dict(rows: Sequence[RangeRow]) -> dict[str, Any]:
    """JSON-able: figures of the overall row in percent, None where they are undefined, and `by_range` with the others.

    Args:
        rows: as `RangeTable.rows` gives them, or the first of them alone.
    """
    by_range = [{"low": row.low, "high": row.high, **_figures(row)} for row in rows[1:]]
    return {**_figures(rows[0]), "by_range": by_range}


def table_text(rows: Sequence[RangeRow]) -> str:
    """The rows as lines for a terminal."""
    header = ["range m", *percent_headings(Ranking.titles()), "inlier px", "anomalous px"]
    return "\n".join(table_lines([header, *map(_cells, rows)]))


def _cells(row: RangeRow) -> list[str]:
    name = "all" if row.low is None or row.high is None else f"{row.low:g}-{row.high:g}"
    return [name, *percent_cells(row_percents(row)), str(row.inlier_pixels), str(row.anomalous_pixels)]


def _figures(row: RangeRow) -> dict[str, Any]:
    return {**row_percents(row), "inlier_pixels": row.inlier_pixels, "anomalous_pixels": row.anomalous_pixels}


def row_percents(row: RangeRow) -> dict[str, float | None]:
    """Figure → percent; None where the row lacks a kind of pixels."""
    return (row.ranking or Ranking.mean([])).percents()


def _check(score: NDArray[np.generic], truth: NDArray[np.generic], metres: NDArray[np.generic] | None) -> None:
    if score.dtype != np.float32 or score.ndim != 2:
        raise ValueError(f"score must be float32 (H, W), not {score.dtype} {score.shape}")
    if truth.dtype != np.uint8 or truth.shape != score.shape:
        raise ValueError(f"truth must be uint8 {score.shape} like the score, not {truth.dtype} {truth.shape}")
    if metres is not None and (metres.dtype != np.float32 or metres.shape != score.shape):
        raise ValueError(f"metres must be float32 {score.shape} like the score, not {metres.dtype} {metres.shape}")
