"""Publishers of one camera's obstacles, each used only while somebody subscribes to it."""

from __future__ import annotations

from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle.publisher import LifecyclePublisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header, String
from visualization_msgs.msg import MarkerArray

from densehybrid_ros.convert.obstacles import (
    DETECTIONS,
    detections_message,
    markers_message,
    obstacles_json,
    points_message,
)
from densehybrid_ros.nodes.segmenter.frame import Frame
from densehybrid_ros.nodes.segmenter.outputs.transforms import UNCHANGED, NoTransform, Transforms
from densehybrid_ros.ranging.survey import Survey, obstacle_points

KINDS: dict[str, Any] = {"obstacles/points": PointCloud2, "obstacles/markers": MarkerArray, "obstacles_json": String}
if DETECTIONS is not None:
    KINDS["obstacles"] = DETECTIONS


class ObstacleOutputs:
    """Topics under ~/CAMERA/, or ~/ for a camera without a name."""

    def __init__(self, node: LifecycleNode, camera: str, transforms: Transforms | None) -> None:
        self._node, self._transforms = node, transforms
        prefix = f"~/{camera}/" if camera else "~/"
        quality = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        overriding = QoSOverridingOptions.with_default_policies()
        self._publishers: dict[str, LifecyclePublisher] = {
            name: node.create_lifecycle_publisher(kind, f"{prefix}{name}", quality, qos_overriding_options=overriding)
            for name, kind in KINDS.items()
        }

    def destroy(self) -> None:
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)

    def wanted(self) -> frozenset[str]:
        """Names of the outputs that somebody subscribes to."""
        return frozenset(name for name, each in self._publishers.items() if each.get_subscription_count() > 0)

    def publish(self, frame: Frame, found: Survey, source: str, why_not: str) -> str:
        """Publishes what is wanted under the image's stamp, and its frame or `target_frame`.

        Returns:
            why nothing with poses could be published; "" where all was. Nothing is ever published in a wrong frame.
        """
        wanted, header, obstacles = frame.wanted, frame.header, found.obstacles
        if "obstacles_json" in wanted:
            text = obstacles_json(obstacles, header, source, why_not)
            self._publishers["obstacles_json"].publish(String(data=text))
        change, moved = UNCHANGED, header
        if self._transforms is not None:
            try:
                change = self._transforms.change(header)
            except NoTransform as error:
                return str(error)
            moved = Header(stamp=header.stamp, frame_id=self._transforms.target_frame)
        if "obstacles/points" in wanted:
            points = obstacle_points(found, frame.scene.score)
            self._publishers["obstacles/points"].publish(points_message(points, moved, change))
        if "obstacles/markers" in wanted:
            self._publishers["obstacles/markers"].publish(markers_message(obstacles, moved, change))
        if "obstacles" in wanted:
            self._publishers["obstacles"].publish(detections_message(obstacles, frame.scene.threshold, moved, change))
        return ""
