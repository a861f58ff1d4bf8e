"""Commands and the demo end quietly by a signal, whatever they are doing, and leave nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from densehybrid_ros.stopping import ended_quietly

pytestmark = pytest.mark.alone  # how soon a process ends
ROOT = Path(__file__).resolve().parents[1]
LONG_IN_C = """
import time, torch
from densehybrid_ros.stopping import ended_quietly
with ended_quietly():
    print("begun", flush=True)
    picture = torch.zeros(40000, 40000)
    torch.mm(picture, picture)
"""
WRITING = """
import sys, time
from pathlib import Path
from densehybrid_ros.files import written_whole
from densehybrid_ros.stopping import ended_quietly
with ended_quietly():
    with written_whole(Path(sys.argv[1])) as file:
        file.write(b"half")
        print("begun", flush=True)
        time.sleep(60)
"""
IN_A_DESTRUCTOR = """
import sys, time
from pathlib import Path
from densehybrid_ros.files import written_whole
from densehybrid_ros.stopping import ended_quietly
class Slow:
    def __del__(self):
        print("begun", flush=True)
        time.sleep(60)
with ended_quietly(grace=30):
    with written_whole(Path(sys.argv[1])) as file:
        file.write(b"half")
        Slow()
        time.sleep(60)
"""
WRONG_DESTRUCTOR = """
from densehybrid_ros.stopping import ended_quietly
class Wrong:
    def __del__(self):
        raise ValueError("of a destructor")
with ended_quietly():
    Wrong()
Wrong()
"""


def started(*arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def ended(process: subprocess.Popen[str], number: int) -> tuple[int, float, str]:
    """Status as a shell has it, s, and what was written to stderr."""
    sent = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    status = process.returncode
    return 128 - status if status < 0 else status, time.monotonic() - sent, errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", [0.2, 0.8, 1.6, 3.0])
@pytest.mark.parametrize("command", ["evaluate", "render"])
def test_a_command_ends_quietly_at_any_moment(tmp_path: Path, number: int, moment: float, command: str) -> None:
    arguments = {
        "evaluate": ["evaluate", "roadworld", "--device", "cpu"],
        "render": ["render-roadworld", str(tmp_path / "out")],
    }[command]
    process = started("-c", "import sys; print(); from densehybrid_ros.cli import main; main(sys.argv[1:])", *arguments)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(moment)
    status, took, errors = ended(process, number)
    assert "Traceback" not in errors, errors
    assert status == 128 + number, errors
    assert took < 3, errors
    assert not [path for path in tmp_path.rglob("*") if ".part" in path.name]


@pytest.mark.parametrize("program", [WRITING, IN_A_DESTRUCTOR])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_being_written_is_removed(tmp_path: Path, number: int, program: str) -> None:
    process = started("-c", program, str(tmp_path / "file.bin"))
    assert process.stdout is not None
    process.stdout.readline()
    status, took, errors = ended(process, number)
    assert (status, errors) == (128 + number, "")
    assert took < 2
    assert not list(tmp_path.iterdir())


def test_the_hook_for_errors_of_destructors_is_given_back() -> None:
    before = sys.unraisablehook
    with ended_quietly():
        assert sys.unraisablehook is not before
    assert sys.unraisablehook is before


def test_other_errors_of_destructors_are_told() -> None:
    process = started("-c", WRONG_DESTRUCTOR)
    _, errors = process.communicate(timeout=60)
    assert errors.count("ValueError: of a destructor") == 2


def test_what_is_long_in_c_is_cut_off() -> None:
    pytest.importorskip("torch")
    process = started("-c", LONG_IN_C)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(1.0)
    status, took, errors = ended(process, signal.SIGTERM)
    assert (status, errors) == (128 + signal.SIGTERM, "")
    assert 1 < took < 3


def test_output_to_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "densehybrid_ros.cli", "--help"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE,
            text=True, check=False, timeout=60, env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "densehybrid: the output: No space left on device\n"
