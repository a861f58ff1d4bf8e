"""Pixels of many images, ranked together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.labels import IGNORE, OUTLIER
from densehybrid_ros.metrics.ranking import OperatingPoints, Ranking, operating_points
from densehybrid_ros.metrics.score_histogram import ScoreHistogram, histogram_points

EXACT_PIXELS = 1 << 25
"""Up to so many every score is kept (5 bytes each); beyond, they are counted in cells (see `score_histogram`), so that
sets of any size fit in memory. AP then differs by less than 0.01 points where scores spread as they should."""


class RankingPool:
    """Collects pixels of many images and ranks them together."""

    def __init__(self, exact_pixels: int = EXACT_PIXELS) -> None:
        self._exact_pixels = exact_pixels
        self._scores: list[NDArray[np.float32]] = []
        self._anomalous: list[NDArray[np.bool_]] = []
        self._counts = np.zeros(2, np.int64)
        """Inlier and anomalous pixels so far."""
        self._histogram: ScoreHistogram | None = None

    def add(self, score: NDArray[np.float32], truth: NDArray[np.uint8]) -> None:
        """Adds one image: score (H, W) and binary truth (H, W).

        Raises:
            ValueError: a score is not finite where the truth is not ignored.
        """
        labelled = truth != IGNORE
        scores, anomalous = score[labelled], truth[labelled] == OUTLIER
        if not np.isfinite(scores).all():
            raise ValueError("a score is not finite")
        self._counts += np.bincount(anomalous, minlength=2)
        if self._histogram is not None:
            self._histogram.add(scores, anomalous.astype(np.int64))
            return
        self._scores.append(scores)
        self._anomalous.append(anomalous)
        if self._counts.sum() > self._exact_pixels:
            self._histogram = ScoreHistogram(2)
            for scores, anomalous in zip(self._scores, self._anomalous, strict=True):
                self._histogram.add(scores, anomalous.astype(np.int64))
            self._scores, self._anomalous = [], []

    def has_both_kinds(self) -> bool:
        """Whether anomalous and inlier pixels were added, so that a ranking is defined."""
        return bool(self._counts.all())

    def points(self) -> OperatingPoints:
        """Operating points over all pixels so far; ValueError where one of the kinds is absent."""
        if not self.has_both_kinds():
            raise ValueError(f"{self._counts[1]} of {self._counts.sum()} pixels are anomalous; both kinds are needed")
        if self._histogram is not None:
            return histogram_points(self._histogram.counts([0]), self._histogram.counts([1]))
        return operating_points(np.concatenate(self._scores), np.concatenate(self._anomalous))

    def result(self) -> Ranking:
        """The ranking of all pixels so far; ValueError where one of the kinds is absent."""
        return Ranking.of(self.points())
