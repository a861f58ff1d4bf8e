"""Publishers of one camera's obstacles, each used only while somebody subscribes to it."""

from __future__ import annotations

from dataclasses import dataclass

from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle.publisher import LifecyclePublisher
from std_msgs.msg import Header, String

from densehybrid_ros.convert.obstacles import (
    HAS_VISION_MSGS,
    boxes_message,
    detections_message,
    markers_message,
    obstacles_json,
    points_message,
)
from densehybrid_ros.convert.scan import scan_message
from densehybrid_ros.convert.transforms import UNCHANGED, FrameChange
from densehybrid_ros.nodes.common.topics import lifecycle_publisher
from densehybrid_ros.nodes.segmenter.frame import Frame
from densehybrid_ros.nodes.segmenter.outputs.level_frame import LevelFrame
from densehybrid_ros.nodes.segmenter.outputs.transforms import NoTransform, Transforms
from densehybrid_ros.ranging.scan import lies_level, scan_of
from densehybrid_ros.ranging.survey import Survey, obstacle_points
from densehybrid_ros.topics import (
    DETECTION_TOPICS,
    OBSTACLE_BOXES,
    OBSTACLE_MARKERS,
    OBSTACLE_POINTS,
    OBSTACLE_SCAN,
    OBSTACLE_TOPICS,
    OBSTACLES,
    OBSTACLES_JSON,
    Topic,
)

POSED = frozenset(OBSTACLE_TOPICS) - {OBSTACLES_JSON, OBSTACLE_BOXES}


class NoScan(RuntimeError):
    """The camera or its mounting is not known."""


@dataclass(frozen=True)
class Omitted:
    """Why something that is wanted could not be published; "" where all was. Nothing ever is in a wrong frame."""

    posed: str = ""
    """All that has poses."""
    scan: str = ""


class ObstacleOutputs:
    """Topics under ~/CAMERA/, or ~/ for a camera without a name."""

    def __init__(self, node: LifecycleNode, camera: str, transforms: Transforms | None) -> None:
        self._node, self._transforms = node, transforms
        self._publishers: dict[Topic, LifecyclePublisher] = {
            topic: lifecycle_publisher(node, topic, camera)
            for topic in OBSTACLE_TOPICS
            if HAS_VISION_MSGS or topic not in DETECTION_TOPICS
        }
        self._level = None if transforms else LevelFrame(node)

    def destroy(self) -> None:
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
        if self._level is not None:
            self._level.destroy()

    def wanted(self) -> frozenset[Topic]:
        """The outputs that somebody subscribes to."""
        return frozenset(topic for topic, each in self._publishers.items() if each.get_subscription_count() > 0)

    def lacks_transform(self, frame: Frame) -> bool:
        """Whether something with poses is wanted and TF does not know (yet) where the camera was: TF is often late."""
        posed = frame.wanted & POSED
        return bool(posed) and self._transforms is not None and not self._transforms.knows(frame.header)

    def publish(self, frame: Frame, found: Survey, source: str, why_not: str, delay: float | None) -> Omitted:
        """Publishes what is wanted under the image's stamp, and its frame or `target_frame`.

        Args:
            delay: s by which the distances came after the image; None where none came.
        """
        wanted, header, obstacles = frame.wanted, frame.header, found.obstacles
        if OBSTACLES_JSON in wanted:
            text = obstacles_json(obstacles, header, source, why_not, delay)
            self._publishers[OBSTACLES_JSON].publish(String(data=text))
        if OBSTACLE_BOXES in wanted:
            boxes = boxes_message(obstacles, frame.scene.threshold, header)
            self._publishers[OBSTACLE_BOXES].publish(boxes)
        change, moved = UNCHANGED, header
        if self._transforms is not None:
            try:
                change = self._transforms.change(header)
            except NoTransform as error:
                return Omitted(str(error), str(error) if OBSTACLE_SCAN in wanted else "")
            moved = Header(stamp=header.stamp, frame_id=self._transforms.target_frame)
        if OBSTACLE_POINTS in wanted:
            points = obstacle_points(found, frame.scene.score)
            self._publishers[OBSTACLE_POINTS].publish(points_message(points, moved, change))
        if OBSTACLE_MARKERS in wanted:
            markers = markers_message(obstacles, moved, change, frame.settings.track_timeout)
            self._publishers[OBSTACLE_MARKERS].publish(markers)
        if OBSTACLES in wanted:
            self._publishers[OBSTACLES].publish(detections_message(obstacles, frame.scene.threshold, moved, change))
        if OBSTACLE_SCAN in wanted:
            try:
                self._publish_scan(frame, found, moved, change)
            except NoScan as error:
                return Omitted(scan=str(error))
        return Omitted()

    def _publish_scan(self, frame: Frame, found: Survey, header: Header, change: FrameChange) -> None:
        """
        Args:
            header, change: of target_frame, where that is set.

        Raises:
            NoScan: it cannot be made; none is published.
        """
        if self._level is not None:
            if not frame.settings.camera_height:
                raise NoScan(
                    f"it needs a level frame with x forward, and '{header.frame_id}' is the image's own; set "
                    "target_frame (base_link, say), or camera_height and camera_pitch"
                )
            change, header = self._level.change(header, frame.settings.camera_pitch)
        if not lies_level(change.matrix[:, :3]):
            raise NoScan(
                f"z of '{header.frame_id}' does not point up in the picture: target_frame must have x forward and z up "
                "(base_link, say), and the camera must not look down by more than 60 degrees"
            )
        if found.view is None:
            raise NoScan(f"without its camera an image has no bearings: {found.why_no_view}")
        nearest, farthest = frame.settings.min_range, frame.settings.max_range
        scan = scan_of(found.obstacles, found.too_near, found.view, change.matrix, nearest, farthest)
        self._publishers[OBSTACLE_SCAN].publish(scan_message(scan, header, farthest))
