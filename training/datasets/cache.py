"""Decoded pictures on disk, mapped when they are read: of a large picture only what a crop shows is touched.

Decoding a Cityscapes PNG takes 100 ms on one core, more than all the rest of a crop.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.files import written_whole
from densehybrid_ros.training.datasets.pairs import LabelledSet


@dataclass(frozen=True)
class CachedSet:
    """A data set whose pictures are decoded once, into `folder`: 3 bytes per pixel, and one for its label."""

    source: LabelledSet
    folder: Path

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def classes(self) -> list[str]:
        return self.source.classes

    @property
    def palette(self) -> list[list[int]]:
        return self.source.palette

    def __len__(self) -> int:
        return len(self.source)

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """RGB (H, W, 3) uint8 and open-set labels (H, W) uint8, both mapped read-only from files.

        Raises:
            SetupError: the picture cannot be read, or the cache not be written.
        """
        key = _key(self.source, index)
        paths = [self.folder / f"{key}_{kind}.npy" for kind in ("image", "labels")]
        if not all(path.is_file() for path in paths):
            for path, values in zip(paths, self.source.read(index), strict=True):
                with written_whole(path, shared=True) as file:
                    np.save(file, values)
        image, labels = (np.load(path, mmap_mode="r") for path in paths)
        return image, labels


def _key(source: LabelledSet, index: int) -> str:
    """Changes with the files and with what their ids mean."""
    digest = hashlib.sha256(source.table.tobytes())
    for path in source.pairs[index]:
        if path.is_file():  # else the source says what is missing
            facts = path.stat()
            digest.update(f"{path.resolve()} {facts.st_size} {facts.st_mtime_ns}".encode())
    return digest.hexdigest()[:32]
