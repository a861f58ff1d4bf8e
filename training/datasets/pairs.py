"""The one interface of all data sets: a list of file pairs and a label table."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
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
    """(256,)."""
    classes: list[str]
    palette: list[list[int]]
    ids: frozenset[int]
    """Ids that may stand in the files."""

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
    """(H, W, 3) uint8 RGB of a picture, or of the one array in an .npz; SetupError where the file is neither."""
    if path.suffix == ".npz":
        return _read_array(path)
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SetupError(f"{path} cannot be read as a picture; remove or replace it")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def read_labels(path: Path) -> NDArray[np.uint8]:
    """(H, W) uint8 ids, of a picture with a palette its indices; SetupError where the file is no such picture."""
    if _has_palette(path):
        return _palette_indices(path)
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if labels is None or labels.ndim != 2 or labels.dtype != np.uint8:
        raise _no_labels(path)
    return labels.astype(np.uint8, copy=False)


def _has_palette(path: Path) -> bool:
    """Whether a PNG holds indices of colours; OpenCV would give the colours."""
    try:
        with path.open("rb") as file:
            head = file.read(26)
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}") from error
    return head.startswith(b"\x89PNG") and head[25:26] == b"\x03"


def _palette_indices(path: Path) -> NDArray[np.uint8]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            return np.asarray(picture, dtype=np.uint8)
    except (UnidentifiedImageError, OSError) as error:
        raise _no_labels(path) from error


def _no_labels(path: Path) -> SetupError:
    return SetupError(f"{path} cannot be read as an 8-bit label picture with one channel; remove or replace it")


def _read_array(path: Path) -> NDArray[np.uint8]:
    try:
        with np.load(path) as arrays:
            (image,) = (arrays[name] for name in arrays.files)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise SetupError(f"{path} cannot be read as an .npz with one array ({error}); replace it") from error
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise SetupError(f"{path} holds {image.dtype} {image.shape}, not a uint8 picture (H, W, 3)")
    return image


def pictures_in(*folders: Path) -> list[Path]:
    """All pictures of the folders, by name.

    Raises:
        SetupError: a folder is absent, or all of them are empty.
    """
    for folder in folders:
        if not folder.is_dir():
            raise SetupError(f"folder {folder} does not exist; give the folder of the data set with --data or --root")
    found = [path for folder in folders for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES]
    if not found:
        raise SetupError(f"folder {folders[0]} holds no pictures ({', '.join(IMAGE_SUFFIXES)})")
    return found


def with_labels(pictures: Sequence[Path], labels_of: Callable[[Path], Path]) -> list[tuple[Path, Path]]:
    """Every picture with its labels.

    Raises:
        SetupError: a picture has none.
    """
    pairs = [(path, labels_of(path)) for path in pictures]
    missing = [labels for _, labels in pairs if not labels.is_file()]
    if missing:
        folder = pictures[0].parent
        raise SetupError(f"{len(missing)} of {len(pairs)} pictures in {folder} have no labels; first: {missing[0]}")
    return pairs


def pair_files(images: Path, labels: Path) -> list[tuple[Path, Path]]:
    """Pictures of a folder with the .png of the same stem in another, sorted by name.

    Raises:
        SetupError: a folder is absent or empty, or a picture has no labels.
    """
    pictures = pictures_in(images)
    if not labels.is_dir():
        raise SetupError(f"folder {labels} does not exist; give the folder of the data set with --data or --root")
    return with_labels(pictures, lambda path: labels / f"{path.stem}.png")


def label_table(mapping: dict[int, int]) -> NDArray[np.uint8]:
    """A (256,) table that sends every id outside `mapping` to 255 = ignore."""
    table = np.full(256, IGNORE, np.uint8)
    for source, target in mapping.items():
        table[source] = target
    return table
