"""PNG files of a drive, decoded as they are and refused when anything is wrong with them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError

PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def read_bytes(path: Path) -> bytes:
    """The file's bytes.

    Raises:
        SetupError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}; check the folder and its rights") from error


def decode_png(contents: bytes, path: Path) -> NDArray[np.generic]:
    """(H, W) or (H, W, C) in OpenCV's order of channels, in the file's own depth.

    Args:
        contents: bytes of a PNG file.
        path: where they come from, for the error.

    Raises:
        SetupError: no PNG, or a truncated or broken one.
    """
    if not contents.startswith(PNG_START):
        raise SetupError(f"{path} is no PNG picture ({len(contents)} bytes); copy or unpack it again")
    # OpenCV and libpng would print lines of their own, in the midst of a progress bar
    if PNG_END not in contents:
        raise SetupError(f"{path} is a truncated PNG of {len(contents)} bytes; copy it again")
    try:
        picture = cv2.imdecode(np.frombuffer(contents, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise SetupError(f"{path} cannot be decoded: {error.err}; copy it again") from error
    if picture is None:
        raise SetupError(f"{path} is a broken PNG, which OpenCV cannot read; copy it again")
    return picture


def write_png(path: Path, picture: NDArray[np.generic]) -> None:
    """A PNG that is there whole or not at all: written under a temporary name, then renamed.

    Args:
        path: ends in `.png`.
        picture: (H, W) or (H, W, 3) uint8 or uint16, colours in OpenCV's order.

    Raises:
        SetupError: it cannot be written.
    """
    done, contents = cv2.imencode(".png", picture)
    assert done, f"{picture.dtype} {picture.shape} is no picture"
    write_whole(path, contents.tobytes())


def write_whole(path: Path, contents: bytes) -> None:
    """The file, there whole or not at all.

    Raises:
        SetupError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_bytes(contents)
        temporary.replace(path)
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error.strerror}; free the disk or give another folder") from error
