"""./demo.sh as a user runs it: player, node and recorder as processes, over DDS."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from densehybrid_ros.cli import main
from densehybrid_ros.drives.render import render_lostandfound
from densehybrid_ros.roadworld import Roadworld

REPOSITORY = Path(__file__).resolve().parents[1]


def demo(*options: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    environment.pop("ROS_DOMAIN_ID", None)
    command = [sys.executable, "-m", "densehybrid_ros.demo", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)


def test_a_labelled_folder_gives_overlays_a_video_and_figures(tmp_path: Path, random_weights: Path) -> None:
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    for number in range(3):
        frame = Roadworld(number + 20, 160, 96).frame(0, stereo=False)
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), frame.left[..., ::-1])
        ids = np.where(frame.anomaly, 12, np.where(frame.labels == 255, 11, frame.labels)).astype(np.uint8)
        ids[60:70, 70:80] = 12
        cv2.imwrite(str(tmp_path / "labels" / f"{number}.png"), ids)
    out = tmp_path / "out"
    result = demo("--input", str(tmp_path / "images"), "--out", str(out), "--weights", str(random_weights))
    assert result.returncode == 0, result.stderr
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["frames_in"], summary["frames_out"], summary["frames_dropped"]) == (3, 3, 0)
    assert summary["threshold"] == 0.25
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p95"]
    assert {"ap", "fpr95", "auroc", "miou"} <= summary.keys()
    assert "frames in / out / dropped" in result.stdout
    overlays = sorted((out / "overlays").iterdir())
    assert len(overlays) == 3
    assert cv2.imread(str(overlays[0])).shape == (96, 160, 3)
    video = cv2.VideoCapture(str(out / "overlay.mp4"))
    assert video.isOpened()
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 3


def test_pauses_between_frames_are_no_fault(tmp_path: Path, random_weights: Path) -> None:
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((64, 96, 3), 90 * number, np.uint8))
    options = ["--input", str(tmp_path), "--rate", "0.25", "--out", str(tmp_path / "out")]
    result = demo(*options, "--weights", str(random_weights))
    assert result.returncode == 0, result.stderr
    assert "no frame comes" not in result.stderr


def test_a_topic_of_a_bag_can_be_chosen(tmp_path: Path, random_weights: Path) -> None:
    pytest.importorskip("rosbags", reason="rosbags is not installed")
    render_lostandfound(tmp_path / "drive", "test", [20_005], 2, 160, 96, first_frame=22, frame_step=3)
    bag, out = tmp_path / "drive.mcap", tmp_path / "out"
    main(["convert", "lostandfound", str(tmp_path / "drive"), str(bag)])
    topic = "/camera/right/image_raw"
    result = demo("--input", str(bag), "--image-topic", topic, "--out", str(out), "--weights", str(random_weights))
    assert result.returncode == 0, result.stderr
    assert f"topic {topic}/compressed (colour), camera_info /camera/right/camera_info" in result.stdout
    assert json.loads((out / "summary.json").read_text())["frames_out"] == 2


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--input", "nowhere"], "input nowhere does not exist"),
        (["--frames", "0"], "--frames is 0"),
        (["--colour"], "unrecognized arguments"),
    ],
)
def test_a_wrong_call_ends_with_one_clear_line(options: list[str], text: str, tmp_path: Path) -> None:
    result = demo(*options, "--out", str(tmp_path / "out"))
    assert result.returncode == 2
    assert text in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_a_node_that_fails_is_shown_and_ends_the_demo(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("no folder")
    result = demo("--out", str(occupied / "out"), "--frames", "1")
    assert result.returncode == 2
    assert "cannot be written: Not a directory" in result.stderr
    assert "Traceback" not in result.stderr


def test_with_view_the_page_is_served_and_the_input_played_on_until_it_is_stopped(
    tmp_path: Path, random_weights: Path
) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(2):
        cv2.imwrite(str(pictures / f"{number}.png"), np.full((64, 96, 3), 90 * number, np.uint8))
    options = ["--view", "--input", str(pictures), "--out", str(tmp_path / "out"), "--weights", str(random_weights)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    for name in ("ROS_DOMAIN_ID", "DISPLAY", "WAYLAND_DISPLAY"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "densehybrid_ros.demo", *options]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        lines = iter(process.stdout)
        address = next(line.split()[-1] for line in lines if "http://127.0.0.1:" in line)
        with urllib.request.urlopen(address) as page:
            assert "densehybrid tuner" in page.read().decode()
        assert any("frames in / out / dropped" in line for line in lines)
        assert any("playing on" in line for line in lines)
        time.sleep(2.0)
        assert process.poll() is None
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(timeout=60)
    assert status == 128 + signal.SIGINT
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["frames_out"] == 2
