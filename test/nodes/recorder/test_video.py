"""The recorder's video is there whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from densehybrid_ros.nodes.recorder.video import Video

ROOT = Path(__file__).resolve().parents[3]
FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.recorder.video import Video
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
rng = np.random.default_rng(1)
video = Video(Path(sys.argv[1]), (320, 240), 10.0)
try:
    for _ in range(20):
        video.add(rng.integers(0, 256, (240, 320, 3), np.uint8))
    video.finish()
except SetupError as error:
    print(error)
"""


def test_all_pictures_are_in_it(tmp_path: Path) -> None:
    path = tmp_path / "overlay.mp4"
    video = Video(path, (320, 240), 10.0)
    for level in range(12):
        video.add(np.full((120, 160, 3), 20 * level, np.uint8))
    assert not path.exists()
    video.finish()
    assert [each.name for each in tmp_path.iterdir()] == ["overlay.mp4"]
    reader = cv2.VideoCapture(str(path))
    levels = [float(frame.mean()) for _ in range(12) for frame in (reader.read()[1],)]
    np.testing.assert_allclose(levels, [20 * level for level in range(12)], atol=4)


def test_a_full_disk_is_said_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "overlay.mp4")],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{tmp_path / 'overlay.mp4'} cannot be written: No space left on device")
    assert not list(tmp_path.iterdir())
