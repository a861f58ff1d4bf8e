"""The one interface of all data sets: file pairs and a label table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import OUTLIER, relabelled
from densehybrid_ros.pictures import read_labels, read_rgb, sizes_differ
from densehybrid_ros.training.datasets.listing import Listing


class LabelledSource(Protocol):
    """What evaluation needs of a data set; files or not."""

    @property
    def name(self) -> str: ...
    @property
    def classes(self) -> list[str]: ...
    @property
    def protocol(self) -> str:
        """By which it is evaluated: a name of `evaluation.protocols.PROTOCOLS`."""
        ...

    def __len__(self) -> int: ...
    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """RGB (H, W, 3) uint8 and open-set labels (H, W) uint8."""
        ...


@dataclass(frozen=True)
class Mistaken:
    """Label maps that are often taken for those of a set."""

    ids: frozenset[int] = frozenset()
    """All that they hold, 255 among them."""
    kind: str = ""
    """What they are, and what to give instead."""


NEVER_MISTAKEN = Mistaken()


@dataclass(frozen=True)
class LabelledSet:
    """Pictures with label maps. `table` turns file ids into trainIds: 0..K−1, K = unknown, 255 = ignore."""

    name: str
    files: Listing
    table: NDArray[np.uint8]
    """(256,)."""
    classes: list[str]
    palette: list[list[int]]
    ids: frozenset[int]
    """Ids that may stand in the files."""
    protocol: str = "pooled"
    mistaken: Mistaken = NEVER_MISTAKEN
    picture: Callable[[Path], NDArray[np.uint8]] = read_rgb
    """Reads one of its pictures, (H, W, 3) RGB."""

    @property
    def has_anomalies(self) -> bool:
        """Whether any id stands for unknown things."""
        return bool((self.table == max(len(self.classes), OUTLIER)).any())

    @property
    def pairs(self) -> list[tuple[Path, Path]]:
        """Picture and labels."""
        return self.files.pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """RGB (H, W, 3) uint8 and open-set labels (H, W) uint8.

        Raises:
            SetupError: unreadable file, or sizes that differ.
        """
        image_path, label_path = self.pairs[index]
        image, labels = self.picture(image_path), self.read_labels(index)
        if image.shape[:2] != labels.shape:
            raise SetupError(sizes_differ(image_path, image, label_path, labels))
        return image, labels

    def read_labels(self, index: int) -> NDArray[np.uint8]:
        """Open-set labels (H, W) uint8, without their picture.

        Raises:
            SetupError: unreadable file.
        """
        return relabelled(read_labels(self.pairs[index][1]), self.table)
