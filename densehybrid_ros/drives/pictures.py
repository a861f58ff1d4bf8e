"""PNG files of a drive, there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError


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
