"""Zstandard, with the module that rosbags brings along."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from densehybrid_ros.errors import SetupError
from densehybrid_ros.playback.bags.recorded import Warn, one_line

ERRORS = (zstd.ZstdError, EOFError)
"""Of damaged data, and of data that are cut off."""
PIECE = 1 << 16
"""Bytes read at a time."""


def unpacked(data: bytes) -> bytes:
    """
    Raises:
        ValueError: the data are damaged or cut off.
    """
    try:
        return b"".join(_pieces(io.BytesIO(data)))
    except ERRORS as error:
        raise ValueError(f"damaged zstd data: {one_line(error)}") from error


def whole_part(data: bytes) -> bytes:
    """As much of damaged data as can be unpacked."""
    pieces: list[bytes] = []
    with suppress(*ERRORS):
        pieces.extend(_pieces(io.BytesIO(data)))
    return b"".join(pieces)


def unpack_file(path: Path, target: Path, warn: Warn) -> None:
    """As much of a compressed file as can be unpacked.

    Raises:
        SetupError: it cannot be read, or `target` cannot be written.
    """
    try:
        with path.open("rb") as packed, target.open("wb") as out:
            try:
                for piece in _pieces(packed):
                    out.write(piece)
            except ERRORS as error:
                warn(f"{path} is damaged or cut off ({one_line(error)}); what comes before is played")
    except OSError as error:
        remedy = f"free the disk, or unpack it elsewhere: zstd -d -o OTHER {path}"
        raise SetupError(f"{path} cannot be unpacked into {target.parent}: {one_line(error)}; {remedy}") from error


def _pieces(packed: BinaryIO) -> Iterator[bytes]:
    """As far as the data go, also where they are cut off within a piece, which zstd's own file would keep back.

    Raises:
        EOFError: they are cut off.
        zstd.ZstdError: they are damaged.
    """
    frame: zstd.ZstdDecompressor | None = None
    while piece := packed.read(PIECE):
        while piece:
            frame = frame or zstd.ZstdDecompressor()
            yield frame.decompress(piece)
            piece, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame is not None:
        raise EOFError("the data end within a frame")
