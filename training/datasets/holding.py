"""Which pictures hold which class, so that a class of few pictures can be shown as often as any other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.training.datasets.pairs import LabelledSet

MOST_PICTURES = 4000
"""Of a set that are looked at, evenly chosen: the labels of a large set take long to read."""
LEAST_SHARE = 2e-4
"""Of a picture's pixels from which it holds a class: 100 px of 1024×512."""


def pictures_by_class(source: LabelledSet, wanted: NDArray[np.bool_]) -> dict[int, NDArray[np.int64]]:
    """Class → indices of the pictures that hold it, of the `wanted` classes that any picture holds.

    Args:
        wanted: (256,) True at ids of classes.

    Raises:
        SetupError: a label map cannot be read.
    """
    count = len(source)
    looked_at = np.unique(np.linspace(0, count - 1, min(count, MOST_PICTURES)).astype(np.int64))
    holds = np.zeros((looked_at.size, 256), bool)
    for row, index in enumerate(looked_at):
        labels = source.read_labels(int(index))
        holds[row] = np.bincount(labels.ravel(), minlength=256) >= max(1, LEAST_SHARE * labels.size)
    found = {int(each): looked_at[holds[:, each]] for each in np.flatnonzero(wanted)}
    return {each: pictures for each, pictures in found.items() if pictures.size}
