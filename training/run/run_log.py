"""What a run writes down: `log.jsonl` to be read by programs, and TensorBoard events to be looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

from densehybrid_ros.files import write_whole


class RunLog:
    """Records of steps; those after `first`, from a run that was cut off, are dropped: their steps are done again."""

    def __init__(self, folder: Path, first: int) -> None:
        path = folder / "log.jsonl"
        if path.is_file():
            kept = [line for line in path.read_text().splitlines() if _step_of(line) <= first]
            write_whole(path, "".join(f"{line}\n" for line in kept))
        self._file = path.open("a")
        self._events = SummaryWriter(str(folder / "events"), purge_step=first + 1 if first else None)

    def write(self, record: dict[str, Any]) -> None:
        """A record with a `step`; numbers go to TensorBoard under the path of their keys."""
        print(json.dumps(record), file=self._file, flush=True)
        for name, value in _numbers(record):
            self._events.add_scalar(name, value, record["step"])

    def close(self) -> None:
        self._file.close()
        self._events.close()


def _step_of(line: str) -> int:
    """A killed process may leave half a line: that is dropped, too."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return 2**62


def _numbers(record: dict[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for key, value in record.items():
        if key == "step":
            continue
        if isinstance(value, dict):
            found += _numbers(value, f"{prefix}{key}/")
        elif isinstance(value, list):
            found += [(f"{prefix}{key}/{index}", float(each)) for index, each in enumerate(value)]
        else:
            found.append((f"{prefix}{key}", float(value)))
    return found
