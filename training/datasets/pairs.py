"""The one interface of all data sets: a list of file pairs and a label table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.core.postprocess import IGNORE

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


class LabelledSource(Protocol):
    """What evaluation needs of a data set; files or not."""

    @property
    def name(self) -> str: ...
    @property
    def classes(self) -> list[str]: ...
    def __len__(self) -> int: ...
    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """RGB (H, W, 3) uint8 and open-set labels (H, W) uint8."""
        ...


@dataclass(frozen=True)
class LabelledSet:
    """Pictures with label maps. `table` turns file ids into trainIds: 0..K−1, K = unknown, 255 = ignore."""

    name: str
    pairs: list[tuple[Path, Path]]
    table: NDArray[np.uint8]
    """(256,) uint8."""
    classes: list[str]
    palette: list[list[int]]

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """RGB (H, W, 3) uint8 and open-set labels (H, W) uint8.

        Raises:
            SetupError: unreadable file, or sizes that differ.
        """
        image_path, label_path = self.pairs[index]
        image, labels = read_rgb(image_path), cv2.LUT(read_labels(label_path), self.table)
        if image.shape[:2] != labels.shape:
            raise SetupError(f"{image_path} is {image.shape[:2]}, but its labels {label_path} are {labels.shape}")
        return image, labels.astype(np.uint8, copy=False)


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB; SetupError where the file is no picture."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SetupError(f"{path} cannot be read as a picture; remove or replace it")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def read_labels(path: Path) -> NDArray[np.uint8]:
    """(H, W) uint8 ids; SetupError where the file is no 8-bit one-channel picture."""
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if labels is None or labels.ndim != 2 or labels.dtype != np.uint8:
        raise SetupError(f"{path} cannot be read as an 8-bit label picture with one channel; remove or replace it")
    return labels.astype(np.uint8, copy=False)


def pair_files(images: Path, labels: Path) -> list[tuple[Path, Path]]:
    """Pictures of a folder with the .png of the same stem in another, sorted by name.

    Raises:
        SetupError: a folder is absent or empty, or a picture has no labels.
    """
    for folder in (images, labels):
        if not folder.is_dir():
            raise SetupError(f"folder {folder} does not exist; give the folder of data sets with --data or --root")
    pairs = [
        (path, labels / f"{path.stem}.png")
        for path in sorted(images.iterdir())
        if path.suffix.lower() in IMAGE_SUFFIXES
    ]
    if not pairs:
        raise SetupError(f"folder {images} holds no pictures ({', '.join(IMAGE_SUFFIXES)})")
    missing = [label for _, label in pairs if not label.is_file()]
    if missing:
        raise SetupError(f"{len(missing)} of {len(pairs)} pictures in {images} have no labels; first: {missing[0]}")
    return pairs


def label_table(mapping: dict[int, int]) -> NDArray[np.uint8]:
    """A (256,) table that sends every id outside `mapping` to 255 = ignore."""
    table = np.full(256, IGNORE, np.uint8)
    for source, target in mapping.items():
        table[source] = target
    return table
