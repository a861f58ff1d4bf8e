"""Pictures and label maps from files; whatever is not whole is refused by name.

An orientation noted in a file is not applied unless asked for: label maps have none, and lie as the pixels are stored.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from tokenize import TokenError
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.lib.format import read_array as read_npy
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import GIT_LFS_POINTER, write_whole
from densehybrid_ros.formats.picture_headers import (
    JPEG,
    PNG,
    PNG_START,
    claimed_size,
    format_of,
    jpeg_is_whole,
    png_chunks,
    png_is_whole,
)

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
UNREAD_SUFFIXES = (".tif", ".tiff", ".ppm", ".pgm", ".gif", ".avif", ".heic", ".jp2", ".exr", ".hdr")
"""Of pictures that people have, and which are not read."""
PNG_DEPTH, PNG_COLOUR_TYPE = 24, 25
"""Bytes of a PNG that hold the bits of a sample and what a sample is."""
GREY, PALETTE = 0, 3
"""Colour types of a PNG."""
GREY_STEPS = {1: 255, 2: 85, 4: 17}
"""Grey levels of so few bits are spread over 0..255."""
LARGEST_PICTURE = 1 << 27
"""px; a file of some kilobytes can claim far more, and would fill the memory."""
LARGEST_ARRAY = 3 * LARGEST_PICTURE
"""Bytes."""
BROKEN_ARCHIVE = (
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    RuntimeError,
    TypeError,
    KeyError,
    OverflowError,
)
"""What zipfile and NumPy raise over damaged bytes; RuntimeError is of those that are encrypted or packed otherwise."""


class Sized(Protocol):
    """An array."""

    @property
    def shape(self) -> tuple[int, ...]: ...


def picture_files(paths: Iterable[Path], suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """Those with such a suffix, sorted. Hidden ones, such as macOS' `._…` beside unpacked archives, are none."""
    return sorted(path for path in paths if path.suffix.lower() in suffixes and not path.name.startswith("."))


def pictures_in(folder: Path) -> list[Path]:
    """Its pictures in natural order.

    Raises:
        SetupError: the folder cannot be read.
    """
    try:
        return sorted(picture_files(folder.iterdir()), key=natural_order)
    except OSError as error:
        raise SetupError(f"folder {folder} cannot be read: {error.strerror}; check its rights") from error


def unread_pictures(folder: Path) -> str:
    """What to say of pictures that are passed over for their format; "" where there are none."""
    unread = picture_files(folder.iterdir(), UNREAD_SUFFIXES)
    if not unread:
        return ""
    formats = ", ".join(sorted({path.suffix.lower() for path in unread}))
    return (
        f"passed over: pictures in {folder} of formats that are not read ({formats}): {len(unread)}, the first is "
        f"{unread[0].name}; convert to PNG"
    )


def natural_order(path: Path) -> list[str | int]:
    """To sort names by, with their numbers as numbers: frame2 before frame10."""
    parts = re.split("([0-9]+)", path.name)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]


def read_bytes(path: Path) -> bytes:
    """
    Raises:
        SetupError: the file cannot be read, or Git LFS has not brought it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}; check the folder and its rights") from error
    if content.startswith(GIT_LFS_POINTER):
        raise SetupError(f"{path} is a Git LFS pointer, not the file; run `git lfs pull` in its clone")
    return content


def read_rgb(path: Path, upright: bool = False) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a picture, or of the one array in an .npz.

    Args:
        path: of the file.
        upright: an orientation noted in the file is applied.

    Raises:
        SetupError: the file is neither, is cut off, or claims more pixels than any picture has.
    """
    if path.suffix == ".npz":
        return _picture_array(path)
    content = read_bytes(path)
    _refuse_unusable(content, path)
    flags = cv2.IMREAD_COLOR if upright else cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = _decoded(content, flags)
    if image is None:
        raise SetupError(f"{path} cannot be read as a picture; remove or replace it")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def read_labels(path: Path) -> NDArray[np.uint8]:
    """(H, W) uint8 ids of a label PNG as they are, of one with a palette its indices.

    Raises:
        SetupError: no PNG, one that is cut off, or not at most 8 bits in one channel.
    """
    content = read_bytes(path)
    labels = _samples(content, path) if _has_raw_samples(content) else decode_png(content, path)
    if labels.dtype != np.uint8 or labels.ndim != 2:
        raise SetupError(
            f"{path} is no label picture: it has {layout_of(labels)}; wanted 8 bits in one channel, the ids of the "
            "classes and not their colours"
        )
    return labels.view(np.uint8)


def sizes_differ(image_path: Path, image: Sized, label_path: Path, labels: Sized) -> str:
    """For messages about a picture and labels of different sizes, with the reason where the file notes it."""
    (height, width), (rows, columns) = image.shape[:2], labels.shape[:2]
    text = f"{image_path} is {width}x{height}, its labels {columns}x{rows} ({label_path})"
    if (height, width) == (columns, rows) and read_rgb(image_path, upright=True).shape[:2] == (rows, columns):
        text += "; the labels follow the orientation noted in the picture: turn its pixels, as `mogrify -auto-orient`"
    return text


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
    _refuse_unusable(content, path)
    picture = _decoded(content, cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise SetupError(f"{path} is a broken PNG, which OpenCV cannot read; copy it again")
    return picture


def layout_of(picture: NDArray[np.generic]) -> str:
    """As in "16 bits in 1 channel", for messages."""
    channels = "1 channel" if picture.ndim == 2 else f"{picture.shape[2]} channels"
    return f"{8 * picture.dtype.itemsize} bits in {channels}"


def _refuse_unusable(content: bytes, path: Path) -> None:
    """OpenCV may make the rest of a picture grey, with lines of its own on the terminal at most.

    It reads many more formats than are named here, by their contents, and those have no bounds.
    """
    kind, size = format_of(content), claimed_size(content)
    whole = {PNG: png_is_whole, JPEG: jpeg_is_whole}.get(kind)
    if whole and not whole(content):
        raise SetupError(
            f"{path} is cut off or broken: {len(content)} bytes without the end of a {kind}; remove or replace it"
        )
    if not kind or size is None:
        raise SetupError(f"{path} cannot be read as a picture: no PNG, JPEG, WebP or BMP; remove or replace it")
    width, height = size
    if width * height > LARGEST_PICTURE:
        raise SetupError(
            f"{path} claims {width}x{height} pixels, more than {LARGEST_PICTURE}; make it smaller or remove it"
        )


def _decoded(content: bytes, flags: int) -> NDArray[Any] | None:
    """In OpenCV's order of channels; None where it is no picture."""
    if not content:
        return None
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:  # some formats raise where others give None
        return None


def _has_raw_samples(content: bytes) -> bool:
    """Whether OpenCV would turn the samples of a PNG: indices into colours, few bits into levels of 0..255."""
    if not content.startswith(PNG_START) or len(content) <= PNG_COLOUR_TYPE:
        return False
    kind = content[PNG_COLOUR_TYPE]
    return kind == PALETTE or (kind == GREY and content[PNG_DEPTH] in GREY_STEPS)


def _samples(content: bytes, path: Path) -> NDArray[np.generic]:
    """As they are stored. OpenCV takes indices for grey levels where the header says so, and spreads few bits."""
    header = bytearray(content[PNG_DEPTH - 8 : PNG_COLOUR_TYPE + 4])
    header[9] = GREY
    kept = [_chunk(b"IHDR", bytes(header))]
    kept += [_chunk(kind, bytes(data)) for kind, data in png_chunks(content) if kind in (b"IDAT", b"IEND")]
    levels = decode_png(PNG_START + b"".join(kept), path)
    return levels // levels.dtype.type(GREY_STEPS.get(content[PNG_DEPTH], 1))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def read_array(path: Path) -> NDArray[np.generic]:
    """(H, W, 3) the one array in an .npz.

    Raises:
        SetupError: it cannot be read, or holds something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            (member,) = archive.infolist()
            if member.file_size > LARGEST_ARRAY:
                raise ValueError(f"{member.file_size} bytes, more than {LARGEST_ARRAY}")
            with archive.open(member) as file:
                array = read_npy(file, allow_pickle=False)
    # NumPy reads the header as Python's literals, by way of its tokens
    except (OSError, *BROKEN_ARCHIVE, SyntaxError, TokenError, RecursionError, MemoryError) as error:
        raise SetupError(f"{path} cannot be read as an .npz with one array ({error}); replace it") from error
    if array.ndim != 3 or array.shape[2] != 3:
        raise SetupError(f"{path} holds {array.dtype} {array.shape}, not a picture (H, W, 3)")
    return array


def _picture_array(path: Path) -> NDArray[np.uint8]:
    image = read_array(path)
    if image.dtype != np.uint8:
        raise SetupError(f"{path} holds {image.dtype} {image.shape}, not a uint8 picture (H, W, 3)")
    return image.view(np.uint8)


def write_picture(path: Path, picture: NDArray[np.generic], quality: int = 92) -> None:
    """A picture in the format of the file's name, there whole or not at all.

    Args:
        picture: (H, W) or (H, W, 3) uint8, or uint16 for PNG; colours in OpenCV's order.
        quality: of a JPEG, 0..100.

    Raises:
        SetupError: it cannot be written.
    """
    # OpenCV 5 warns of a quality that the format does not know
    parameters = [cv2.IMWRITE_JPEG_QUALITY, quality] if path.suffix.lower() in (".jpg", ".jpeg") else []
    done, contents = cv2.imencode(path.suffix, picture, parameters)
    assert done, f"{picture.dtype} {picture.shape} is no picture"
    write_whole(path, contents.tobytes())
