"""Scores of any number of pixels in constant memory: counts in cells of a relative width of at most 2⁻¹¹.

A cell is the top 20 bits of the integer that sorts as the float32 does: sign, exponent and 11 bits of mantissa. Cells
of one sign and exponent make a page; only pages that were hit take memory, 16 KiB each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.metrics.ranking import OperatingPoints

MANTISSA_BITS = 11
PAGE_BITS = 9
"""Sign and exponent."""
SHIFT = 32 - PAGE_BITS - MANTISSA_BITS
PAGE = 1 << MANTISSA_BITS
"""Cells per page."""
PAGES = 1 << PAGE_BITS
SIGN = np.uint32(0x8000_0000)


class ScoreHistogram:
    """Counts by group and cell. A group is whatever the caller tells apart, such as inlier and anomalous pixels."""

    def __init__(self, groups: int) -> None:
        self.groups = groups
        self._rows = np.full((groups, PAGES), -1, np.int64)
        """Row of `_counts` of each page; −1 = not hit so far."""
        self._counts = np.zeros((0, PAGE), np.int64)

    def add(self, scores: NDArray[np.float32], groups: NDArray[np.integer]) -> None:
        """Counts (N,) scores, each in its group 0..groups−1.

        Raises:
            ValueError: a score is not finite; nothing was counted then.
        """
        if not np.isfinite(scores).all():
            raise ValueError("a score is not finite")
        cells = cells_of(scores)
        pages = groups * PAGES + (cells >> MANTISSA_BITS)
        self._open(np.flatnonzero(np.bincount(pages, minlength=self._rows.size)))
        places = self._rows.ravel()[pages] * PAGE + (cells & (PAGE - 1))
        self._counts += np.bincount(places, minlength=self._counts.size).reshape(self._counts.shape)

    def counts(self, groups: Sequence[int]) -> NDArray[np.int64]:
        """(2²⁰,) counts of some groups together, from the lowest cell to the highest."""
        total = np.zeros((PAGES, PAGE), np.int64)
        for group in groups:
            (hit,) = np.nonzero(self._rows[group] >= 0)
            total[hit] += self._counts[self._rows[group, hit]]
        return total.ravel()

    def _open(self, pages: NDArray[np.int64]) -> None:
        """Makes room for pages, numbered over all groups, that have none yet."""
        fresh = pages[self._rows.ravel()[pages] < 0]
        if not fresh.size:
            return
        self._rows.ravel()[fresh] = len(self._counts) + np.arange(fresh.size)
        self._counts = np.concatenate([self._counts, np.zeros((fresh.size, PAGE), np.int64)])


def cells_of(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """(N,) finite scores → (N,) cells 0..2²⁰−1 in the same order. Both zeros share a cell."""
    bits = (scores + np.float32(0)).view(np.uint32)  # −0 + 0 = +0
    negative = (bits.view(np.int32) >> 31).view(np.uint32)
    return ((bits ^ (negative | SIGN)) >> np.uint32(SHIFT)).astype(np.int64)


def lowest_scores(cells: NDArray[np.int64]) -> NDArray[np.float32]:
    """(N,) the least score of each cell: whoever takes it for a threshold finds the whole cell."""
    bits = cells.astype(np.uint32) << np.uint32(SHIFT)
    return np.where(bits & SIGN, bits ^ SIGN, ~bits).astype(np.uint32).view(np.float32)


def histogram_points(inliers: NDArray[np.int64], anomalous: NDArray[np.int64]) -> OperatingPoints:
    """Points of the ROC and precision-recall curves; the scores of one cell are ties and share one point.

    Args:
        inliers, anomalous: (2²⁰,) counts by cell, each with at least one pixel.
    """
    hit = np.flatnonzero(inliers + anomalous)[::-1]
    return OperatingPoints(lowest_scores(hit), np.cumsum(anomalous[hit]), np.cumsum(inliers[hit]))
