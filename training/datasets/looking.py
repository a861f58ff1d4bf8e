"""A look at some label maps of a set before hours are spent on it: whether its ids are those that it should have."""

from __future__ import annotations

import sys
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import IDS, IGNORE
from densehybrid_ros.pictures import read_labels
from densehybrid_ros.training.datasets.pairs import LabelledSet

LOOKED_AT = 12
"""Label maps, evenly spread over the set."""


def look_at_labels(dataset: LabelledSet) -> None:
    """Warns on stderr of label maps without a picture, of ids that the set does not have, and of another kind of maps.

    Raises:
        SetupError: no pixel of all that was looked at counts.
    """
    counts = id_counts(dataset)
    found = frozenset(np.flatnonzero(counts).tolist())
    if found and all(dataset.table[index] == IGNORE for index in found):
        raise SetupError(
            f"{dataset.name}: every pixel of the label maps looked at is ignored; they hold the ids "
            f"{listed(found)}, of which the set knows none or only void; give label maps with its ids "
            "(docs/datasets.md; densehybrid check-data looks at all)"
        )
    for warning in (*_lonely_labels(dataset), *doubts(dataset, counts)):
        print(f"warning: {dataset.name}: {warning}", file=sys.stderr)


def _lonely_labels(dataset: LabelledSet) -> list[str]:
    spare = dataset.files.spare
    return [f"label maps without a picture, which do not count: {len(spare)}, the first is {spare[0]}"] if spare else []


def doubts(dataset: LabelledSet, counts: NDArray[np.int64]) -> list[str]:
    """What is wrong with label maps that hold so many pixels of each id, (256,)."""
    found = frozenset(np.flatnonzero(counts).tolist())
    said: list[str] = []
    if foreign := found - dataset.ids:
        share = 100 * counts[list(foreign)].sum() / counts.sum()
        said.append(f"ids that the set does not have are ignored: {listed(foreign)}, {share:.3g} % of pixels")
    if IGNORE in found and found <= dataset.mistaken.ids:
        said.append(f"the label maps hold no ids but {listed(found)}: suspected to be {dataset.mistaken.kind}")
    return said


def id_counts(dataset: LabelledSet) -> NDArray[np.int64]:
    """(256,) pixels of each id in some label maps; what cannot be read is named when its turn comes."""
    counts = np.zeros(IDS, np.int64)
    for _, path in dataset.pairs[:: max(1, len(dataset) // LOOKED_AT)]:
        with suppress(SetupError):
            counts += np.bincount(read_labels(path).ravel(), minlength=IDS)
    return counts


def listed(ids: frozenset[int], most: int = 20) -> str:
    """As in "0, 1, 255"."""
    more = f" and {len(ids) - most} more" if len(ids) > most else ""
    return ", ".join(map(str, sorted(ids)[:most])) + more
