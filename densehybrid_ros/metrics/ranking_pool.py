"""Pixels of many images, ranked together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.labels import IGNORE, OUTLIER
from densehybrid_ros.metrics.cells import FINE, Resolution
from densehybrid_ros.metrics.picture_scores import MEMORY, PictureScores
from densehybrid_ros.metrics.ranking import OperatingPoints, Ranking
from densehybrid_ros.metrics.score_sketch import KEPT_PIXELS, ScoreSketch
from densehybrid_ros.metrics.tensors import Array, on_host


class RankingPool:
    """Collects pixels of many images and ranks them together, in constant memory (see `score_sketch`)."""

    def __init__(
        self,
        kept_pixels: int = KEPT_PIXELS,
        pictures: int = 0,
        resolution: Resolution = FINE,
        picture_bytes: int = MEMORY,
    ) -> None:
        """`pictures`: how many will come, where they are to be drawn anew; `picture_bytes` are for all of them."""
        self._scores = ScoreSketch(kept_pixels, resolution)
        self.pictures = PictureScores(pictures, picture_bytes) if pictures else None
        """Each by itself."""

    def add(self, score: Array, truth: Array) -> None:
        """Adds one image: score (H, W) float32 and binary truth (H, W) uint8, arrays or tensors.

        Raises:
            ValueError: a score is not finite where the truth is not ignored.
        """
        labels, values = on_host(truth), on_host(score)
        anomalous = labels == OUTLIER
        kinds = values[(labels != IGNORE) & ~anomalous], values[anomalous]
        self._scores.add_kinds(*kinds)
        if self.pictures is not None:
            self.pictures.add_kinds(*kinds)

    def has_both_kinds(self) -> bool:
        """Whether anomalous and inlier pixels were added, so that a ranking is defined."""
        return bool(self._scores.counts.all())

    def points(self) -> OperatingPoints:
        """Operating points over all pixels so far; ValueError where one of the kinds is absent."""
        return self._scores.points()

    def result(self) -> Ranking:
        """The ranking of all pixels so far; ValueError where one of the kinds is absent."""
        return Ranking.of(self.points())

    def drawn(self, draws: NDArray[np.int64]) -> list[Ranking]:
        """The ranking of each draw (B, P) of the P pictures so far; nan where a draw has one kind of pixels alone."""
        assert self.pictures is not None, "pictures that are drawn must be announced"
        return self.pictures.drawn_rankings(draws, self.points())
