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


def test_nothing_is_played_before_an_evaluator_listens(start: Start, probe: Probe) -> None:
    images = listen(probe, Image, "image_raw")
    small = ("width:=64", "height:=48", "frames:=2", "rate:=20.0")
    waiting = ("wait_for_subscribers:=1", "wait_for_evaluator:=true")
    impatient = start("player", *small, *waiting, "wait_timeout:=4.0")
    assert impatient.process.wait(timeout=60) == 2
    assert "error: after 4 s no evaluator subscribes to ground_truth/anomaly/image_raw" in impatient.output
    player = start("player", *small, *waiting)
    publishes = probe.node.count_publishers
    probe.spin_until(lambda: publishes("image_raw") == 1, "the player")
    probe.spin_for(4.0)
    assert not images
    truths = listen(probe, Image, "ground_truth/anomaly/image_raw")
    assert player.process.wait(timeout=60) == 0
    probe.spin_until(lambda: min(len(images), len(truths)) == 2, "two frames")


def test_an_input_without_truth_waits_for_no_evaluator(start: Start, probe: Probe, tmp_path: Path) -> None:
    images = listen(probe, Image, "image_raw")
    cv2.imwrite(str(tmp_path / "0.png"), np.full((20, 30, 3), 50, np.uint8))
    waiting = ("wait_for_subscribers:=1", "wait_for_evaluator:=true", "wait_timeout:=30.0")
    player = start("player", f"input:={tmp_path}", *waiting)
    assert player.process.wait(timeout=60) == 0
    probe.spin_until(lambda: len(images) == 1, "the picture")


def test_a_large_last_picture_arrives_whole(start: Start, probe: Probe, tmp_path: Path) -> None:
    images = listen(probe, Image, "image_raw")
    picture = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8).repeat(100, 0).repeat(100, 1)
    cv2.imwrite(str(tmp_path / "0.png"), picture)
    player = start("player", f"input:={tmp_path}", "wait_for_subscribers:=1")
    assert player.process.wait(timeout=60) == 0
    probe.spin_for(2.0)
    assert len(images) == 1
    np.testing.assert_array_equal(rgb_from_image(images[0]), picture[..., ::-1])


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


def test_a_realsense_bag_is_played_with_its_aligned_depth(start: Start, probe: Probe, tmp_path: Path) -> None:
    path, depth = realsense(tmp_path / "bag")
    images, depths = listen(probe, Image, "image_raw"), listen(probe, Image, "depth")
    infos = listen(probe, CameraInfo, "camera_info")
    player = start("player", f"input:={path}", "wait_for_subscribers:=1", "linger:=3.0")
    probe.spin_until(lambda: min(map(len, (images, depths, infos))) == 3, "all messages")
    assert [image.encoding for image in images] == ["rgb8"] * 3
    assert [image.header for image in images] == [image.header for image in depths] == [info.header for info in infos]
    np.testing.assert_array_equal(np.frombuffer(depths[0].data, "<u2").reshape(4, 6), depth)
    assert (
        "topic /eye/color/image_raw (colour), camera_info /eye/color/camera_info, depth /eye/aligned_depth"
        in player.output
    )


def test_topics_that_are_named_are_played(start: Start, probe: Probe, tmp_path: Path) -> None:
    path, _ = realsense(tmp_path / "bag")
    images, depths = listen(probe, Image, "image_raw"), listen(probe, Image, "depth")
    topics = ("image_topic:=/eye/infra1/image_rect_raw", "depth_topic:=none")
    player = start("player", f"input:={path}", *topics, "wait_for_subscribers:=1", "linger:=1.0")
    assert player.process.wait(timeout=60) == 0
    probe.spin_until(lambda: len(images) == 3, "all images")
    assert int(rgb_from_image(images[0])[0, 0, 0]) == 77
    assert not depths
    player = start("player", f"input:={path}", "image_topic:=/nowhere")
    assert player.process.wait(timeout=60) == 2
    assert "it has no image topic /nowhere; its image topics are /eye/color/image_raw (colour, rgb8);" in player.output


def realsense(path: Path) -> tuple[Path, np.ndarray]:
    """Colour, aligned depth and infrared in folders of their own; the depth."""
    rosbag2 = pytest.importorskip("rosbags.rosbag2", reason="rosbags is not installed")
    from rosbags.typesys import Stores, get_typestore

    store, image, info = get_typestore(Stores.ROS2_JAZZY), "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
    depth = np.arange(24, dtype=np.uint16).reshape(4, 6) * 100
    pictures = {
        "aligned_depth_to_color/image_raw": (depth, "16UC1"),
        "infra1/image_rect_raw": (np.full((4, 6), 77, np.uint8), "mono8"),
        "color/image_raw": (np.full((4, 6, 3), 9, np.uint8), "rgb8"),
    }
    with rosbag2.Writer(path, version=9) as writer:
        connections = {name: writer.add_connection(f"/eye/{name}", image, typestore=store) for name in pictures}
        calibration = writer.add_connection("/eye/color/camera_info", info, typestore=store)
        for number in range(3):
            at = 1_700_000_000_000_000_000 + number * 100_000_000
            stamp = store.types["builtin_interfaces/msg/Time"](at // 10**9, at % 10**9)
            header, region = (
                store.types["std_msgs/msg/Header"](stamp, "eye"),
                store.types["sensor_msgs/msg/RegionOfInterest"],
            )
            for name, (values, encoding) in pictures.items():
                data = values.reshape(-1).view(np.uint8)
                message = store.types[image](header, 4, 6, encoding, 0, values[0].nbytes, data)
                writer.write(connections[name], at, store.serialize_cdr(message, image))
            matrices = np.zeros(5), np.eye(3).ravel(), np.eye(3).ravel(), np.zeros(12)
            message = store.types[info](header, 4, 6, "plumb_bob", *matrices, 0, 0, region(0, 0, 0, 0, False))
            writer.write(calibration, at, store.serialize_cdr(message, info))
    return path, depth
