"""What is published for one camera, each only while somebody subscribes to it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle.publisher import LifecyclePublisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, Image

from densehybrid_ros.convert.images import scaled_camera_info
from densehybrid_ros.core.draw import overlay, write_ranges
from densehybrid_ros.models.checkpoint import WeightsInfo
from densehybrid_ros.nodes.segmenter.frame import Frame
from densehybrid_ros.nodes.segmenter.outputs.image_publisher import publish_image
from densehybrid_ros.nodes.segmenter.outputs.label_info import LabelInfoPublisher, label_names
from densehybrid_ros.nodes.segmenter.outputs.obstacle_outputs import ObstacleOutputs
from densehybrid_ros.nodes.segmenter.outputs.transforms import Transforms
from densehybrid_ros.ranging.obstacles import Obstacle

CAMERA_INFO, OVERLAY = "semantic/camera_info", "overlay/image_raw"
PARTS_OF_OBSTACLES = frozenset({"open_set", "score"})
PARTS_OF_OUTPUT: dict[str, frozenset[str]] = {
    "semantic/image_raw": frozenset({"semantic"}),
    "anomaly/image_raw": frozenset({"score"}),
    "open_set/image_raw": frozenset({"open_set"}),
    OVERLAY: PARTS_OF_OBSTACLES,  # whose ranges are written into it
    CAMERA_INFO: frozenset(),
}
"""Topics, and the parts of a scene that each is made of."""


def parts_of(wanted: Collection[str]) -> frozenset[str]:
    """The parts of a scene that the wanted outputs need."""
    return frozenset().union(*(PARTS_OF_OUTPUT.get(name, PARTS_OF_OBSTACLES) for name in wanted))


def needs_obstacles(wanted: Collection[str]) -> bool:
    """Whether any of the outputs shows obstacles; these wait for ranges, the others never do."""
    return any(name not in PARTS_OF_OUTPUT or name == OVERLAY for name in wanted)


class CameraOutputs:
    """Publishers of one camera, under ~/CAMERA/, or ~/ for a camera without a name."""

    def __init__(self, node: LifecycleNode, camera: str, weights: WeightsInfo, transforms: Transforms | None) -> None:
        self._node, self._weights = node, weights
        prefix = f"~/{camera}/" if camera else "~/"
        quality = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        self._publishers: dict[str, LifecyclePublisher] = {
            name: node.create_lifecycle_publisher(
                CameraInfo if name == CAMERA_INFO else Image,
                f"{prefix}{name}",
                quality,
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )
            for name in PARTS_OF_OUTPUT
        }
        classes = weights.classes
        self._semantic_labels = LabelInfoPublisher(node, f"{prefix}semantic/label_info", label_names(classes, False))
        self._open_set_labels = LabelInfoPublisher(node, f"{prefix}open_set/label_info", label_names(classes, True))
        self._semantic_labels.publish(0.0)
        self.obstacles = ObstacleOutputs(node, camera, transforms)

    def destroy(self) -> None:
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self._semantic_labels.destroy()
        self._open_set_labels.destroy()
        self.obstacles.destroy()

    def wanted(self) -> frozenset[str]:
        """Names of the outputs that somebody subscribes to."""
        maps = frozenset(name for name, each in self._publishers.items() if each.get_subscription_count() > 0)
        return maps | self.obstacles.wanted()

    def publish_threshold(self, threshold: float) -> None:
        """Renews the latched label info of the open-set map, which carries the threshold."""
        self._open_set_labels.publish(threshold)

    def publish_maps(self, frame: Frame) -> None:
        """Publishes the wanted maps of the frame, and its camera_info, under its own header."""
        scene, header = frame.scene, frame.header
        if CAMERA_INFO in frame.wanted and frame.camera_info is not None:
            height, width = frame.image.shape[:2]
            self._publishers[CAMERA_INFO].publish(scaled_camera_info(frame.camera_info, width, height, header))
        maps = {
            "semantic/image_raw": (scene.semantic, "mono8"),
            "anomaly/image_raw": (scene.score, "32FC1"),
            "open_set/image_raw": (scene.open_set, "mono8"),
        }
        for name, (values, encoding) in maps.items():
            if name in frame.wanted:
                publish_image(self._publishers[name], values, encoding, header)

    def publish_overlay(self, frame: Frame, obstacles: Sequence[Obstacle]) -> None:
        """Publishes the picture for people, with the ranges of the obstacles that are given, if it is wanted."""
        if OVERLAY in frame.wanted:
            drawn = overlay(frame.image, frame.scene, self._weights.palette, frame.settings.overlay_alpha)
            write_ranges(drawn, obstacles)
            publish_image(self._publishers[OVERLAY], drawn, "rgb8", frame.header)
