"""Pictures and label maps from files; whatever is not whole is refused by name.

An orientation noted in a file is not applied unless asked for: label maps have none, and lie as the pixels are stored.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import write_whole

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
JPEG_START, JPEG_SCAN, JPEG_END = b"\xff\xd8", 0xDA, b"\xff\xd9"
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
PNG_DEPTH, PNG_COLOUR_TYPE = 24, 25
"""Bytes of a PNG that hold the bits of a sample and what a sample is."""
GREY, PALETTE = 0, 3
"""Colour types of a PNG."""
GREY_STEPS = {1: 255, 2: 85, 4: 17}
"""Grey levels of so few bits are spread over 0..255."""


def picture_files(paths: Iterable[Path], suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """Those with such a suffix, sorted. Hidden ones, such as macOS' `._…` beside unpacked archives, are none."""
    return sorted(path for path in paths if path.suffix.lower() in suffixes and not path.name.startswith("."))


def natural_order(path: Path) -> list[str | int]:
    """To sort names by, with their numbers as numbers: frame2 before frame10."""
    parts = re.split("([0-9]+)", path.name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def read_bytes(path: Path) -> bytes:
    """
    Raises:
        SetupError: the file cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}; check the folder and its rights") from error


def read_rgb(path: Path, upright: bool = False) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a picture, or of the one array in an .npz.

    Args:
        path: of the file.
        upright: an orientation noted in the file is applied.

    Raises:
        SetupError: the file is neither, or is cut off.
    """
    if path.suffix == ".npz":
        return _array(path)
    content = read_bytes(path)
    _refuse_cut_off(content, path)
    flags = cv2.IMREAD_COLOR if upright else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = _decoded(content, flags)
    if image is None:
        raise SetupError(f"{path} cannot be read as a picture; remove or replace it")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def read_labels(path: Path) -> NDArray[np.uint8]:
    """(H, W) uint8 ids of a label PNG as they are, of one with a palette its indices.

    Raises:
        SetupError: no PNG, one that is cut off, or not 8 bits in one channel.
    """
    content = read_bytes(path)
    indexed = content.startswith(PNG_START) and content[PNG_COLOUR_TYPE : PNG_COLOUR_TYPE + 1] == bytes([PALETTE])
    labels = _palette_indices(content, path) if indexed else decode_png(content, path)
    if labels.dtype != np.uint8 or labels.ndim != 2:
        raise SetupError(f"{path} is no label picture: it has {layout_of(labels)}; wanted 8 bits in one channel")
    return labels.view(np.uint8)


def decode_png(content: bytes, path: Path) -> NDArray[np.generic]:
    """(H, W) or (H, W, C) in OpenCV's order of channels, in the file's own depth.

    Args:
        content: bytes of a PNG file.
        path: where they come from, for the error.

    Raises:
        SetupError: no PNG, or one that is cut off or broken.
    """
    if not content.startswith(PNG_START):
        raise SetupError(f"{path} is no PNG picture ({len(content)} bytes); copy or unpack it again")
    _refuse_cut_off(content, path)
    picture = _decoded(content, cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise SetupError(f"{path} is a broken PNG, which OpenCV cannot read; copy it again")
    return picture


def layout_of(picture: NDArray[np.generic]) -> str:
    """As in "16 bits in 1 channels", for messages."""
    return f"{8 * picture.dtype.itemsize} bits in {1 if picture.ndim == 2 else picture.shape[2]} channels"


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


def _refuse_cut_off(content: bytes, path: Path) -> None:
    """OpenCV may make the rest grey, with lines of its own on the terminal at most."""
    jpeg, png = content.startswith(JPEG_START), content.startswith(PNG_START)
    if (jpeg and not jpeg_is_whole(content)) or (png and PNG_END not in content):
        kind = "JPEG" if jpeg else "PNG"
        raise SetupError(f"{path} is cut off: {len(content)} bytes without the end of a {kind}; remove or replace it")


def _decoded(content: bytes, flags: int) -> NDArray[Any] | None:
    """In OpenCV's order of channels; None where it is no picture."""
    if not content:
        return None
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:  # some formats raise where others give None
        return None


def _palette_indices(content: bytes, path: Path) -> NDArray[np.generic]:
    """OpenCV gives colours for indices, but takes the same pixels for grey levels where the header says so."""
    header = bytearray(content[PNG_DEPTH - 8 : PNG_COLOUR_TYPE + 4])
    header[9] = GREY
    kept = [_chunk(b"IHDR", bytes(header))]
    kept += [_chunk(kind, data) for kind, data in _chunks(content) if kind in (b"IDAT", b"IEND")]
    levels = decode_png(PNG_START + b"".join(kept), path)
    return levels // levels.dtype.type(GREY_STEPS.get(content[PNG_DEPTH], 1))


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and data of the parts of a PNG."""
    position = len(PNG_START)
    while position + 8 <= len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        yield content[position + 4 : position + 8], content[position + 8 : position + 8 + length]
        position += 12 + length


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + crc32(kind + data).to_bytes(4, "big")


def _array(path: Path) -> NDArray[np.uint8]:
    try:
        with np.load(path) as arrays:
            (image,) = (arrays[name] for name in arrays.files)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise SetupError(f"{path} cannot be read as an .npz with one array ({error}); replace it") from error
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise SetupError(f"{path} holds {image.dtype} {image.shape}, not a uint8 picture (H, W, 3)")
    return image


def write_picture(path: Path, picture: NDArray[np.generic], quality: int = 92) -> None:
    """A picture in the format of the file's name, there whole or not at all.

    Args:
        picture: (H, W) or (H, W, 3) uint8, or uint16 for PNG; colours in OpenCV's order.
        quality: of a JPEG, 0..100.

    Raises:
        SetupError: it cannot be written.
    """
    done, contents = cv2.imencode(path.suffix, picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done, f"{picture.dtype} {picture.shape} is no picture"
    write_whole(path, contents.tobytes())
