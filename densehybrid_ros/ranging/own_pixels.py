"""The pixels that were taken for an obstacle's own, each at its own distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.ranging.obstacle_range import View
from densehybrid_ros.ranging.obstacles import Obstacle


@dataclass(frozen=True)
class OwnPixels:
    """N pixels of the image, and where in the optical frame they lie."""

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    xyz: NDArray[np.float32]
    """(N, 3), m."""


def own_pixels(obstacle: Obstacle, view: View) -> OwnPixels | None:
    """None where the obstacle was not measured, but has its range from the road, or none at all."""
    if view.ranges is None or obstacle.interval is None:
        return None
    region, (near, far) = obstacle.region, obstacle.interval
    inverse = view.ranges.inverse_depth(region.window)
    rows, columns = np.nonzero(region.mask & (inverse * near <= 1) & (inverse * far >= 1))
    depth = 1 / inverse[rows, columns]
    rows, columns = rows + region.top, columns + region.left
    x, y = view.pinhole.directions(columns, rows)
    return OwnPixels(rows, columns, np.column_stack([x * depth, y * depth, depth]).astype(np.float32))
