"""Shared memory that killed processes have left behind. Knows no ROS.

Every Fast DDS process holds a segment in /dev/shm, with our profile 67 MB, beside a lock file that it keeps locked as
long as it lives. A killed one frees neither, so a node that a launch file starts again and again would fill the memory.
"""

from __future__ import annotations

import fcntl
import re
import time
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path("/dev/shm")
LOCK_NAME = re.compile(r"(?P<segment>(?:fastdds|fastrtps)_[0-9a-f]{16})_el")
"""Fast DDS 3 and 2; ports, which all share, have other names."""
YOUNGEST = 10.0
"""s; a younger lock may be one that its process is about to take."""


def remove_abandoned_segments(folder: Path = FOLDER) -> int:
    """Removes every segment whose process is gone; those of other users and of living processes stay.

    Returns:
        Bytes that were freed.
    """
    return sum(_removed(lock, segment) for lock, segment in _segments(folder))


def _segments(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Lock and segment."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if named := LOCK_NAME.fullmatch(path.name):
            yield path, folder / named["segment"]


def _removed(lock: Path, segment: Path) -> int:
    """Removes both where nobody holds the lock; freed bytes."""
    try:
        if time.time() - lock.stat().st_mtime < YOUNGEST:
            return 0
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = segment.stat().st_size if segment.exists() else 0
            segment.unlink(missing_ok=True)
            lock.unlink()
            return size
    except OSError:  # held, another user's, or just removed by another process: not ours to free
        return 0
