"""The folder of engine files: the newest used stay, within bounds. What goes wrong in it costs time and no answer."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import make_folder

MOST_FILES, MOST_BYTES = 16, 10**9
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
    with suppress(OSError):  # a folder that can only be read serves as well
        os.utime(path)
    return contents


def forget(path: Path) -> None:
    """Removes a file that is of no use."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def remove_oldest(folder: Path) -> None:
    """Keeps the newest used within the bounds, and no parts that killed processes have left."""
    with suppress(OSError):  # what cannot be seen or removed stays
        files = {path: path.stat() for path in folder.glob("*.onnx")}
        parts = [path for path in files if path.name.startswith(".")]
        whole = sorted(files.keys() - set(parts), key=lambda path: files[path].st_mtime_ns, reverse=True)
        old = [path for path in parts if time.time() - files[path].st_mtime > ABANDONED]
        total = 0
        for number, path in enumerate(whole, 1):
            total += files[path].st_size
            if number > MOST_FILES or total > MOST_BYTES:
                old.append(path)
        for path in old:
            forget(path)


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
