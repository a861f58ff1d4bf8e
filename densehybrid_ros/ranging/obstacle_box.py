"""The box of an obstacle that has a range."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.ranging.obstacles import Obstacle
from densehybrid_ros.ranging.regions import Region
from densehybrid_ros.ranging.road_plane import RoadPlane

OUTLINE_ERROR = 2.0
"""px; one standard deviation of the place of an outline in the picture."""


def boxed(
    obstacle: Obstacle,
    pinhole: Pinhole,
    road: RoadPlane | None,
    columns: tuple[float, float],
    rows: tuple[float, float],
    depth_extent: float,
) -> Obstacle:
    """The obstacle with centre and size, from its outline in the picture at its range.

    Args:
        columns, rows: first and last edge of the outline, px.
        depth_extent: m, along the optical axis.
    """
    distance = obstacle.range
    assert distance is not None
    left, right = ((column - pinhole.cx) * distance / pinhole.fx for column in columns)
    top, bottom = ((row - pinhole.cy) * distance / pinhole.fy for row in rows)
    above = None
    if road is not None:
        middle = np.array((columns[0] + columns[1]) / 2)
        above = float(road.height_of(middle, np.array(rows[0]), np.array(1 / distance)))
    return replace(
        obstacle,
        centre=((left + right) / 2, (top + bottom) / 2, distance + depth_extent / 2),
        size=(right - left, bottom - top, depth_extent),
        place_error=OUTLINE_ERROR * distance / pinhole.fx,
        height_above_road=above,
    )


def outline(places: NDArray[np.float32], margin: float) -> tuple[float, float]:
    """Outer edges of the first and last column or row that is more than a stray pixel."""
    return quantile(places, 0.01) - margin, quantile(places, 0.99) + margin


def down_to_road(
    bottom: float, across: tuple[float, float], distance: float, road: RoadPlane | None, region: Region
) -> float:
    """The lower edge, down to the road: the obstacle's lowest pixels were left out, as they hardly stick out of it."""
    if road is None or road.row <= 0:
        return bottom
    on_road = (1 / distance - road.column * (across[0] + across[1]) / 2 - road.offset) / road.row
    return min(max(bottom, on_road), region.window[0].stop - 0.5)


def quantile(values: NDArray[np.number], share: float) -> float:
    """The element below which that share of (N,) values lies; ten times quicker than NumPy's on a few thousand."""
    index = int(share * (values.size - 1))
    return float(np.partition(values, index)[index])
