"""Zstandard, with the module that rosbags brings along."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterable, Iterator
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
PIECE, MOST_AT_ONCE = 1 << 16, 1 << 24
"""Bytes read at a time, and unpacked."""
LARGEST_UNPACKED = 1 << 28
"""Bytes of a message or chunk: kilobytes can stand for as many as their writer likes."""
KEPT_FREE = 1 << 30
"""Bytes of the disk."""


def unpacked(data: bytes, most: int = LARGEST_UNPACKED) -> bytes:
    """
    Raises:
        ValueError: the data are damaged or cut off, or unpack to more than `most` bytes.
    """
    try:
        return b"".join(within(most, _pieces(io.BytesIO(data))))
    except ERRORS as error:
        raise ValueError(f"damaged zstd data: {one_line(error)}") from error


def whole_part(data: bytes) -> bytes:
    """As much of damaged data as can be unpacked, within LARGEST_UNPACKED."""
    pieces: list[bytes] = []
    with suppress(ValueError, *ERRORS):
        pieces.extend(within(LARGEST_UNPACKED, _pieces(io.BytesIO(data))))
    return b"".join(pieces)


def within(most: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces.

    Raises:
        ValueError: before there are more than `most` bytes of them.
    """
    total = 0
    for piece in pieces:
        total += len(piece)
        if total > most:
            raise ValueError(f"it unpacks to more than {most} bytes")
        yield piece


def unpack_file(path: Path, target: Path, warn: Warn) -> None:
    """As much of a compressed file as can be unpacked, and as leaves room on the disk.

    Raises:
        SetupError: it cannot be read, or `target` cannot be written.
    """
    try:
        room = max(shutil.disk_usage(target.parent).free - KEPT_FREE, 0)
        with path.open("rb") as packed, target.open("wb") as out:
            try:
                for piece in within(room, _pieces(packed)):
                    out.write(piece)
            except ValueError as error:
                raise OSError(str(error)) from error
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
            yield frame.decompress(piece, MOST_AT_ONCE)
            while not (frame.eof or frame.needs_input):
                yield frame.decompress(b"", MOST_AT_ONCE)
            piece, frame = (frame.unused_data, None) if frame.eof else (b"", frame)
    if frame is not None:
        raise EOFError("the data end within a frame")
