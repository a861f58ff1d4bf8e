"""LabelInfo is filled as vision_msgs has it; its fields are stood in for where vision_msgs is not installed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from densehybrid_ros.nodes.segmenter.outputs import label_info
from densehybrid_ros.nodes.segmenter.outputs.label_info import LabelInfoPublisher, label_names
from densehybrid_ros.topics import OPEN_SET_LABELS


@dataclass
class MadeVisionClass:
    class_id: int = 0
    class_name: str = ""


@dataclass
class MadeLabelInfo:
    header: Header = field(default_factory=Header)
    class_map: list[MadeVisionClass] = field(default_factory=list)
    threshold: float = 0.0


class MadeNode:
    """Keeps what is published, and under which name and type."""

    def __init__(self) -> None:
        self.created: list[tuple[type, str]] = []
        self.published: list[MadeLabelInfo] = []

    def create_publisher(self, kind: type, name: str, quality: object) -> MadeNode:
        self.created.append((kind, name))
        return self

    def publish(self, message: MadeLabelInfo) -> None:
        self.published.append(message)

    def get_clock(self) -> MadeNode:
        return self

    def now(self) -> MadeNode:
        return self

    def to_msg(self) -> Time:
        return Time(sec=7)


def test_with_vision_msgs_label_info_itself_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_info, "LabelInfo", MadeLabelInfo)
    monkeypatch.setattr(label_info, "VisionClass", MadeVisionClass)
    node = MadeNode()
    names = label_names(["road", "car"], with_unknown=True)
    LabelInfoPublisher(node, OPEN_SET_LABELS, "", names).publish(1.5)
    assert node.created == [(MadeLabelInfo, "~/open_set/label_info")]
    message = node.published[0]
    assert (message.threshold, message.header.stamp.sec) == (1.5, 7)
    found = [(entry.class_id, entry.class_name) for entry in message.class_map]
    assert found == [(0, "road"), (1, "car"), (2, "unknown"), (255, "unlabelled")]


def test_a_threshold_that_is_known_already_is_not_published_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_info, "LabelInfo", MadeLabelInfo)
    monkeypatch.setattr(label_info, "VisionClass", MadeVisionClass)
    node = MadeNode()
    publisher = LabelInfoPublisher(node, OPEN_SET_LABELS, "", label_names(["road", "car"], with_unknown=True))
    for threshold in (1.5, 1.5, 2.0, 2.0, 1.5):
        publisher.publish(threshold)
    assert [message.threshold for message in node.published] == [1.5, 2.0, 1.5]
