"""A level frame at the camera, x forward, for what cannot be said in an optical frame; TF learns how it lies."""

from __future__ import annotations

from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from std_msgs.msg import Header

from densehybrid_ros.convert.transforms import FrameChange, levelling, place_of
from densehybrid_ros.nodes.common.topics import message_type, quality_of
from densehybrid_ros.topics import TF_STATIC

SUFFIX = "_level"
"""Behind the name of the image's frame."""


class LevelFrame:
    """Of one camera; told to TF where tf2_msgs is installed, and anew whenever the camera's mounting is corrected."""

    def __init__(self, node: Node) -> None:
        try:
            self._kind: Any = message_type(TF_STATIC.kind)
        except ImportError:
            self._kind = None
        self._node, self._told = node, ("", 0.0)
        self._publisher = self._kind and node.create_publisher(self._kind, TF_STATIC.name, quality_of(TF_STATIC))

    def change(self, header: Header, pitch: float) -> tuple[FrameChange, Header]:
        """From the image's frame, and the header of what is said in the level one.

        Args:
            pitch: of the camera, rad, positive = looks down.
        """
        change, level = levelling(pitch), Header(stamp=header.stamp, frame_id=f"{header.frame_id}{SUFFIX}")
        if self._publisher is not None and self._told != (header.frame_id, pitch):
            placed = TransformStamped(header=header, child_frame_id=level.frame_id, transform=place_of(change))
            self._publisher.publish(self._kind(transforms=[placed]))
            self._told = header.frame_id, pitch
        return change, level

    def destroy(self) -> None:
        if self._publisher is not None:
            self._node.destroy_publisher(self._publisher)
