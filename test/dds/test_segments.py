"""Shared memory of killed processes is freed, that of living ones is not."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from densehybrid_ros.dds.segments import FOLDER, YOUNGEST, remove_abandoned_segments

SPIN = "import rclpy; rclpy.init(); node = rclpy.create_node('left_behind'); print('up', flush=True); input()"


def segment(folder: Path, name: str, age: float = 60.0) -> tuple[Path, Path]:
    data, lock = folder / name, folder / f"{name}_el"
    data.write_bytes(b"x" * 1000)
    lock.touch()
    then = time.time() - age
    os.utime(lock, (then, then))
    return data, lock


@pytest.mark.parametrize("name", ["fastdds_0123456789abcdef", "fastrtps_0123456789abcdef"])
def test_what_nobody_holds_is_removed(tmp_path: Path, name: str) -> None:
    segment(tmp_path, name)
    assert remove_abandoned_segments(tmp_path) == 1000
    assert list(tmp_path.iterdir()) == []


def test_what_is_held_or_new_or_something_else_stays(tmp_path: Path) -> None:
    _, held = segment(tmp_path, "fastdds_00000000000000aa")
    segment(tmp_path, "fastdds_00000000000000bb", age=YOUNGEST - 5)
    segment(tmp_path, "fastdds_port7411")
    segment(tmp_path, "somebody_elses")
    before = sorted(tmp_path.iterdir())
    with held.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert remove_abandoned_segments(tmp_path) == 0
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_that_is_not_there_is_no_trouble(tmp_path: Path) -> None:
    assert remove_abandoned_segments(tmp_path / "none") == 0


def grow_old(paths: set[Path]) -> None:
    then = time.time() - 2 * YOUNGEST
    for path in paths:
        os.utime(path, (then, then))


def test_a_killed_process_of_this_ros_leaves_one_that_is_found() -> None:
    """The names and locks of the Fast DDS that is installed are those that we know."""
    pytest.importorskip("rclpy", reason="rclpy is not installed")
    if not FOLDER.is_dir():
        pytest.skip(f"{FOLDER} is not there: no shared memory of this kind")
    before = set(FOLDER.iterdir())
    environment = {**os.environ, "RMW_IMPLEMENTATION": "rmw_fastrtps_cpp"}
    process = subprocess.Popen(
        [sys.executable, "-c", SPIN], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    made = {path for path in set(FOLDER.iterdir()) - before if "port" not in path.name and "sem." not in path.name}
    grow_old(made)
    remove_abandoned_segments()
    assert made
    assert all(path.exists() for path in made), "those of a living process were removed"
    process.kill()
    process.communicate()
    grow_old(made)
    assert remove_abandoned_segments() > 0
    assert not any(path.exists() for path in made)
