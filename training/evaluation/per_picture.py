"""StreetHazards' protocol: each picture is ranked by itself, and the mean is taken over those that hold anomalies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.metrics.cells import FINE, Resolution
from densehybrid_ros.metrics.picture_scores import MEMORY
from densehybrid_ros.metrics.ranking import Ranking
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.metrics.score_sketch import KEPT_PIXELS
from densehybrid_ros.metrics.tensors import Array


class PicturePool(RankingPool):
    """Points are those of all pixels together, the result is the mean over pictures with both kinds of pixels."""

    def __init__(
        self,
        kept_pixels: int = KEPT_PIXELS,
        pictures: int = 0,
        resolution: Resolution = FINE,
        picture_bytes: int = MEMORY,
    ) -> None:
        super().__init__(kept_pixels, pictures, resolution, picture_bytes)
        self._rankings: list[Ranking | None] = []
        """By picture; None of those with one kind of pixels alone."""

    def add(self, score: Array, truth: Array) -> None:
        """One picture, as the pool takes it."""
        super().add(score, truth)
        own = RankingPool()
        own.add(score, truth)
        self._rankings.append(own.result() if own.has_both_kinds() else None)

    def result(self) -> Ranking:
        """nan where no picture holds both kinds."""
        return Ranking.mean([each for each in self._rankings if each])

    def drawn(self, draws: NDArray[np.int64]) -> list[Ranking]:
        """nan where a draw has no picture with both kinds."""
        ranked = [place for place, each in enumerate(self._rankings) if each]
        rankings = [each for each in self._rankings if each]
        return [Ranking.mean(rankings, weights) for weights in draws[:, ranked].tolist()]
