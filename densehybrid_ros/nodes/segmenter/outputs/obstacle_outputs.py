"""Publishers of one camera's obstacles, each used only while somebody subscribes to it."""

from __future__ import annotations

from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle.publisher import LifecyclePublisher
from std_msgs.msg import Header, String

from densehybrid_ros.convert.obstacles import (
    DETECTIONS,
    detections_message,
    markers_message,
    obstacles_json,
    points_message,
)
from densehybrid_ros.convert.transforms import UNCHANGED
from densehybrid_ros.nodes.common.topics import lifecycle_publisher
from densehybrid_ros.nodes.segmenter.frame import Frame
from densehybrid_ros.nodes.segmenter.outputs.transforms import NoTransform, Transforms
from densehybrid_ros.ranging.survey import Survey, obstacle_points
from densehybrid_ros.topics import (
    OBSTACLE_MARKERS,
    OBSTACLE_POINTS,
    OBSTACLE_TOPICS,
    OBSTACLES,
    OBSTACLES_JSON,
    Topic,
)

POSED = frozenset(OBSTACLE_TOPICS) - {OBSTACLES_JSON}


class ObstacleOutputs:
    """Topics under ~/CAMERA/, or ~/ for a camera without a name."""

    def __init__(self, node: LifecycleNode, camera: str, transforms: Transforms | None) -> None:
        self._node, self._transforms = node, transforms
        self._publishers: dict[Topic, LifecyclePublisher] = {
            topic: lifecycle_publisher(node, topic, camera)
            for topic in OBSTACLE_TOPICS
            if topic is not OBSTACLES or DETECTIONS is not None
        }

    def destroy(self) -> None:
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)

    def wanted(self) -> frozenset[Topic]:
        """The outputs that somebody subscribes to."""
        return frozenset(topic for topic, each in self._publishers.items() if each.get_subscription_count() > 0)

    def lacks_transform(self, frame: Frame) -> bool:
        """Whether something with poses is wanted and TF does not know (yet) where the camera was: TF is often late."""
        posed = frame.wanted & POSED
        return bool(posed) and self._transforms is not None and not self._transforms.knows(frame.header)

    def publish(self, frame: Frame, found: Survey, source: str, why_not: str, delay: float | None) -> str:
        """Publishes what is wanted under the image's stamp, and its frame or `target_frame`.

        Args:
            delay: s by which the distances came after the image; None where none came.

        Returns:
            why nothing with poses could be published; "" where all was. Nothing is ever published in a wrong frame.
        """
        wanted, header, obstacles = frame.wanted, frame.header, found.obstacles
        if OBSTACLES_JSON in wanted:
            text = obstacles_json(obstacles, header, source, why_not, delay)
            self._publishers[OBSTACLES_JSON].publish(String(data=text))
        change, moved = UNCHANGED, header
        if self._transforms is not None:
            try:
                change = self._transforms.change(header)
            except NoTransform as error:
                return str(error)
            moved = Header(stamp=header.stamp, frame_id=self._transforms.target_frame)
        if OBSTACLE_POINTS in wanted:
            points = obstacle_points(found, frame.scene.score)
            self._publishers[OBSTACLE_POINTS].publish(points_message(points, moved, change))
        if OBSTACLE_MARKERS in wanted:
            markers = markers_message(obstacles, moved, change, frame.settings.track_timeout)
            self._publishers[OBSTACLE_MARKERS].publish(markers)
        if OBSTACLES in wanted:
            self._publishers[OBSTACLES].publish(detections_message(obstacles, frame.scene.threshold, moved, change))
        return ""
