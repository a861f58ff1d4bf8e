"""All outputs of a running node as a bag: written as they came, read again, and played."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("rosbags", reason="rosbags is not installed")

from sensor_msgs.msg import Image

from densehybrid_ros.nodes.common.topics import message_type, quality_of
from densehybrid_ros.playback.bags.recorded import Recorded, deserialised
from densehybrid_ros.playback.packing.bag_writer import RawMessage, new_bag, raw_messages
from densehybrid_ros.playback.played import BagTopics, PlayedFrame
from densehybrid_ros.playback.sources import open_source
from densehybrid_ros.topics import (
    DETECTION_TOPICS,
    DIAGNOSTICS,
    LABELS,
    MAPS,
    OBSTACLE_SCAN,
    OBSTACLE_TOPICS,
    OPEN_SET,
    OPEN_SET_LABELS,
    SEGMENTER,
    SEMANTIC_INFO,
    Topic,
)

if TYPE_CHECKING:
    from conftest import Probe, Process

FRAMES, MOST_FRAMES = 3, 40
NEEDS_MORE = {SEMANTIC_INFO, OBSTACLE_SCAN, *DETECTION_TOPICS}
"""A camera_info, a place in the vehicle, or vision_msgs."""


@pytest.mark.parametrize("ending", [".mcap", ".db3"])
def test_a_bag_with_all_outputs_is_read_and_played_again(
    start: Callable[..., Process],
    make_probe: Callable[..., Probe],
    random_weights: Path,
    picture: np.ndarray,
    tmp_path: Path,
    ending: str,
) -> None:
    start("segmenter", f"model_path:={random_weights}")
    probe = make_probe(("open_set",))
    heard: list[RawMessage] = []

    def keep(name: str, kind: str, data: bytes) -> None:
        heard.append(RawMessage(name, kind, 1_000_000 * len(heard), data))

    each_frame = [topic for topic in (*MAPS, *OBSTACLE_TOPICS) if topic not in NEEDS_MORE]
    names: dict[Topic, str] = {topic: f"/{topic.under(SEGMENTER)}" for topic in each_frame}
    names |= {topic.as_json: f"/{topic.as_json.under(SEGMENTER)}" for topic in (LABELS, OPEN_SET_LABELS)}
    names[DIAGNOSTICS] = DIAGNOSTICS.name
    for topic, name in names.items():
        kept = partial(keep, name, topic.kind)
        probe.node.create_subscription(message_type(topic.kind), name, kept, quality_of(topic), raw=True)
    probe.wait_for_node()
    answers: list[Image] = []

    def send() -> None:
        number = len(answers)
        answers.append(probe.answers(picture + np.uint8(40 * number), 300 + number)["open_set"])

    def counts() -> Counter[str]:
        return Counter(message.topic for message in heard)

    while counts().keys() != {*names.values()}:  # what is published before DDS has matched all is not heard
        assert len(answers) < MOST_FRAMES, {*names.values()} - counts().keys()
        send()
    before = counts()
    for _ in range(FRAMES):
        send()
    probe.spin_until(
        lambda: all(counts()[names[topic]] >= before[names[topic]] + FRAMES for topic in each_frame), "all"
    )
    path = tmp_path / f"drive{ending}"
    with new_bag(path, tmp_path / "writing") as bag:
        for message in heard:
            bag.write(message)
    found = list(raw_messages(path))
    assert [(each.topic, each.kind, each.stamp) for each in found] == [(m.topic, m.kind, m.stamp) for m in heard]
    assert [bytes(each.contents) for each in found] == [bytes(each.contents) for each in heard]
    for each in found:  # with definitions of another program than that which wrote them
        deserialised(Recorded(each.topic, each.kind, each.stamp, bytes(each.contents)))
    said: list[str] = []
    topics = BagTopics(image_topic=names[OPEN_SET])
    played = list(open_source(str(path), said.append, topics=topics).frames())
    maps = {each.stamp: each.image[..., 0] for each in played if isinstance(each, PlayedFrame)}
    assert len(maps) >= FRAMES
    sent = {each.header.stamp.sec * 10**9 + each.header.stamp.nanosec: each for each in answers}
    for stamp, shown in maps.items():
        assert stamp is not None
        np.testing.assert_array_equal(shown.ravel(), np.frombuffer(sent[stamp].data, np.uint8))
