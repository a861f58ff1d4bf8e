"""Pictures of negatives in the ADE20K layout."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.pictures import read_labels, read_rgb
from densehybrid_ros.training.datasets.ade20k import ADE20K
from densehybrid_ros.training.datasets.listing import whole_pairs

KEPT = 256
"""Pictures that each process keeps decoded."""
SMALLEST_PIECE = 24
"""px; side of a piece that still carries a texture."""
_FORGETTING = threading.Lock()
"""Several threads may read of one set; not its own, as a set is sent to other processes."""


class NegativeSet:
    """Pictures with segments, in the ADE20K layout: id 0 = other, every other id one segment."""

    def __init__(self, roots: Sequence[Path], split: str = "training") -> None:
        self.pairs = [pair for root in roots for pair in whole_pairs(ADE20K.files(root, split))]
        self._cache: dict[int, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """RGB and segment ids; the last ones are kept decoded, which small sets are whole."""
        kept = self._cache.get(index)  # another thread may drop it
        if kept is not None:
            return kept
        image_path, label_path = self.pairs[index]
        image, segments = read_rgb(image_path), read_labels(label_path)
        if image.shape[:2] != segments.shape:
            raise SetupError(f"{image_path} and its annotation {label_path} differ in size")
        with _FORGETTING:
            while len(self._cache) >= KEPT:
                self._cache.pop(next(iter(self._cache)))
            self._cache[index] = image, segments
        return image, segments

    def random_picture(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return self.read(int(rng.integers(len(self.pairs))))

    def random_piece(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """(n, n, 3): a square out of a random picture, up to half as large; a picture too small for that, as it is."""
        picture, _ = self.random_picture(rng)
        largest = min(picture.shape[:2]) // 2
        if largest <= SMALLEST_PIECE:
            return picture
        side = int(rng.integers(SMALLEST_PIECE, largest))
        top, left = (int(rng.integers(0, extent - side)) for extent in picture.shape[:2])
        return picture[top : top + side, left : left + side]
