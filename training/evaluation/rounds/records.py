"""What has been counted, as numbers, lists and names that can be written, and back; no code is stored or run.

A record is one of the classes below with its fields. Arrays lie one after the other, by type, so that many small ones
cost little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.metrics.by_range import RangeTable
from densehybrid_ros.metrics.cells import Cells, Resolution
from densehybrid_ros.metrics.components import ComponentOverlaps
from densehybrid_ros.metrics.open_set import OpenSetCounts
from densehybrid_ros.metrics.picture_scores import PictureScores, Spool
from densehybrid_ros.metrics.ranking import Ranking
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.metrics.score_sketch import ScoreSketch
from densehybrid_ros.metrics.segmentation import ConfusionMatrix
from densehybrid_ros.training.evaluation.evidence.frames import PictureRanks, RankedPicture
from densehybrid_ros.training.evaluation.per_picture import PicturePool

RECORDS: dict[str, type] = {
    each.__name__: each
    for each in (
        *(Cells, ComponentOverlaps, ConfusionMatrix, OpenSetCounts, PicturePool, PictureRanks, PictureScores),
        *(RangeTable, RankedPicture, Ranking, RankingPool, Resolution, ScoreSketch),
    )
}
"""All classes of which a state may hold objects."""
TYPES = ("float32", "float64", "int64", "uint8", "uint32", "uint64", "bool")
"""Of the numbers of arrays."""
ARRAY, SPOOL, RECORD, DICT, TUPLE = "array", "spool", "record", "dict", "tuple"


@dataclass
class Packed:
    """The arrays of a state by type, and all else as JSON has it."""

    tree: Any = None
    arrays: dict[str, list[NDArray[Any] | Spool]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Any) -> Packed:
        packed = cls()
        packed.tree = packed._tree_of(value)
        return packed

    def _tree_of(self, value: Any) -> Any:
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, np.ndarray):
            return self._place_of(value, *value.shape)
        if isinstance(value, Spool):
            return {SPOOL: self._place_of(value, value.size)}
        if isinstance(value, list):
            return [self._tree_of(each) for each in value]
        if isinstance(value, tuple):
            return {TUPLE: [self._tree_of(each) for each in value]}
        if isinstance(value, dict):
            return {DICT: {name: self._tree_of(each) for name, each in value.items()}}
        name = type(value).__name__
        assert RECORDS.get(name) is type(value), f"{name} is none of RECORDS"
        return {RECORD: name, "fields": {key: self._tree_of(each) for key, each in vars(value).items()}}

    def _place_of(self, values: NDArray[Any] | Spool, *shape: int) -> Any:
        name = values.dtype.name
        assert name in TYPES, f"arrays of {name} are not kept"
        begin = self.sizes.get(name, 0)
        self.arrays.setdefault(name, []).append(values)
        self.sizes[name] = begin + values.size
        return {ARRAY: [name, begin, *shape]}


def unpacked(tree: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """What was packed.

    Raises:
        KeyError, TypeError, ValueError: it was not packed by `Packed`.
    """
    if isinstance(tree, list):
        return [unpacked(each, arrays) for each in tree]
    if not isinstance(tree, dict):
        return tree
    if ARRAY in tree:
        name, begin, *shape = tree[ARRAY]
        return arrays[name][begin : begin + int(np.prod(shape))].reshape(shape).copy()
    if SPOOL in tree:
        return Spool(unpacked(tree[SPOOL], arrays).tobytes())
    if TUPLE in tree:
        return tuple(unpacked(each, arrays) for each in tree[TUPLE])
    if DICT in tree:
        return {name: unpacked(each, arrays) for name, each in tree[DICT].items()}
    kind = RECORDS[tree[RECORD]]
    record: object = object.__new__(kind)
    for name, each in tree["fields"].items():
        object.__setattr__(record, name, unpacked(each, arrays))  # also where a record is frozen
    return record
