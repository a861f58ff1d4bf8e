"""Files that are there whole or not at all: written beside their place, then renamed. All of ours are written here."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from densehybrid_ros.errors import SetupError

GIT_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""How the small file begins that stands for one which Git LFS has not brought."""


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
    with written_beside(path, shared) as beside:
        raw = _FirstErrorFile(beside, "wb")
        try:
            with io.BufferedWriter(raw) as file:
                yield file
                file.flush()
                if durable:
                    os.fsync(raw.fileno())
        except Exception:
            if raw.first_error is not None:  # what came after it, as the writer of an archive closes it, is no news
                raise raw.first_error from None
            raise


@contextmanager
def written_beside(path: Path, shared: bool = False) -> Iterator[Path]:
    """As `written_whole`, for libraries that open the file by its name, which ends as that of `path` does.

    Raises:
        SetupError: it cannot be written; the library's own failures have to be told as OSError.
    """
    own = f"{os.getpid()}." if shared else ""
    beside = path.with_name(f".{path.stem}.{own}part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        beside.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
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


def make_folder(path: Path) -> None:
    """The folder, with those above it, if it is not there.

    Raises:
        SetupError: it cannot be made, or nothing can be written in it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise unwritable(path, error) from error


def refuse_unwritable(path: Path) -> None:
    """To be called before long work whose result will be written to `path`.

    Raises:
        SetupError: it is a folder, or nothing can be written beside it.
    """
    if path.is_dir():
        raise SetupError(f"{path} cannot be written: it is a folder; give the name of a file")
    make_folder(path.parent)


class Lines:
    """A file of lines that grows: every line is there whole or not at all."""

    def __init__(self, path: Path) -> None:
        """
        Raises:
            SetupError: it cannot be opened.
        """
        self._path = path
        try:
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise unwritable(path, error) from error

    def add(self, line: str) -> None:
        """
        Raises:
            SetupError: it cannot be written.
        """
        contents = f"{line}\n".encode()
        size = self._file.tell()
        try:
            while contents:  # a disk that gets full takes a part
                contents = contents[self._file.write(contents) :]
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(size)
            raise unwritable(self._path, error) from error

    def close(self) -> None:
        self._file.close()


class _FirstErrorFile(io.FileIO):
    """Remembers the first failure to write."""

    first_error: OSError | None = None

    def write(self, contents: Any, /) -> int:
        try:
            return super().write(contents)
        except OSError as error:
            self.first_error = self.first_error or error
            raise


def unwritable(path: Path, error: OSError) -> SetupError:
    """What to raise for it."""
    return SetupError(f"{path} cannot be written: {error.strerror or error}; free the disk or give another folder")
