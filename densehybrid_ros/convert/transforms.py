"""Transforms between frames, from messages to numbers and back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import Quaternion, Transform
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


def levelling(pitch: float) -> FrameChange:
    """From the optical frame of a camera that does not roll to a level one at its place: x forward, y left, z up.

    Args:
        pitch: rad, positive = looks down.
    """
    half = pitch / 2
    less, more = (math.cos(half) - math.sin(half)) / 2, (math.cos(half) + math.sin(half)) / 2
    turn = (-more, more, -less, less)
    return FrameChange(np.column_stack([rotation_matrix(*turn), np.zeros(3)]), turn)


def place_of(change: FrameChange) -> Transform:
    """How the frame that is changed to lies in the one that is changed from, for a change that only turns."""
    x, y, z, w = change.rotation
    return Transform(rotation=Quaternion(x=-x, y=-y, z=-z, w=w))


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
