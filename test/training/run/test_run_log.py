"""What a run writes down is whole lines, is read by TensorBoard, and a full disk is one error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorboardX", reason="the training packages are not installed")
from tensorboardX.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue]

from densehybrid_ros.training.run.run_log import RunLog

ROOT = Path(__file__).resolve().parents[3]
FULL = """
import resource, signal, sys
from pathlib import Path
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.run.run_log import RunLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, 9_000))
log = RunLog(Path(sys.argv[1]), 0)
try:
    for step in range(5000):
        log.write({"step": step, "loss": 0.5, "more": {"a": 1.0, "b": 2.0}})
except SetupError as error:
    print(error)
"""


def events(folder: Path) -> list[Event]:
    """A TensorBoard file: length, its checksum, the event, its checksum."""
    found = []
    for path in sorted((folder / "events").iterdir()):
        contents = path.read_bytes()
        while contents:
            length = int.from_bytes(contents[:8], "little")
            found.append(Event.FromString(contents[12 : 12 + length]))
            contents = contents[16 + length :]
    return found


def test_figures_are_lines_and_events(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0)
    log.write({"step": 2, "loss": 0.5, "camvid": {"AP": 70, "parts": [1.0, 2.0]}})
    assert [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [2]
    values = {value.tag: value.simple_value for event in events(tmp_path) for value in event.summary.value}
    assert values == {"loss": 0.5, "camvid/AP": 70, "camvid/parts/0": 1.0, "camvid/parts/1": 2.0}
    assert {event.step for event in events(tmp_path) if event.summary.value} == {2}
    log.close()


def test_a_resumed_run_hides_the_events_that_it_does_again(tmp_path: Path) -> None:
    for first in (0, 3):
        log = RunLog(tmp_path, first)
        log.close()
    starts = [event.step for event in events(tmp_path) if event.session_log.status == SessionLog.START]
    assert starts == [4]


def test_a_full_disk_is_one_error_and_the_lines_are_whole(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    assert line.endswith("cannot be written: File too large; free the disk or give another folder")
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(each)["step"] for each in lines] == list(range(len(lines)))
    assert len(lines) > 10
