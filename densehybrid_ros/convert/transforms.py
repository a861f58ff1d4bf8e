"""Transforms between frames, from messages to numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import Transform
from numpy.typing import NDArray


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


def frame_change(transform: Transform) -> FrameChange:
    """From the child frame of a transform to its header's."""
    rotation, shift = transform.rotation, transform.translation
    turn = (rotation.x, rotation.y, rotation.z, rotation.w)
    return FrameChange(np.column_stack([rotation_matrix(*turn), [shift.x, shift.y, shift.z]]), turn)


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
