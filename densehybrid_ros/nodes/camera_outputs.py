"""What is published for one camera, each only while somebody subscribes to it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle.publisher import LifecyclePublisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from densehybrid_ros.convert import scaled_camera_info
from densehybrid_ros.core.draw import overlay
from densehybrid_ros.core.segmenter import Scene
from densehybrid_ros.models.checkpoint import WeightsInfo
from densehybrid_ros.nodes.image_publisher import publish_image
from densehybrid_ros.nodes.label_info import LabelInfoPublisher, label_names

CAMERA_INFO = "semantic/camera_info"
PARTS_OF_OUTPUT: dict[str, frozenset[str]] = {
    "semantic/image_raw": frozenset({"semantic"}),
    "anomaly/image_raw": frozenset({"score"}),
    "open_set/image_raw": frozenset({"open_set"}),
    "overlay/image_raw": frozenset({"open_set"}),
    CAMERA_INFO: frozenset(),
}
"""Topics, and the parts of a scene that each is made of."""


def parts_of(wanted: Collection[str]) -> frozenset[str]:
    """The parts of a scene that the wanted outputs need."""
    return frozenset().union(*(PARTS_OF_OUTPUT[name] for name in wanted))


class CameraOutputs:
    """Publishers of one camera, under ~/CAMERA/, or ~/ for a camera without a name."""

    def __init__(self, node: LifecycleNode, camera: str, weights: WeightsInfo) -> None:
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

    def destroy(self) -> None:
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self._semantic_labels.destroy()
        self._open_set_labels.destroy()

    def wanted(self) -> frozenset[str]:
        """Names of the outputs that somebody subscribes to."""
        return frozenset(name for name, each in self._publishers.items() if each.get_subscription_count() > 0)

    def publish_threshold(self, threshold: float) -> None:
        """Renews the latched label info of the open-set map, which carries the threshold."""
        self._open_set_labels.publish(threshold)

    def publish(
        self,
        wanted: Collection[str],
        header: Header,
        image: NDArray[np.uint8],
        scene: Scene,
        camera_info: CameraInfo | None,
        overlay_alpha: float,
    ) -> None:
        """Publishes the wanted outputs of one frame under its own header."""
        if CAMERA_INFO in wanted and camera_info is not None:
            height, width = image.shape[:2]
            self._publishers[CAMERA_INFO].publish(scaled_camera_info(camera_info, width, height, header))
        maps = {
            "semantic/image_raw": (scene.semantic, "mono8"),
            "anomaly/image_raw": (scene.score, "32FC1"),
            "open_set/image_raw": (scene.open_set, "mono8"),
        }
        for name, (values, encoding) in maps.items():
            if name in wanted:
                publish_image(self._publishers[name], values, encoding, header)
        if "overlay/image_raw" in wanted:
            drawn = overlay(image, scene, self._weights.palette, overlay_alpha)
            publish_image(self._publishers["overlay/image_raw"], drawn, "rgb8", header)
