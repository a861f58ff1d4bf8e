"""Pooled AP, AUROC and FPR95 of any number of frames, overall and by distance, in constant memory (`score_sketch`)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.labels import IGNORE, OUTLIER
from densehybrid_ros.metrics.cells import HALF
from densehybrid_ros.metrics.picture_scores import MEMORY, PictureScores
from densehybrid_ros.metrics.ranking import OperatingPoints, Ranking
from densehybrid_ros.metrics.score_sketch import KEPT_PIXELS, ScoreSketch
from densehybrid_ros.metrics.table import Ends, percent_cells, percent_headings, table_lines
from densehybrid_ros.metrics.tensors import Array, on_host

EDGES = np.arange(5, 51, 5, dtype=np.float32)
"""m; a bin runs from one of them (inclusive) to the next (exclusive)."""
KEPT_IN_BIN = 1 / 8
"""Share of the pixels that are ranked exactly in all: so many are in each bin."""


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

    @property
    def name(self) -> str:
        """As readers see it: all, or both limits."""
        return "all" if self.low is None or self.high is None else f"{self.low:g}-{self.high:g}"


class RangeTable:
    """Collects the pixels of many frames."""

    def __init__(self, pictures: int = 0, kept_pixels: int = KEPT_PIXELS, picture_bytes: int = MEMORY) -> None:
        """`pictures`: how many frames will come, where they are to be drawn anew, and `picture_bytes` for all of them;
        `kept_pixels`: ranked exactly."""
        self._all = ScoreSketch(kept_pixels)
        self._bins = [ScoreSketch(int(KEPT_IN_BIN * kept_pixels), HALF) for _ in EDGES[1:]]
        self._pictures = [PictureScores(pictures, picture_bytes // len(EDGES)) for _ in EDGES] if pictures else []
        """Of the rows."""

    def add(self, score: Array, truth: Array, metres: Array | None = None) -> None:
        """Adds one frame: arrays, or tensors on any device.

        Args:
            score: (H, W), finite where the truth is not ignored, higher = more anomalous.
            truth: (H, W), 0 = inlier, 1 = anomaly, 255 = ignore.
            metres: (H, W); not finite, 0 and below = no range: the pixel counts in the overall row alone. None = no
                pixel has a range.

        Raises:
            ValueError: shapes or types differ from these, other truth, or a score is not finite. Nothing is added.
        """
        self._add(on_host(score), on_host(truth), None if metres is None else on_host(metres))

    def _add(self, score: NDArray[Any], truth: NDArray[Any], metres: NDArray[Any] | None) -> None:
        _check(score, truth, metres)
        labelled = np.flatnonzero(truth != IGNORE)  # quicker than to gather by mask three times
        anomalous = truth.ravel()[labelled]
        if anomalous.size and anomalous.max() > OUTLIER:
            raise ValueError(f"truth must be 0, 1 or 255, but holds {anomalous.max()}")
        scores, outliers = score.ravel()[labelled], anomalous == OUTLIER
        self._all.add(scores, outliers)
        if self._pictures:
            self._pictures[0].add(scores, outliers)
        # nan and inf sort behind the last edge, 0 and below before the first: none of them is in a bin
        places = None if metres is None else np.searchsorted(EDGES, metres.ravel()[labelled], side="right")
        for place, pixels in enumerate(self._bins, 1):
            inside = np.zeros(0, np.int64) if places is None else np.flatnonzero(places == place)
            if inside.size:
                pixels.add(scores[inside], outliers[inside])
            if self._pictures:
                self._pictures[place].add(scores[inside], outliers[inside])

    @property
    def pixels(self) -> int:
        """Labelled ones so far."""
        return int(self._all.counts.sum())

    def points(self) -> OperatingPoints | None:
        """Of all pixels together; None where there are no pixels of one kind."""
        return self.row_points()[0]

    def row_points(self) -> list[OperatingPoints | None]:
        """For each of `rows`; None where there are no pixels of one kind."""
        return [each.points() if each.counts.all() else None for each in (self._all, *self._bins)]

    def rows(self) -> list[RangeRow]:
        """The overall row, then one for each bin from the nearest to the farthest."""
        bins = zip(self._bins, EDGES, EDGES[1:], strict=False)
        return [_row(self._all, None, None), *(_row(each, float(low), float(high)) for each, low, high in bins)]

    def drawn(self, draws: NDArray[np.int64]) -> list[list[Ranking]]:
        """For each of `rows`, its ranking in each draw (B, P) of the P frames so far; empty where it has none."""
        pairs = zip(self.row_points(), self._pictures, strict=True)
        return [pictures.drawn_rankings(draws, points) if points else [] for points, pictures in pairs]

    def drawn_points(self, draws: NDArray[np.int64]) -> list[Iterator[OperatingPoints | None] | None]:
        """For each of `rows`, its points in each draw, None in draws that lack a kind of pixels; None where it does."""
        pairs = zip(self.row_points(), self._pictures, strict=True)
        return [pictures.drawn(draws, points) if points else None for points, pictures in pairs]

    def drawn_rates(self, draws: NDArray[np.int64], threshold: float) -> list[NDArray[np.float64]]:
        """For each of `rows`, (B, 2) false- and true-positive rate of score ≥ threshold in each draw (B, P)."""
        return [pictures.drawn_rates(draws, threshold) for pictures in self._pictures]


def _row(pixels: ScoreSketch, low: float | None, high: float | None) -> RangeRow:
    ranking = Ranking.of(pixels.points()) if pixels.counts.all() else None
    inliers, anomalous = pixels.counts.tolist()
    return RangeRow(low, high, inliers, anomalous, ranking)


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


def table_text(rows: Sequence[RangeRow], intervals: Sequence[Ends] = ()) -> str:
    """The rows as lines for a terminal; `intervals` of each, where there are some."""
    header = ["range m", *percent_headings(Ranking.titles()), "inlier px", "anomalous px"]
    return "\n".join(table_lines([header, *map(_cells, rows, intervals or [{}] * len(rows))]))


def _cells(row: RangeRow, ends: Ends) -> list[str]:
    return [row.name, *percent_cells(row_percents(row), ends), str(row.inlier_pixels), str(row.anomalous_pixels)]


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
