"""One reader of files from strangers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from densehybrid_ros.errors import SetupError
from fuzzing.changes import Change, changed_bytes


@dataclass(frozen=True)
class Target:
    """What is read, and the faults that are put into it."""

    suffix: str
    """Of the file."""
    seeds: Callable[[Path], list[bytes]]
    """Valid inputs, made in a folder."""
    read: Callable[[Path], object]
    """Reads the file at a path as a user's command or the node does."""
    change: Change = changed_bytes
    refusals: tuple[type[Exception], ...] = (SetupError,)
    """The errors that are meant for users. Any other is a crash."""


def contents(paths: list[Path]) -> list[bytes]:
    return [path.read_bytes() for path in paths]
