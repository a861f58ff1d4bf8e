"""What is published for one camera, each only while somebody subscribes to it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle.publisher import LifecyclePublisher

from densehybrid_ros.convert.compressed import jpeg_message
from densehybrid_ros.convert.images import scaled_camera_info
from densehybrid_ros.core.drawing.draw import colour_map, outline, overlay, write_above
from densehybrid_ros.core.drawing.legend import Legend, add_legend
from densehybrid_ros.core.postprocess import PARTS
from densehybrid_ros.models.checkpoint import WeightsInfo
from densehybrid_ros.nodes.common.topics import lifecycle_publisher
from densehybrid_ros.nodes.segmenter.frame import Frame
from densehybrid_ros.nodes.segmenter.outputs.image_publisher import publish_image
from densehybrid_ros.nodes.segmenter.outputs.label_info import LabelInfoPublisher, label_names
from densehybrid_ros.nodes.segmenter.outputs.obstacle_outputs import ObstacleOutputs
from densehybrid_ros.nodes.segmenter.outputs.transforms import Transforms
from densehybrid_ros.ranging.obstacles import Obstacle, obstacle_text
from densehybrid_ros.topics import (
    ANOMALY,
    LABELS,
    MAPS,
    OPEN_SET,
    OPEN_SET_COLOUR,
    OPEN_SET_LABELS,
    OUTPUTS,
    OVERLAY,
    OVERLAY_JPEG,
    SEMANTIC,
    SEMANTIC_COLOUR,
    SEMANTIC_INFO,
    Topic,
)

THRESHOLDED = frozenset(topic for topic in OUTPUTS if "open_set" in topic.parts)
"""What a threshold decides about."""
LEGEND_NOTE = "white outline: obstacle    +m/s: comes nearer"


def parts_of(wanted: Collection[Topic]) -> frozenset[str]:
    """The parts of a scene that the wanted outputs need, at another threshold too."""
    parts = frozenset().union(*(topic.parts for topic in wanted))
    return PARTS if "open_set" in parts else parts


def needs_obstacles(wanted: Collection[Topic]) -> bool:
    """Whether any of the outputs shows obstacles; these wait for ranges, the others never do."""
    return any(topic.shows_obstacles for topic in wanted)


class CameraOutputs:
    """Publishers of one camera, under ~/CAMERA/, or ~/ for a camera without a name."""

    def __init__(self, node: LifecycleNode, camera: str, weights: WeightsInfo, transforms: Transforms | None) -> None:
        self._node, self._weights = node, weights
        self._publishers: dict[Topic, LifecyclePublisher] = {
            topic: lifecycle_publisher(node, topic, camera) for topic in MAPS
        }
        classes = weights.classes
        self._legend = Legend(classes, weights.palette, LEGEND_NOTE)
        self._semantic_labels = LabelInfoPublisher(node, LABELS, camera, label_names(classes, False))
        self._open_set_labels = LabelInfoPublisher(node, OPEN_SET_LABELS, camera, label_names(classes, True))
        self._semantic_labels.publish(0.0)
        self.obstacles = ObstacleOutputs(node, camera, transforms)

    def destroy(self) -> None:
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self._semantic_labels.destroy()
        self._open_set_labels.destroy()
        self.obstacles.destroy()

    def wanted(self) -> frozenset[Topic]:
        """The outputs that somebody subscribes to."""
        maps = frozenset(topic for topic, each in self._publishers.items() if each.get_subscription_count() > 0)
        return maps | self.obstacles.wanted()

    def publish_threshold(self, threshold: float) -> None:
        """Renews the latched label info of the open-set map, which carries the threshold."""
        self._open_set_labels.publish(threshold)

    def publish_maps(self, frame: Frame) -> None:
        """Publishes the wanted maps of the frame, and its camera_info, under its own header."""
        scene, header = frame.scene, frame.header
        if SEMANTIC_INFO in frame.wanted and frame.camera_info is not None:
            height, width = frame.map_size
            self._publishers[SEMANTIC_INFO].publish(scaled_camera_info(frame.camera_info, width, height, header))
        maps = {
            SEMANTIC: (scene.semantic, "mono8"),
            ANOMALY: (scene.score, "32FC1"),
            OPEN_SET: (scene.open_set, "mono8"),
        }
        for topic, (values, encoding) in maps.items():
            if topic in frame.wanted:
                publish_image(self._publishers[topic], values, encoding, header)
        for topic, plain in ((SEMANTIC_COLOUR, SEMANTIC), (OPEN_SET_COLOUR, OPEN_SET)):
            if topic in frame.wanted:
                colours = colour_map(maps[plain][0], self._weights.palette)
                publish_image(self._publishers[topic], colours, "rgb8", header)

    def publish_overlay(self, frame: Frame, obstacles: Sequence[Obstacle], with_ranges: bool) -> None:
        """Publishes the picture for people, with the obstacles outlined and described, if it is wanted."""
        wanted = frame.wanted & {OVERLAY, OVERLAY_JPEG}
        if not wanted:
            return
        drawn = overlay(frame.image, frame.scene, self._weights.palette, frame.settings.overlay_alpha)
        add_legend(drawn, self._legend.entries(frame.scene.open_set))
        outline(drawn, [(each.region.mask, each.region.window) for each in obstacles])
        write_above(drawn, [(obstacle_text(each, with_ranges), each.region.window) for each in obstacles])
        if OVERLAY in wanted:
            publish_image(self._publishers[OVERLAY], drawn, "rgb8", frame.header)
        if OVERLAY_JPEG in wanted:
            self._publishers[OVERLAY_JPEG].publish(jpeg_message(drawn, frame.header))
