"""Pictures and label maps from files; whatever is not whole is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError

JPEG_START, JPEG_SCAN, JPEG_END = b"\xff\xd8", 0xDA, b"\xff\xd9"


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a picture, or of the one array in an .npz; SetupError where the file is neither.

    An orientation noted in the file is not applied: label maps have none, and lie as the pixels are stored.
    """
    if path.suffix == ".npz":
        return _read_array(path)
    content = _content(path)
    if content.startswith(JPEG_START) and not jpeg_is_whole(content):
        # OpenCV may make the rest grey, with a warning only
        raise SetupError(f"{path} is cut off: {len(content)} bytes without the end of a JPEG; remove or replace it")
    image = _decoded(content)
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


def jpeg_is_whole(content: bytes) -> bool:
    """Whether the end marker stands behind the start of the pixels; True where the headers are unusual.

    Neither the last bytes nor any end marker would tell: cameras append bytes of their own behind it, and the
    thumbnail in the headers has one too. Among the pixels it cannot occur.
    """
    position = len(JPEG_START)
    while position + 4 <= len(content) and content[position] == 0xFF:
        if content[position + 1] == JPEG_SCAN:
            return content.find(JPEG_END, position) >= 0
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    return True


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}") from error


def _decoded(content: bytes) -> NDArray[np.uint8] | None:
    """BGR, or None where it is no picture."""
    if not content:
        return None
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:  # some formats raise where others give None
        return None
    return None if image is None else image.astype(np.uint8, copy=False)


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
