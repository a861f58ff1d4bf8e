"""A level pinhole stereo camera over a flat road. Optical frame: x right, y down, z forward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StereoCamera:
    """Rectified, without distortion, optical axis parallel to the road; the right camera lies at x = +baseline."""

    width: int
    height: int
    fx: float
    """px; fy is the same."""
    fy: float
    cx: float
    """px, pixel centres at whole numbers."""
    cy: float
    """px; also the row of the horizon."""
    baseline: float
    """m."""
    height_above_road: float
    """m."""

    def project(self, x: float, y: float, z: float) -> tuple[float, float]:
        """Pixel (column, row) of a point in the optical frame, m."""
        return self.cx + self.fx * x / z, self.cy + self.fy * y / z

    def ground_depth(self) -> NDArray[np.float32]:
        """(height,) depth of the road along the optical axis for every row, m; inf at and above the horizon."""
        below = np.arange(self.height, dtype=np.float64) - self.cy
        depth = np.full(self.height, np.inf)
        depth[below > 0] = self.fy * self.height_above_road / below[below > 0]
        return depth.astype(np.float32)

    def disparity(self, depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """fx·baseline/depth, px; 0 where the depth is infinite."""
        return (self.fx * self.baseline / depth).astype(np.float32)


def road_camera(width: int, height: int, rng: np.random.Generator) -> StereoCamera:
    """A camera as cars carry it: 50° to 75° wide, horizon in the upper middle, 1.2 to 1.6 m over the road."""
    focal = width / 2 / np.tan(np.deg2rad(rng.uniform(50, 75)) / 2)
    return StereoCamera(
        width=width,
        height=height,
        fx=float(focal),
        fy=float(focal),
        cx=(width - 1) / 2,
        cy=float(height * rng.uniform(0.36, 0.5)),
        baseline=float(rng.uniform(0.2, 0.54)),
        height_above_road=float(rng.uniform(1.2, 1.6)),
    )
