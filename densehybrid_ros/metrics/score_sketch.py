"""Scores of any number of pixels in constant memory, so that AP, AUROC and FPR95 keep to 1e-4 whatever the score.

Pixels are kept until there are many. Then they are counted in cells (`cells`), so that saturation costs nothing. A cell
that outgrows its share is cut where the newest pixels lie; the older ones are a small part of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.metrics.cells import FINE, Cells, Resolution, first_cells, grown, points_of, thinned
from densehybrid_ros.metrics.ranking import OperatingPoints, operating_points
from densehybrid_ros.metrics.tensors import sort_in_place

KEPT_PIXELS = 1 << 22
"""That are kept before they are counted, 4 bytes each."""


class ScoreSketch:
    """Collects the scores of inlier and anomalous pixels."""

    def __init__(self, kept_pixels: int = KEPT_PIXELS, resolution: Resolution = FINE) -> None:
        self._kept_pixels, self._resolution = kept_pixels, resolution
        self._kept: tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]] = ([], [])
        """Inlier and anomalous scores that are in no cell."""
        self._cells: Cells | None = None
        self.counts = np.zeros(2, np.int64)
        """Inlier and anomalous pixels."""

    def add(self, scores: NDArray[np.float32], anomalous: NDArray[np.bool_]) -> None:
        """Adds (N,) scores, higher = more anomalous.

        Raises:
            ValueError: a score is not finite; nothing is added.
        """
        self.add_kinds(scores[~anomalous], scores[anomalous])

    def add_kinds(self, *kinds: NDArray[np.float32]) -> None:
        """Adds inlier and anomalous scores, as `add`; they are kept, and must not be changed afterwards."""
        if not all(np.isfinite(each).all() for each in kinds):
            raise ValueError("a score is not finite")
        for kind, chosen in enumerate(kinds):
            self._kept[kind].append(chosen)
            self.counts[kind] += chosen.size
        if sum(each.size for kind in self._kept for each in kind) > self._kept_pixels:
            self._cells = self._all_in_cells()
            self._kept = ([], [])

    def points(self) -> OperatingPoints:
        """Operating points of all pixels; a cell is one point.

        Raises:
            ValueError: one of the kinds is absent.
        """
        if not self.counts.all():
            raise ValueError(f"{self.counts[1]} of {self.counts.sum()} pixels are anomalous; both kinds are needed")
        if self._cells is None:
            scores = [np.concatenate(each) for each in self._kept]
            return operating_points(np.concatenate(scores), np.repeat([False, True], [each.size for each in scores]))
        return points_of(self._all_in_cells())

    def _all_in_cells(self) -> Cells:
        kept = [np.concatenate([np.zeros(0, np.float32), *each]) for each in self._kept]
        for each in kept:
            sort_in_place(each)
        own = self._resolution
        cells = first_cells(kept, own) if self._cells is None else grown(self._cells, kept, own)
        return thinned(cells, own) if cells.edges.size > own.most_edges else cells
