"""The stereo camera of a drive; its optical axis is parallel to the road."""

from __future__ import annotations

import numpy as np

from densehybrid_ros.camera import Pinhole


def road_camera(width: int, height: int, rng: np.random.Generator) -> Pinhole:
    """A camera as cars carry it: 50° to 75° wide, horizon in the upper middle, 1.2 to 1.6 m over the road."""
    focal = width / 2 / np.tan(np.deg2rad(rng.uniform(50, 75)) / 2)
    return Pinhole(
        width=width,
        height=height,
        fx=float(focal),
        fy=float(focal),
        cx=(width - 1) / 2,
        cy=float(height * rng.uniform(0.36, 0.5)),
        baseline=float(rng.uniform(0.2, 0.54)),
        height_above_road=float(rng.uniform(1.2, 1.6)),
    )
