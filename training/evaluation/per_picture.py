"""StreetHazards' protocol: each picture is ranked by itself, and the mean is taken over those that hold anomalies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.metrics.ranking import Ranking
from densehybrid_ros.metrics.ranking_pool import RankingPool


class PicturePool(RankingPool):
    """Points are those of all pixels together, the result is the mean over pictures with both kinds of pixels."""

    def __init__(self) -> None:
        super().__init__()
        self._rankings: list[Ranking] = []

    def add(self, score: NDArray[np.float32], truth: NDArray[np.uint8]) -> None:
        """One picture, as the pool takes it."""
        super().add(score, truth)
        own = RankingPool()
        own.add(score, truth)
        if own.has_both_kinds():
            self._rankings.append(own.result())

    def result(self) -> Ranking:
        """nan where no picture holds both kinds."""
        return Ranking.mean(self._rankings)
