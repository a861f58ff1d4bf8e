"""Files that are there whole or not at all: written beside their place, then renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from densehybrid_ros.errors import SetupError


@contextmanager
def written_whole(path: Path, durable: bool = False, shared: bool = False) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when the block ends without an error, and is removed else.

    A killed process leaves the old file or the new one; folders that are missing are made.

    Args:
        durable: the contents are on the disk before the name is, so that a power cut does no harm either.
        shared: several processes may write the same file: each beside it in its own part, and the last one stays.

    Raises:
        SetupError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}{f'.{os.getpid()}' if shared else ''}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise SetupError(f"{path} cannot be written: {reason}; free the disk or give another folder") from error
    finally:
        with suppress(OSError):  # what went wrong is raised already
            beside.unlink(missing_ok=True)


def write_whole(path: Path, contents: bytes | str) -> None:
    """The file, there whole or not at all; text is written as UTF-8.

    Raises:
        SetupError: it cannot be written.
    """
    with written_whole(path) as file:
        file.write(contents.encode() if isinstance(contents, str) else contents)
