"""The launch files under the real launch system: each file of under_launch/ is run by launch_testing.

They run without this wrapper too, in a workspace that has the package and with TEST_WEIGHTS set:
`launch_test test/launch/under_launch/camera.py`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip(
    "launch_testing", reason="launch_testing is not installed; it comes with a ROS 2 installation, not from PyPI"
)
pytest.importorskip(
    "launch_ros", reason="launch_ros is not installed; it comes with a ROS 2 installation, not from PyPI"
)
FILES = sorted((Path(__file__).parent / "under_launch").glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_launch_file_does_what_it_says(
    file: Path, launch_environment: dict[str, str], random_weights: Path
) -> None:
    environment = {**launch_environment, "TEST_WEIGHTS": str(random_weights)}
    command = [sys.executable, "-m", "launch_testing.launch_test", str(file)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_launch_file_is_tested() -> None:
    launched = {path.name.removesuffix(".launch.py") for path in (Path(__file__).parents[2] / "launch").iterdir()}
    assert {file.stem for file in FILES} == launched
