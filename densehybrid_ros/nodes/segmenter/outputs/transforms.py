"""From the camera's frame to another one by TF; tf2_ros is needed for that alone."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

from densehybrid_ros.convert.transforms import FrameChange, frame_change
from densehybrid_ros.errors import SetupError


class NoTransform(RuntimeError):
    """TF does not know (yet) how the frames lie to each other."""


class Transforms:
    """Listens to TF."""

    def __init__(self, node: Node, target_frame: str) -> None:
        """
        Raises:
            SetupError: tf2_ros is not installed.
        """
        try:
            import tf2_ros  # pyright: ignore[reportMissingImports] - brought by ROS alone
        except ImportError as error:
            raise SetupError(
                f"target_frame '{target_frame}' needs tf2_ros, which is not installed; install it, or leave "
                "target_frame empty to get obstacles in the camera's own frame"
            ) from error
        self.target_frame = target_frame
        self._buffer: Any = tf2_ros.Buffer()
        self._listener: Any = tf2_ros.TransformListener(self._buffer, node)

    def knows(self, header: Header) -> bool:
        """Whether `change` would succeed now."""
        try:
            self.change(header)
        except NoTransform:
            return False
        return True

    def change(self, header: Header) -> FrameChange:
        """From the header's frame, at its stamp, to the target frame.

        Raises:
            NoTransform: it is not known.
        """
        try:
            found = self._buffer.lookup_transform(
                self.target_frame, header.frame_id, Time.from_msg(header.stamp)
            ).transform
        except Exception as error:  # tf2 has a family of errors, all of which mean this
            raise NoTransform(f"no transform from {header.frame_id} to {self.target_frame}: {error}") from error
        return frame_change(found)

    def destroy(self) -> None:
        self._listener.unregister()
