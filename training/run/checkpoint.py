"""Checkpoints of training runs: written whole or not at all, read back without executing anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import written_whole
from densehybrid_ros.models.tensor_files import first_line, pickled


def write_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Writes beside the target and renames: a killed process leaves the old file or the new one."""
    with written_whole(path, durable=True) as file:
        torch.save(dict(content), file)


@contextmanager
def reading_checkpoint(
    path: Path, settings: Mapping[str, Any], settings_then: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The content of a checkpoint, for a block that loads it into a run.

    Args:
        settings: what decides about the run's result; those in the checkpoint must be equal.
        settings_then: completes those of a checkpoint that an older version wrote.

    Raises:
        SetupError: unreadable, from a run with other settings, or the block could not load it.
    """
    try:
        content: dict[str, Any] = pickled(path)
        found = settings_then(content["settings"])
        changed = [name for name, value in settings.items() if value != found.get(name)]
        if changed:
            raise ValueError(f"'{changed[0]}' was {found.get(changed[0])} there and is {settings[changed[0]]} now")
        yield content
    except (RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
        reason = first_line(error)
        raise SetupError(
            f"checkpoint {path} does not continue this run ({reason}); remove the run folder or give another --out"
        ) from error
