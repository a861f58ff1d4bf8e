"""The process that makes an engine's file: it ends well, or says why not, and never outlives who needs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from densehybrid_ros.engines.build import build
from densehybrid_ros.engines.building import Build, BuildFailed
from densehybrid_ros.engines.key import KEY, Key
from densehybrid_ros.engines.opening import Session
from densehybrid_ros.errors import SetupError

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
"""s; the machine may be busy."""
PARENT = """
import sys, time
from pathlib import Path
from densehybrid_ros.engines.building import Build
from densehybrid_ros.engines.key import Key, Shape
key = Key("ladder_lite0", "", Shape(1, 64, 96), 18, ())
print(Build(Path(sys.argv[1]), Path(sys.argv[2]), key).pid, flush=True)
time.sleep(60)
"""


def ends(pid: int) -> bool:
    """Whether the process, of which this one is not the parent, ends within PATIENCE."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_the_file_holds_its_key(small_file: Path, small_key: Key) -> None:
    assert Session(small_file.read_bytes(), threads=1).properties[KEY] == small_key.text
    assert small_file.name.startswith("ladder_lite0-1x96x64-")


def test_two_processes_that_build_the_same_engine_end_well(
    tmp_path: Path, random_weights: Path, small_key: Key
) -> None:
    out = tmp_path / small_key.file_name
    for each in [Build(random_weights, out, small_key) for _ in range(2)]:
        each.wait()
    assert Session(out.read_bytes(), threads=1).properties[KEY] == small_key.text
    assert list(tmp_path.iterdir()) == [out]


def test_a_build_is_nicer_than_who_waits_for_it(tmp_path: Path, random_weights: Path, small_key: Key) -> None:
    begun = Build(random_weights, tmp_path / "engine.onnx", small_key)
    assert os.getpriority(os.PRIO_PROCESS, begun.pid) > os.getpriority(os.PRIO_PROCESS, 0)
    begun.stop()
    with pytest.raises(BuildFailed, match=r"ended by signal 9"):
        begun.wait()
    assert not list(tmp_path.iterdir())


def test_weights_that_have_changed_since_are_not_built_from(
    tmp_path: Path, random_weights: Path, small_key: Key
) -> None:
    with pytest.raises(SetupError, match="have changed since"):
        build(random_weights, tmp_path / "engine.onnx", replace(small_key, weights="0" * 64).text)
    with pytest.raises(SetupError, match="have changed since"):
        build(random_weights, tmp_path / "engine.onnx", replace(small_key, versions=("torch 1",)).text)
    assert not list(tmp_path.iterdir())


def test_the_reason_of_a_failed_build_is_its_last_line(tmp_path: Path, small_key: Key) -> None:
    with pytest.raises(BuildFailed, match=r"its build failed: weights file .*none\.safetensors does not exist"):
        Build(tmp_path / "none.safetensors", tmp_path / "engine.onnx", small_key).wait()


def test_a_build_ends_with_the_process_that_needs_it_however_that_ends(tmp_path: Path, random_weights: Path) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    command = [sys.executable, "-c", PARENT, str(random_weights), str(tmp_path / "engine.onnx")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    assert ends(pid)
    assert not list(tmp_path.iterdir())
