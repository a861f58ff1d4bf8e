"""A folder in LostAndFound's layout, made by Roadworld: converted, played, segmented, ranged and judged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("rosbags", reason="rosbags is not installed")
from rclpy.serialization import deserialize_message
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String
from stereo_msgs.msg import DisparityImage

from densehybrid_ros.cli import main
from densehybrid_ros.drives.render import render_lostandfound

if TYPE_CHECKING:
    from conftest import Probe, Process

SEEDS, FRAMES = [20_005, 20_006], 4
RECORDED = {
    "camera_info": CameraInfo,
    "disparity": DisparityImage,
    "right/camera_info": CameraInfo,
    "ground_truth/anomaly/image_raw": Image,
    "ground_truth/train_ids/image_raw": Image,
    "ground_truth/label_ids/image_raw": Image,
}
"""Played as they are."""
PICTURES = {"image_raw": "image_raw/compressed", "right/image_raw": "right/image_raw/compressed"}
"""Played decoded, under the recorded header."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lostandfound")
    render_lostandfound(folder, "test", SEEDS, FRAMES, 320, 192, first_frame=22, frame_step=3)
    return folder


@pytest.fixture(scope="module")
def bag(root: Path) -> Path:
    path = root / "drive.mcap"
    main(["convert", "lostandfound", str(root), str(path)])
    return path


def recorded(bag: Path, topic: str) -> list[tuple[Any, bytes]]:
    """Message and its serialised form, in order."""
    with AnyReader([bag]) as reader:
        connections = [each for each in reader.connections if each.topic == f"/camera/{topic}"]
        return [(reader.deserialize(raw, c.msgtype), bytes(raw)) for c, _, raw in reader.messages(connections)]


def listen(probe: Probe, kind: type, topic: str) -> list:
    messages: list = []
    probe.node.create_subscription(kind, topic, messages.append, 50)
    return messages


def stamp(message: Any) -> tuple[int, int]:
    return message.header.stamp.sec, message.header.stamp.nanosec


def test_a_bag_is_played_with_its_stamps_and_all_that_belongs_to_it(
    start: Callable[..., Process], probe: Probe, bag: Path
) -> None:
    heard = {topic: listen(probe, kind, topic) for topic, kind in RECORDED.items()}
    pictures = {topic: listen(probe, Image, topic) for topic in PICTURES}
    start("player", f"input:={bag}", "rate:=5.0", "wait_for_subscribers:=1", "linger:=3.0")
    total = len(SEEDS) * FRAMES
    everything = [*heard.values(), *pictures.values()]
    probe.spin_until(lambda: min(map(len, everything)) == total, "all messages")
    for topic, messages in heard.items():  # compared as messages: what serialisers leave in the gaps of CDR differs
        assert messages == [deserialize_message(raw, RECORDED[topic]) for _, raw in recorded(bag, topic)], topic
    for topic, source in PICTURES.items():
        assert [stamp(each) for each in pictures[topic]] == [stamp(each) for each, _ in recorded(bag, source)]
        assert {each.header.frame_id for each in pictures[topic]} == {"camera"}


def test_stamps_can_be_moved_to_now_together(start: Callable[..., Process], probe: Probe, bag: Path) -> None:
    images, disparities = listen(probe, Image, "image_raw"), listen(probe, DisparityImage, "disparity")
    start("player", f"input:={bag}", "rate:=5.0", "keep_stamps:=false", "wait_for_subscribers:=1", "linger:=3.0")
    probe.spin_until(lambda: min(len(images), len(disparities)) == len(SEEDS) * FRAMES, "all messages")
    assert [stamp(each) for each in images] == [stamp(each) for each in disparities]
    now = probe.node.get_clock().now().nanoseconds * 1e-9
    assert abs(images[0].header.stamp.sec - now) < 120
    old = [stamp(each) for each, _ in recorded(bag, "disparity")]
    moved = np.array([sec + nanosec * 1e-9 for sec, nanosec in map(stamp, images)])
    kept = np.array([sec + nanosec * 1e-9 for sec, nanosec in old])
    np.testing.assert_allclose(np.diff(moved), np.diff(kept), atol=1e-5)


def test_the_live_table_equals_the_offline_one(
    start: Callable[..., Process], probe: Probe, root: Path, bag: Path, tmp_path: Path
) -> None:
    answers = listen(probe, Image, "densehybrid/anomaly/image_raw")
    told = listen(probe, String, "densehybrid/obstacles_json")
    start("segmenter", "threshold:=0.0")
    probe.wait_for_node()  # the player waits for those who take part, not for who listens to what they say
    live, offline, total = tmp_path / "live.json", tmp_path / "offline.json", len(SEEDS) * FRAMES
    evaluator = start("evaluator", f"out:={live}", f"frames:={total}")
    waiting = ("lockstep:=densehybrid/anomaly/image_raw", "wait_for_subscribers:=1", "wait_for_evaluator:=true")
    start("player", f"input:={bag}", *waiting, "linger:=30.0")
    # heard all the while, as queues are short
    probe.spin_until(lambda: evaluator.process.poll() is not None, "the evaluator's end")
    assert evaluator.process.returncode == 0, evaluator.output
    probe.comes(lambda: min(len(answers), len(told)) == total)  # if not, what follows tells which is missing
    expected = [stamp(each) for each, _ in recorded(bag, "image_raw/compressed")]
    assert [stamp(each) for each in answers] == expected
    frames = [json.loads(each.data) for each in told]
    assert [(each["stamp"]["sec"], each["stamp"]["nanosec"]) for each in frames] == expected
    ranged = [each for frame in frames for each in frame["obstacles"] if each["range"] is not None]
    assert ranged
    assert {frame["range_source"] for frame in frames} == {"disparity"}
    main(["evaluate", "lostandfound", "--root", str(root), "--by-range", "--scores", "hybrid", "--json", str(offline)])
    table, report = json.loads(live.read_text()), json.loads(offline.read_text())["scores"]["hybrid"]
    assert table["frames"]["judged"] == total
    assert {name: table[name] for name in report} == report
    assert sum(row["anomalous_pixels"] for row in report["by_range"]) > 0
