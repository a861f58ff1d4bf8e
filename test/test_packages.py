"""A package that is not installed is one line with the command that installs it, and status 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
INSTALL = f"run: {sys.executable} -m pip install "


@pytest.mark.parametrize(
    ("module", "arguments", "lacking", "text"),
    [
        ("nodes.segmenter", [], "torch", f"torch is not installed for {sys.executable}; {INSTALL}'torch>=2.4,<3'"),
        ("nodes.player", [], "cv2", f"{INSTALL}'opencv-python-headless>=4.10,<6'"),
        ("nodes.recorder", [], "rclpy", "source ROS 2 and the workspace in this shell"),
        ("nodes.evaluator", [], "std_msgs", "std_msgs is not there"),
        ("cli", ["evaluate", "folder"], "torch", f"{INSTALL}'torch>=2.4,<3'"),
        ("cli", ["render-roadworld", "out"], "tqdm", f"{INSTALL}'tqdm>=4.60,<5'"),
        ("cli", ["bench", "--node"], "rclpy", "source ROS 2 and the workspace in this shell"),
        ("cli", ["train", "recipe.yaml"], "lightning_fabric", f"{INSTALL}'lightning-fabric>=2.5,<3'"),
        ("cli", ["convert", "lostandfound", ".", "out.mcap"], "rosbags", f"{INSTALL}'rosbags>=0.11.9,<0.12'"),
    ],
)
def test_a_missing_package_is_one_line_and_is_not_tried_again(
    module: str, arguments: list[str], lacking: str, text: str, tmp_path: Path
) -> None:
    if module.startswith("nodes."):
        pytest.importorskip("rclpy", reason="rclpy is not installed")
    (tmp_path / f"{lacking}.py").write_text(f"raise ModuleNotFoundError('as if it were missing', name='{lacking}')")
    path = os.pathsep.join([str(tmp_path), str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, "-m", f"densehybrid_ros.{module}", *arguments],
        env={**os.environ, "PYTHONPATH": path},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 2, result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert text in result.stderr
