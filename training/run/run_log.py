"""What a run writes down: `log.jsonl` to be read by programs, and TensorBoard events to be looked at."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue]
from tensorboardX.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]
from tensorboardX.summary import scalar

from densehybrid_ros.files import Lines, make_folder, unwritable, write_whole


class RunLog:
    """Records of steps; those after `first`, from a run that was cut off, are dropped: their steps are done again."""

    def __init__(self, folder: Path, first: int) -> None:
        path = folder / "log.jsonl"
        if path.is_file():
            kept = [line for line in path.read_text().splitlines() if _step_of(line) <= first]
            write_whole(path, "".join(f"{line}\n" for line in kept))
        self._folder, self._lines = folder, Lines(path)
        self._events = _events(folder / "events", first)

    def write(self, record: dict[str, Any]) -> None:
        """A record with a `step`; numbers go to TensorBoard under the path of their keys.

        Raises:
            SetupError: it cannot be written.
        """
        self._lines.add(json.dumps(record))
        values = [scalar(name, value).value[0] for name, value in _numbers(record)]
        try:
            self._events.write_event(Event(step=record["step"], wall_time=time.time(), summary=Summary(value=values)))
            self._events.flush()
        except OSError as error:
            raise unwritable(self._folder / "events", error) from error

    def close(self) -> None:
        self._lines.close()
        self._events.close()


def _events(folder: Path, first: int) -> EventsWriter:
    """For TensorBoard, which hides what an earlier run wrote after `first`.

    Not tensorboardX's SummaryWriter: it writes in a thread, and where that finds the disk full the run would wait for
    ever.
    """
    make_folder(folder)
    events = EventsWriter(str(folder / "events"))
    if first:
        events.write_event(Event(step=first + 1, file_version="brain.Event:2"))
        events.write_event(Event(step=first + 1, session_log=SessionLog(status=SessionLog.START)))
    return events


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
