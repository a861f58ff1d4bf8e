"""The one record of a camera, and what follows from its numbers. Optical frame: x right, y down, z forward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Coordinates: TypeAlias = NDArray[Any]

MAX_IMAGE_PIXELS = 33_554_432
"""px; the largest picture that is taken, and the largest that a network runs at."""


@dataclass(frozen=True)
class Pinhole:
    """A rectified camera without distortion; pixel centres lie at whole numbers. What is not known is 0."""

    fx: float
    fy: float
    cx: float
    cy: float
    """px."""
    shift: float = 0.0
    """P[3] of its CameraInfo, px·m: −fx times its place along x."""
    baseline: float = 0.0
    """m; the right camera of its pair lies at x = +baseline."""
    width: int = 0
    height: int = 0
    """Of its picture, px."""
    height_above_road: float = 0.0
    """m."""
    pitch: float = 0.0
    """rad; positive looks down, so that the horizon is at row cy − fy·tan(pitch)."""

    def directions(self, columns: Coordinates, rows: Coordinates) -> tuple[Coordinates, Coordinates]:
        """x and y of the rays through pixels, where z is 1."""
        return (columns - self.cx) / self.fx, (rows - self.cy) / self.fy


def camera_matrix(camera: Pinhole) -> list[float]:
    """K of a CameraInfo, (9,) row by row."""
    return [camera.fx, 0.0, camera.cx, 0.0, camera.fy, camera.cy, 0.0, 0.0, 1.0]


def projection_matrix(camera: Pinhole, shift: float) -> list[float]:
    """P of a CameraInfo, (12,) row by row, with `shift` for P[3]."""
    return [camera.fx, 0.0, camera.cx, shift, 0.0, camera.fy, camera.cy, 0.0, 0.0, 0.0, 1.0, 0.0]


def right_shift(camera: Pinhole) -> float:
    """P[3] of the right camera of a pair, px·m."""
    return -camera.fx * camera.baseline


def project(camera: Pinhole, x: float, y: float, z: float) -> tuple[float, float]:
    """Pixel (column, row) of a point in the optical frame, m."""
    return camera.cx + camera.fx * x / z, camera.cy + camera.fy * y / z


def ground_depth(camera: Pinhole) -> NDArray[np.float32]:
    """(height,) depth of a road that the camera is level with, for every row, m; inf at and above the horizon."""
    below = np.arange(camera.height, dtype=np.float64) - camera.cy
    depth = np.full(camera.height, np.inf)
    depth[below > 0] = camera.fy * camera.height_above_road / below[below > 0]
    return depth.astype(np.float32)


def disparity_of(camera: Pinhole, depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """fx·baseline/depth, px; 0 where the depth is infinite."""
    return (camera.fx * camera.baseline / depth).astype(np.float32)
