"""From the camera's frame to another one by TF; tf2_ros is needed for that alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

from densehybrid_ros.errors import SetupError


@dataclass(frozen=True)
class FrameChange:
    """How one frame lies in another."""

    matrix: NDArray[np.float64]
    """(3, 4): rotation and shift, m."""
    rotation: tuple[float, float, float, float]
    """The rotation as a quaternion x, y, z, w."""

    def points(self, xyz: NDArray[np.floating]) -> NDArray[np.floating]:
        """(N, 3) points of the one frame in the other."""
        return xyz @ self.matrix[:, :3].T + self.matrix[:, 3]


UNCHANGED = FrameChange(np.eye(3, 4), (0.0, 0.0, 0.0, 1.0))


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
        rotation, shift = found.rotation, found.translation
        turn = (rotation.x, rotation.y, rotation.z, rotation.w)
        return FrameChange(np.column_stack([rotation_matrix(*turn), [shift.x, shift.y, shift.z]]), turn)

    def destroy(self) -> None:
        self._listener.unregister()


def rotation_matrix(x: float, y: float, z: float, w: float) -> NDArray[np.float64]:
    """(3, 3) of a quaternion of any length > 0."""
    x, y, z, w = np.array([x, y, z, w]) / np.sqrt(x * x + y * y + z * z + w * w)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
