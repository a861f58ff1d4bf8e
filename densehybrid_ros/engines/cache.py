"""The folder of engines: the newest used stay, within bounds. What goes wrong in it costs time and no answer.

ONNX files, and beside them a folder for each that TensorRT has made engines of.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import make_folder

KINDS = ("*.onnx", "*.tensorrt")
MOST_FILES, MOST_BYTES = 16, 10**9
"""Of each kind."""
ABANDONED = 3600.0
"""s after which the part of a file is taken for that of a process that was killed."""


def cache_folder() -> Path:
    """Where the engines of this user lie.

    Raises:
        RuntimeError: the user has no home.
    """
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else Path.home() / ".cache") / "densehybrid_ros" / "engines"


def cached(path: Path) -> bytes | None:
    """The contents of an engine's file, which counts as used from now on; None where there is none that can be read."""
    try:
        contents = path.read_bytes()
    except OSError:
        return None
    mark_used(path)
    return contents


def mark_used(path: Path) -> None:
    """It counts as used now."""
    with suppress(OSError):  # a folder that can only be read serves as well
        os.utime(path)


def forget(path: Path) -> None:
    """Removes a file or folder that is of no use."""
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def remove_oldest(folder: Path) -> None:
    """Keeps the newest used within the bounds, and no parts that killed processes have left."""
    with suppress(OSError):  # what cannot be seen or removed stays
        for kind in KINDS:
            _remove_oldest(list(folder.glob(kind)))


def _remove_oldest(paths: list[Path]) -> None:
    used = {path: path.stat().st_mtime for path in paths}
    parts = [path for path in paths if path.name.startswith(".")]
    old = [path for path in parts if time.time() - used[path] > ABANDONED]
    total = 0
    for number, path in enumerate(sorted(set(paths) - set(parts), key=used.__getitem__, reverse=True), 1):
        total += _bytes_of(path)
        if number > MOST_FILES or total > MOST_BYTES:
            old.append(path)
    for path in old:
        forget(path)


def _bytes_of(path: Path) -> int:
    """Of a file, or of those in a folder."""
    return sum(each.stat().st_size for each in path.iterdir()) if path.is_dir() else path.stat().st_size


@contextmanager
def folder_to_build_in() -> Iterator[tuple[Path, str]]:
    """The cache folder, and ""; where it cannot be written, a temporary one for the block, and why."""
    try:
        folder = cache_folder()
        make_folder(folder)
    except (RuntimeError, SetupError) as error:
        with tempfile.TemporaryDirectory(prefix="densehybrid_engines_") as temporary:
            yield Path(temporary), str(error)
        return
    yield folder, ""
