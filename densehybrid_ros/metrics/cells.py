"""Counts of scores in cells whose edges are scores that occurred, so that few numbers tell the ranks of many pixels.

Edges are of each kind every 2⁻¹⁵ of its pixels, and from the highest score down every pixel first, then each that adds
2⁻¹² to those above it. A score that many pixels share is a cell of its own, and so is every one where cells are small.
What is cut later is taken to be spread evenly over the cell that it was in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.metrics.ranking import OperatingPoints

SHARES = 1 << 15
"""Cells to which all pixels of a kind are spread."""
GROWTH = 2.0**-12
"""By which a cell adds to the pixels of its kind above it."""
MOST_EDGES = 1 << 18
"""3 MiB, of the finest resolution; with more, those that tell little are left out."""
SMALL = 16
"""Pixels of a kind, up to which it matters that one of them is at the very edge of a cell."""
EDGE_BYTES = 12
"""Of an edge and its two counts."""


@dataclass(frozen=True)
class Resolution:
    """How finely ranks are told, from the highest score down."""

    shares: int
    """Cells to which all pixels of a kind are spread."""
    growth: float
    """By which a cell adds to the pixels of its kind above it."""

    @property
    def most_edges(self) -> int:
        """Of cells that are kept."""
        return MOST_EDGES * self.shares // SHARES


FINE = Resolution(SHARES, GROWTH)
HALF = Resolution(SHARES >> 1, 2 * GROWTH)
"""Half of the memory; figures keep to 1e-4 of it all the same, with less to spare."""
COARSE = Resolution(SHARES >> 3, 8 * GROWTH)
"""An eighth of the memory, for thresholds and rates to a thousandth."""


@dataclass(frozen=True)
class Cells:
    """How many inlier and anomalous pixels have a score in each of some intervals."""

    edges: NDArray[np.float32]
    """(E,) rising; the last lies above all scores, and is infinity above the largest number."""
    inside: NDArray[np.uint32] | NDArray[np.uint64]
    """(2, E) inlier and anomalous pixels with a score from each edge to the next; none from the last."""

    @classmethod
    def counted(cls, edges: NDArray[np.float32], below: NDArray[np.float64]) -> Cells:
        """Of the pixels `below` (2, E) each edge, in whole ones."""
        whole = np.rint(below)
        inside = np.diff(whole, append=whole[:, -1:])
        return cls(edges, inside.astype(np.uint32) if inside.max() < 1 << 32 else inside.astype(np.uint64))

    @property
    def below(self) -> NDArray[np.float64]:
        """(2, E) inlier and anomalous pixels with a score less than each edge."""
        below = np.zeros(self.inside.shape)
        np.cumsum(self.inside[:, :-1], axis=1, out=below[:, 1:])
        return below

    def below_others(self, edges: NDArray[np.float32]) -> NDArray[np.float64]:
        """(2, N) as `below` for other edges; within a cell its pixels are spread evenly."""
        return np.stack([np.interp(edges, self.edges, counts) for counts in self.below])


def first_cells(scores: list[NDArray[np.float32]], resolution: Resolution = FINE) -> Cells:
    """Cells of inlier and anomalous scores, both sorted."""
    edges = merged(telling_edges(scores, resolution), _limits(scores))
    return Cells.counted(edges, _counts_below(scores, edges))


def grown(cells: Cells, scores: list[NDArray[np.float32]], resolution: Resolution = FINE) -> Cells:
    """With more inlier and anomalous scores, both sorted; cells that have become too large are cut."""
    edges = merged(cells.edges, _limits(scores))
    known = cells.below if edges.size == cells.edges.size else cells.below_others(edges)
    below = known + _counts_below(scores, edges)
    cuts = telling_edges(scores, resolution)
    cuts = cuts[too_large(below, resolution)[np.searchsorted(edges, cuts, side="right") - 1]]
    cuts = cuts[edges[np.searchsorted(edges, cuts)] != cuts]  # the last edge lies above all scores
    if cuts.size:
        both = merged(edges, cuts)
        counts = np.empty((2, both.size))
        counts[:, np.searchsorted(both, edges)] = below
        counts[:, np.searchsorted(both, cuts)] = cells.below_others(cuts) + _counts_below(scores, cuts)
        edges, below = both, counts
    return Cells.counted(edges, below)


def too_large(below: NDArray[np.float64], resolution: Resolution) -> NDArray[np.bool_]:
    """(E,) whether the cell from each of the edges to the next holds twice as much of a kind as it should."""
    inside = np.diff(below, append=below[:, -1:])
    totals = below[:, -1:]
    large = (inside > totals * (2 / resolution.shares)) | (inside > (totals - below) * (2 * resolution.growth))
    return large[0] | large[1]


def thinned(cells: Cells, resolution: Resolution = FINE) -> Cells:
    """Without the edges between which there is little."""
    below = cells.below
    chosen = [np.array([0, cells.edges.size - 1])]
    for counts in below:
        ranks = telling_ranks(int(counts[-1]), resolution)
        places, alone = _distinct(np.searchsorted(counts, counts[-1] - 1 - ranks, side="right") - 1, ranks)
        chosen += [places.clip(0), places[alone] + 1]
    kept = np.unique(np.concatenate(chosen))
    return Cells.counted(cells.edges[kept], below[:, kept])


def merged(some: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is in either, rising; both rise. A stable sort finds the two runs, which makes it linear."""
    both = np.concatenate([some, others])
    both.sort(kind="stable")
    return both[np.append(True, both[1:] != both[:-1])] if both.size else both


def telling_edges(scores: list[NDArray[np.float32]], resolution: Resolution = FINE) -> NDArray[np.float32]:
    """Rising; of sorted `scores`, by kind, those that have telling ranks, and the ends of cells of their own."""
    edges = np.zeros(0, np.float32)
    for each in scores:
        ranks = telling_ranks(each.size, resolution)
        values, alone = _distinct(each[each.size - 1 - ranks], ranks)
        edges = merged(edges, merged(values, _just_above(values[alone])))
    return edges


def _distinct(values: NDArray[Any], ranks: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Rising, of `values` that fall as their telling ranks rise; and which are to be cells of their own."""
    distinct, last, times = np.unique(values[::-1], return_index=True, return_counts=True)
    small = np.diff(ranks, prepend=-1)[::-1] <= SMALL
    return distinct, (times > 1) | small[last]


@lru_cache(maxsize=8)
def telling_ranks(count: int, resolution: Resolution = FINE) -> NDArray[np.int64]:
    """Of `count` pixels, 0 = the highest score: all first, then in steps that grow, and evenly over all of them.

    Read-only: pictures have one number of pixels for all scores.
    """
    if not count:
        return np.zeros(0, np.int64)
    first = int(1 / resolution.growth)
    steps = max(int(np.log(max(count / first, 1)) / resolution.growth), 0)
    growing = first * np.exp(resolution.growth * np.arange(steps))
    even = np.arange(resolution.shares) * (count / resolution.shares)
    ranks = np.concatenate([np.arange(first), growing.astype(np.int64), even.astype(np.int64), [count - 1]])
    ranks = np.sort(ranks[ranks < count])
    found = ranks[np.append(True, ranks[1:] != ranks[:-1])]  # np.unique has a hash table instead, 40 times slower
    found.flags.writeable = False
    return found


def points_of(cells: Cells) -> OperatingPoints:
    """Points of the ROC and precision-recall curves; the threshold of a cell is its lower edge, and finds all of it."""
    hit = np.flatnonzero(cells.inside.any(0))[::-1]
    inliers, anomalous = np.cumsum(cells.inside[:, hit], axis=1, dtype=np.int64)
    return OperatingPoints(cells.edges[hit], anomalous, inliers)


def _just_above(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # above the largest number is infinity
        return np.nextafter(scores, np.float32(np.inf))


def _limits(scores: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The lowest score, and one above the highest."""
    there = [each for each in scores if each.size]
    if not there:
        return np.zeros(0, np.float32)
    lowest, highest = min(each[0] for each in there), max(each[-1] for each in there)
    return np.append(np.array([lowest], np.float32), _just_above(np.array([highest], np.float32)))


def _counts_below(scores: list[NDArray[np.float32]], edges: NDArray[np.float32]) -> NDArray[np.float64]:
    """(2, E)."""
    return np.stack([np.searchsorted(each, edges) for each in scores]).astype(np.float64)
