"""Scores of any number of pixels in constant memory, so that AP, AUROC and FPR95 keep to 1e-4 whatever the score.

Pixels are kept until there are many. Then they are counted in cells whose edges are scores that occurred: of each kind
every 2⁻¹⁵ of its pixels, and from the highest score down every pixel first, then each that adds 2⁻¹² to those above it.
A score that many pixels share is a cell of its own, so saturation costs nothing. A cell that outgrows its share is cut
where the newest pixels lie; the older ones, a small part of it, are taken to be spread evenly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.metrics.ranking import OperatingPoints, operating_points

KEPT_PIXELS = 1 << 22
"""That are kept before they are counted, 4 bytes each."""
SHARES = 1 << 15
"""Cells to which all pixels of a kind are spread."""
GROWTH = 2.0**-12
"""By which a cell adds to the pixels of its kind above it."""
MOST_EDGES = 1 << 19
"""12 MiB, of the finest resolution; with more, those that tell little are left out."""


@dataclass(frozen=True)
class Resolution:
    """How finely ranks are told, from the highest score down."""

    shares: int
    """Cells to which all pixels of a kind are spread."""
    growth: float
    """By which a cell adds to the pixels of its kind above it."""


FINE = Resolution(SHARES, GROWTH)
COARSE = Resolution(SHARES >> 3, 8 * GROWTH)
"""An eighth of the memory, for thresholds and rates to a thousandth."""


@dataclass(frozen=True)
class Cells:
    """Counts of inlier and anomalous pixels below some scores."""

    edges: NDArray[np.float64]
    """(E,) rising; the last lies above all scores."""
    below: NDArray[np.float64]
    """(2, E) inlier and anomalous pixels with a score less than each."""

    def below_others(self, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """(2, N) as `below` for other edges; within a cell its pixels are spread evenly."""
        return np.stack([np.interp(edges, self.edges, counts) for counts in self.below])


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
        if not np.isfinite(scores).all():
            raise ValueError("a score is not finite")
        for kind, chosen in enumerate((scores[~anomalous], scores[anomalous])):
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
            each.sort()
        own = self._resolution
        cells = first_cells(kept, own) if self._cells is None else grown(self._cells, kept, own)
        return thinned(cells, own) if cells.edges.size > MOST_EDGES * own.shares // FINE.shares else cells


def first_cells(scores: list[NDArray[np.float32]], resolution: Resolution = FINE) -> Cells:
    """Cells of inlier and anomalous scores, both sorted."""
    edges = merged(telling_edges(scores, resolution), _limits(scores))
    return Cells(edges, _counts_below(scores, edges))


def grown(cells: Cells, scores: list[NDArray[np.float32]], resolution: Resolution = FINE) -> Cells:
    """With more inlier and anomalous scores, both sorted; cells that have become too large are cut."""
    edges = merged(cells.edges, _limits(scores))
    below = cells.below_others(edges) + _counts_below(scores, edges)
    cuts = telling_edges(scores, resolution)
    cuts = cuts[too_large(below, resolution)[np.searchsorted(edges, cuts, side="right") - 1]]
    if not cuts.size:
        return Cells(edges, below)
    edges = merged(edges, cuts)
    return Cells(edges, cells.below_others(edges) + _counts_below(scores, edges))


def too_large(below: NDArray[np.float64], resolution: Resolution) -> NDArray[np.bool_]:
    """(E,) whether the cell from each of the edges to the next holds twice as much of a kind as it should."""
    inside = np.diff(below, append=below[:, -1:])
    totals = below[:, -1:]
    large = (inside > totals * (2 / resolution.shares)) | (inside > (totals - below) * (2 * resolution.growth))
    return large[0] | large[1]


def thinned(cells: Cells, resolution: Resolution = FINE) -> Cells:
    """Without the edges between which there is little."""
    chosen = [np.array([0, cells.edges.size - 1])]
    for counts in cells.below:
        places = np.searchsorted(counts, counts[-1] - 1 - telling_ranks(int(counts[-1]), resolution), side="right") - 1
        chosen += [places.clip(0), places + 1]
    kept = np.unique(np.concatenate(chosen))
    return Cells(cells.edges[kept], cells.below[:, kept])


def merged(some: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is in either, rising; both rise. A stable sort finds the two runs, which makes it linear."""
    both = np.concatenate([some, others])
    both.sort(kind="stable")
    return both[np.append(True, both[1:] != both[:-1])] if both.size else both


def telling_edges(scores: list[NDArray[np.float32]], resolution: Resolution = FINE) -> NDArray[np.float64]:
    """Rising; both ends of the cells of those scores alone that telling ranks have; `scores` are sorted, by kind."""
    values = np.concatenate([each[each.size - 1 - telling_ranks(each.size, resolution)] for each in scores])
    values = np.unique(values).astype(np.float64)
    return merged(values, np.nextafter(values, np.inf))


def telling_ranks(count: int, resolution: Resolution = FINE) -> NDArray[np.int64]:
    """Of `count` pixels, 0 = the highest score: all first, then in steps that grow, and evenly over all of them."""
    if not count:
        return np.zeros(0, np.int64)
    first = int(1 / resolution.growth)
    steps = max(int(np.log(max(count / first, 1)) / resolution.growth), 0)
    growing = first * np.exp(resolution.growth * np.arange(steps))
    even = np.arange(resolution.shares) * (count / resolution.shares)
    ranks = np.concatenate([np.arange(first), growing.astype(np.int64), even.astype(np.int64), [count - 1]])
    return np.unique(ranks[ranks < count])


def points_of(cells: Cells) -> OperatingPoints:
    """Points of the ROC and precision-recall curves; the threshold of a cell is its lower edge, and finds all of it."""
    below = np.rint(cells.below).astype(np.int64)
    hit = np.flatnonzero(np.diff(below).any(0))[::-1]
    inliers, anomalous = below[:, -1:] - below[:, hit]
    return OperatingPoints(_least_float32(cells.edges[hit]), anomalous, inliers)


def _least_float32(edges: NDArray[np.float64]) -> NDArray[np.float32]:
    """That is not below each edge: a cell just above a score that many pixels share does not find those pixels."""
    nearest = edges.astype(np.float32)
    with np.errstate(over="ignore"):  # above the largest float32 is infinity, which finds nothing
        return np.where(nearest < edges, np.nextafter(nearest, np.float32(np.inf)), nearest)


def _limits(scores: list[NDArray[np.float32]]) -> NDArray[np.float64]:
    """The lowest score, and one above the highest."""
    there = [each for each in scores if each.size]
    lows = [float(each[0]) for each in there]
    highs = [np.nextafter(float(each[-1]), np.inf) for each in there]
    return np.array([min(lows), max(highs)] if there else [])


def _counts_below(scores: list[NDArray[np.float32]], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, E); sought as float32, as which the scores need not be copied."""
    limits = _least_float32(edges)
    return np.stack([np.searchsorted(each, limits) for each in scores]).astype(np.float64)
