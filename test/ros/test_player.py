"""The player in its own process: what it publishes, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import SetBool

from densehybrid_ros.convert.images import array_from_image, rgb_from_image
from densehybrid_ros.roadworld import Roadworld

if TYPE_CHECKING:
    from conftest import Probe, Process

Start = Callable[..., "Process"]


def listen(probe: Probe, kind: type, topic: str) -> list:
    messages: list = []
    probe.node.create_subscription(kind, topic, messages.append, 20)
    return messages


def test_roadworld_is_played_with_camera_info_truth_and_clock(start: Start, probe: Probe) -> None:
    images, truths = listen(probe, Image, "image_raw"), listen(probe, Image, "ground_truth/image_raw")
    infos, clocks = listen(probe, CameraInfo, "camera_info"), listen(probe, Clock, "/clock")
    size = ("width:=128", "height:=96")
    player = start("player", "input:=roadworld:5", *size, "frames:=3", "publish_clock:=true", "wait_for_subscribers:=1")
    probe.spin_until(lambda: min(map(len, (images, truths, infos, clocks))) == 3, "three frames")
    assert player.process.wait(timeout=60) == 0
    world = Roadworld(5, 128, 96)
    for index, (image, truth, info, clock) in enumerate(zip(images, truths, infos, clocks, strict=True)):
        frame = world.frame(index, stereo=False)
        np.testing.assert_array_equal(rgb_from_image(image), frame.left)
        expected = np.where(frame.anomaly, 11, frame.labels)
        np.testing.assert_array_equal(array_from_image(truth), expected)
        assert image.header == truth.header == info.header
        assert clock.clock == image.header.stamp
        assert info.k[0] == frame.camera.fx
    seconds = [image.header.stamp.sec + image.header.stamp.nanosec * 1e-9 for image in images]
    np.testing.assert_allclose(np.diff(seconds), 0.1, atol=1e-5)


def test_a_folder_loops_and_pauses(start: Start, probe: Probe, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(2):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((20, 30, 3), 50 * number + 20, np.uint8))
    (folder / "2.png").write_bytes(b"no picture")
    images = listen(probe, Image, "image_raw")
    player = start("player", f"input:={folder}", "rate:=20", "loop:=true", "start_paused:=true", "frame_id:=nose")
    probe.spin_for(2.0)
    assert not images
    assert probe.call(SetBool, "/player/pause", SetBool.Request(data=False)).message == "playing"
    probe.spin_until(lambda: len(images) >= 5, "looped frames")
    probe.call(SetBool, "/player/pause", SetBool.Request(data=True))
    probe.spin_for(0.5)
    count = len(images)
    probe.spin_for(0.7)
    assert len(images) == count
    levels = [int(rgb_from_image(image)[0, 0, 0]) for image in images]
    assert levels[:5] == [20, 70, 20, 70, 20]
    stamps = [(image.header.stamp.sec, image.header.stamp.nanosec) for image in images]
    assert stamps == sorted(set(stamps))
    assert images[0].header.frame_id == "nose"
    assert "2.png cannot be read as a picture" in player.output
    assert player.stop() == 0


@pytest.mark.parametrize("kind", ["missing", "empty folder", "no video", "no bag", "bad seed"])
def test_an_unplayable_input_ends_with_one_line(start: Start, tmp_path: Path, kind: str) -> None:
    paths = {name: tmp_path / name.replace(" ", "_") for name in ("missing", "empty folder", "no video", "no bag")}
    paths["empty folder"].mkdir()
    paths["no video"].with_suffix(".mp4").write_bytes(b"nothing")
    paths["no bag"].with_suffix(".mcap").write_bytes(b"nothing")
    suffix = {"no video": ".mp4", "no bag": ".mcap"}.get(kind, "")
    name = "roadworld:x" if kind == "bad seed" else f"{paths[kind]}{suffix}"
    player = start("player", f"input:={name}")
    assert player.process.wait(timeout=60) == 2
    lines = [line for line in player.output.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert name in lines[0]
    assert "Traceback" not in player.output
