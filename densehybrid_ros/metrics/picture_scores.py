"""The scores of every picture by itself, in little memory, so that sets drawn of the pictures can be ranked.

A picture's scores are counted in cells as those of a whole set are (`cells`), but coarser: what an interval over
pictures needs is how they differ. Few pixels of a kind are kept one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from tempfile import TemporaryFile
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.metrics.cells import EDGE_BYTES, Cells, Resolution, first_cells, telling_ranks
from densehybrid_ros.metrics.ranking import OperatingPoints, Ranking
from densehybrid_ros.metrics.tensors import rising

MEMORY = 1 << 24
"""Bytes for all pictures of a score together, about, in a temporary file."""
RANK_BYTES = 2 * EDGE_BYTES
"""Of one rank told, in both kinds."""
FEWEST_RANKS, MOST_RANKS = 64, 1024
"""Told of a kind in a picture."""
POWERS = 14
"""A picture's pixels above those that are told one by one are e to this, at most; natural logarithm."""
GRID = Resolution(shares=1 << 9, growth=2.0**-7)
"""Of the thresholds at which drawn sets are ranked."""
BLOCK = 128
"""Draws, and pictures, that are added at once."""


class Spool:
    """Bytes in a file without a name, which is gone with it: what is not needed before the end takes no memory."""

    dtype = np.dtype(np.uint8)

    def __init__(self, contents: bytes = b"") -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - it lives as long as this object
        finalize(self, self._file.close)
        self.size = 0
        self.add(contents)

    def add(self, contents: bytes) -> None:
        self._file.seek(self.size)
        self._file.write(contents)
        self.size += len(contents)

    def parts(self, sizes: Sequence[int]) -> Iterator[bytes]:
        """From the beginning, so many bytes each; nothing may be added meanwhile."""
        self._file.seek(0)
        for size in sizes:
            yield self._file.read(size)

    def tobytes(self) -> bytes:
        """All."""
        return next(self.parts([self.size]))


class PictureScores:
    """Collects the scores of inlier and anomalous pixels of a known number of pictures."""

    def __init__(self, pictures: int, memory: int = MEMORY) -> None:
        ranks = int(np.clip(memory / RANK_BYTES / pictures, FEWEST_RANKS, MOST_RANKS))
        self._resolution = Resolution(shares=ranks // 4, growth=POWERS / (0.75 * ranks))
        self._sizes: list[int] = []
        """Edges of each picture's cells; 0 where nothing in it counts."""
        self._spool = Spool()
        """Edges and counts of all cells, float32 and uint32."""

    def add(self, scores: NDArray[np.float32], anomalous: NDArray[np.bool_]) -> None:
        """Adds a picture: (N,) finite scores, higher = more anomalous."""
        self.add_kinds(scores[~anomalous], scores[anomalous])

    def add_kinds(self, *kinds: NDArray[np.float32]) -> None:
        """Adds a picture's inlier and anomalous scores, as `add`."""
        if not any(each.size for each in kinds):
            self._sizes.append(0)
            return
        cells = first_cells([rising(each) for each in kinds], self._resolution)
        self._sizes.append(cells.edges.size)
        self._spool.add(cells.edges.tobytes() + cells.inside.astype(np.uint32).tobytes())

    def _cells(self) -> Iterator[Cells | None]:
        """Of each picture; None where nothing in it counts."""
        parts = self._spool.parts([EDGE_BYTES * size for size in self._sizes])
        for size, part in zip(self._sizes, parts, strict=True):
            if not size:
                yield None
                continue
            edges, inside = np.frombuffer(part, np.float32, size), np.frombuffer(part, np.uint32, offset=4 * size)
            yield Cells(edges, inside.reshape(2, size))

    def drawn_rankings(self, draws: NDArray[np.int64], pooled: OperatingPoints) -> list[Ranking]:
        """The ranking of each draw (B, P); nan where it has one kind of pixels alone. `pooled` as in `drawn`."""
        return [Ranking.of(points) if points else Ranking.mean([]) for points in self.drawn(draws, pooled)]

    def drawn(self, draws: NDArray[np.int64], pooled: OperatingPoints) -> Iterator[OperatingPoints | None]:
        """Operating points of each draw (B, P); None where it has one kind of pixels alone.

        Args:
            pooled: those of all pictures; their thresholds are used, thinned to GRID.
        """
        thresholds = grid_of(pooled)
        for begin in range(0, len(draws), BLOCK):
            for found in self._found_in(draws[begin : begin + BLOCK], thresholds):
                yield _points(thresholds, found)

    def drawn_rates(self, draws: NDArray[np.int64], threshold: float) -> NDArray[np.float64]:
        """(B, 2) false- and true-positive rate of score ≥ threshold in each draw (B, P); nan without such pixels."""
        found = self._found_in(draws, np.array([threshold, -np.inf], np.float32)).astype(np.float64)
        return np.divide(found[..., 0], found[..., 1], out=np.full(found.shape[:2], np.nan), where=found[..., 1] > 0)

    def _found_in(self, draws: NDArray[np.int64], thresholds: NDArray[np.float32]) -> NDArray[np.float32]:
        """(B, 2, T) pixels of each draw with score ≥ each threshold."""
        total = np.zeros((len(draws), 2 * thresholds.size), np.float32)
        every = self._cells()
        for begin in range(0, len(self._sizes), BLOCK):
            found = np.stack([_found(cells, thresholds) for cells in islice(every, BLOCK)])
            total += draws[:, begin : begin + BLOCK].astype(np.float32) @ found.reshape(len(found), -1)
        return total.reshape(len(draws), 2, thresholds.size)


def grid_of(pooled: OperatingPoints) -> NDArray[np.float32]:
    """Falling thresholds: of the points that hold the telling ranks of a kind, and the last of all."""
    holding = [
        np.searchsorted(found, telling_ranks(int(found[-1]), GRID), side="right")
        for found in (pooled.true_positives, pooled.false_positives)
    ]
    return pooled.thresholds[np.unique(np.concatenate([*holding, [len(pooled.thresholds) - 1]]))]


def _found(cells: Cells | None, thresholds: NDArray[np.float32]) -> NDArray[np.float32]:
    """(2, T)."""
    if cells is None:
        return np.zeros((2, thresholds.size), np.float32)
    below = cells.below_others(np.append(thresholds, np.float32(np.inf)))
    return (below[:, -1:] - below[:, :-1]).astype(np.float32)


def _points(thresholds: NDArray[np.float32], found: NDArray[np.float32]) -> OperatingPoints | None:
    counts = np.rint(found).astype(np.int64)
    if not counts[:, -1].all():
        return None
    first = int(np.argmax(counts.sum(0) > 0))
    return OperatingPoints(thresholds[first:], counts[1, first:], counts[0, first:])
