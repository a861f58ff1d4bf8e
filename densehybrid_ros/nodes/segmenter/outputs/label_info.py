"""Names of the label ids, latched: vision_msgs/LabelInfo, or the same content as JSON where it is not installed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from std_msgs.msg import String

from densehybrid_ros.labels import IGNORE
from densehybrid_ros.nodes.common.topics import quality_of
from densehybrid_ros.topics import Topic

try:
    from vision_msgs.msg import LabelInfo, VisionClass  # pyright: ignore[reportMissingImports] - brought by ROS alone
except ImportError:
    LabelInfo = VisionClass = None


def label_names(classes: list[str], with_unknown: bool) -> dict[int, str]:
    """Name of every id in a map: 0..K−1, K = unknown in an open-set map, 255 = unlabelled."""
    names = dict(enumerate(classes))
    if with_unknown:
        names[len(classes)] = "unknown"
    return names | {IGNORE: "unlabelled"}


class LabelInfoPublisher:
    """The topic as vision_msgs/LabelInfo, or as JSON in std_msgs/String."""

    def __init__(self, node: Node, topic: Topic, camera: str, names: Mapping[int, str]) -> None:
        self._node, self._names = node, names
        kind, used = (String, topic.as_json) if LabelInfo is None else (LabelInfo, topic)
        self._publisher: Publisher = node.create_publisher(kind, used.of(camera), quality_of(used))
        self._last: float | None = None

    def publish(self, threshold: float) -> None:
        """Nothing where it is known already: other parameters change too, and dozens are declared at the start.

        Args:
            threshold: on the anomaly score; 0 where none applies.
        """
        if threshold != self._last:
            self._last = threshold
            self._publisher.publish(self._message(threshold))

    def destroy(self) -> None:
        self._node.destroy_publisher(self._publisher)

    def _message(self, threshold: float) -> Any:
        if LabelInfo is None or VisionClass is None:
            return String(data=label_json(self._names, threshold))
        message = LabelInfo(threshold=threshold)
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.class_map = [VisionClass(class_id=number, class_name=name) for number, name in self._names.items()]
        return message


def label_json(names: Mapping[int, str], threshold: float) -> str:
    """LabelInfo's fields as JSON: {"class_map": [{"class_id", "class_name"}, …], "threshold"}."""
    class_map = [{"class_id": number, "class_name": name} for number, name in names.items()]
    return json.dumps({"class_map": class_map, "threshold": threshold})
