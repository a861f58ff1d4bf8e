"""How far one obstacle is: from the distances of its own pixels, or from where it stands on the road."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.ranging.foreground import depth_groups, own_group
from densehybrid_ros.ranging.obstacle_box import boxed, down_to_road, outline, quantile
from densehybrid_ros.ranging.obstacles import Obstacle
from densehybrid_ros.ranging.range_image import RangeImage
from densehybrid_ros.ranging.regions import Region, around, foot, row_below, stands_on
from densehybrid_ros.ranging.road_plane import RoadPlane
from densehybrid_ros.ranging.settings import RangingSettings

MOST_SAMPLES = 1200
"""Pixels of one region that are looked at; larger regions are sampled on a grid."""
NEAR_SHARE = 0.25
"""Quantile of the obstacle's depths that is its range: its near side, but not its nearest outlier."""
FAR_SHARE = 0.9
"""Likewise, of its far side."""
ROW_ERROR = 2.0
"""px; one standard deviation of the row where an obstacle meets the road."""
ON_ROAD = 0.04
"""Share by which a pixel's 1/Z must exceed the road's behind it to stick out of the road."""
FLAT = 0.3
"""An obstacle of which less than this share sticks out is as flat as the road, and all of it counts."""
AGREEMENT = 0.1
"""Share by which range and place on the road may differ beyond two standard deviations: no road is quite flat."""
SOLID = 0.5
"""Share of its pixels that must support a range which its place on the road contradicts."""
FEWEST_PIXELS = 8
BELOW_PICTURE = 0.5
"""What reaches the lower edge of the picture stands nearer than the road that is seen there: by this share or less."""
HIDDEN = 2 / 3
"""Least share of the distance at a hidden foot that the road below it has: the middle is at most a fifth off, then."""


@dataclass(frozen=True)
class View:
    """What the distances of one frame are told by."""

    pinhole: Pinhole
    ranges: RangeImage | None
    road: RoadPlane | None
    open_set: NDArray[np.uint8]
    """(H, W)."""
    drivable: NDArray[np.bool_]
    """(256,) True for the ids of what can be driven on."""


def ranged(obstacle: Obstacle, view: View, settings: RangingSettings) -> Obstacle:
    """With range, uncertainty and box, or with the reason why there is none.

    Measured at its own pixels where enough of them are valid and not contradicted, else from where it stands.
    """
    standing = cache(lambda: _standing(obstacle, view))  # a clear measurement needs no second opinion
    measured = _measured(obstacle, view, standing, settings)
    if measured.range is not None:
        return measured
    if standing().range is not None:
        return standing()
    return replace(obstacle, why_not=f"{measured.why_not}; {standing().why_not}")


def _measured(obstacle: Obstacle, view: View, standing: Callable[[], Obstacle], settings: RangingSettings) -> Obstacle:
    """The range of the obstacle's own pixels, kept apart from the sky, the background and the road behind it."""
    ranges, region = view.ranges, obstacle.region
    if ranges is None:
        return replace(obstacle, why_not="no disparity or depth belongs to this frame")
    step = max(1, math.isqrt(region.area // MOST_SAMPLES))
    grid = tuple(slice(side.start, side.stop, step) for side in region.window)
    sampled = region.mask[::step, ::step]
    inside = _interior(sampled)
    rows, columns = np.nonzero(inside)
    inverse = ranges.inverse_depth((grid[0], grid[1]))[rows, columns]
    usable = (inverse > 0) & (inverse * settings.min_range <= 1)
    count = int(usable.sum())
    if count < max(FEWEST_PIXELS / step**2, settings.min_valid_disparity_fraction * rows.size, 1):
        return replace(obstacle, why_not=f"{count} of {rows.size} pixels have a valid {ranges.kind}")
    v, u, inverse = rows[usable] * step + region.top, columns[usable] * step + region.left, inverse[usable]
    u, v = u.astype(np.float32), v.astype(np.float32)  # exact, and twice as quick
    upright = _sticking_out(u, v, inverse, view.road, ranges)
    if upright.mean() > FLAT:
        u, v, inverse = u[upright], v[upright], inverse[upright]
    depth = np.reciprocal(inverse)
    middle = quantile(depth, 0.5)
    groups = depth_groups(depth, ranges.depth_error(middle) / middle)
    group = groups[0]
    if len(groups) > 1:
        group = own_group(groups, _expected(standing()), lambda: _surroundings(region, view, ranges))
    own = group.holds(depth)
    u, v, depth = u[own], v[own], depth[own]
    distance, far_side = quantile(depth, NEAR_SHARE), quantile(depth, FAR_SHARE)
    error = ranges.depth_error(distance)
    if depth.size < SOLID * rows.size and _contradicted(distance, error, standing(), view):
        return replace(obstacle, why_not=f"the {ranges.kind} of {depth.size} pixels contradicts its place on the road")
    measured = replace(
        obstacle, source=ranges.kind, range=distance, range_error=error, interval=(group.near, group.far)
    )
    margin = 0.5 if inside is sampled else 0.5 + step  # what _interior took off
    across, (top, bottom) = outline(u, margin), outline(v, margin)
    down = (top, down_to_road(bottom, across, distance, view.road, region))
    return boxed(measured, view.pinhole, view.road, across, down, far_side - distance)


def _sticking_out(
    u: NDArray[np.float32],
    v: NDArray[np.float32],
    inverse: NDArray[np.float32],
    road: RoadPlane | None,
    ranges: RangeImage,
) -> NDArray[np.bool_]:
    """Which pixels are nearer than the road that would be seen there; the others lie on the road, or are wrong."""
    if road is None:
        return np.ones(u.shape, np.bool_)
    behind = np.maximum(road.inverse_depth(u, v), 0)
    return inverse > behind * (1 + ON_ROAD) + ranges.inverse_depth_error(0.0) * (behind > 0)


def _surroundings(region: Region, view: View, ranges: RangeImage) -> NDArray[np.float32]:
    """Depths of what stands right beside the region, m; the road is left out, on which the obstacle stands itself."""
    window, ring = around(region, view.open_set.shape)
    inverse = ranges.inverse_depth(window)[ring & ~view.drivable[view.open_set[window]]]
    return np.reciprocal(inverse[inverse > 0])


def _expected(standing: Obstacle) -> tuple[float, float] | None:
    """Depths between which an obstacle that stands there should be."""
    if standing.range is None or standing.range_error is None:
        return None
    margin = AGREEMENT * standing.range + 2 * standing.range_error
    return standing.range - margin, standing.range + margin


def _contradicted(distance: float, error: float, standing: Obstacle, view: View) -> bool:
    """Whether its place on the road says otherwise.

    What the side of the picture cuts off may have its feet outside: it is no farther than the road below what is seen
    of it, but it may be nearer.
    """
    if standing.range is None or standing.range_error is None:
        return False
    margin = AGREEMENT * standing.range + 2 * math.hypot(error, standing.range_error)
    columns = standing.region.window[1]
    is_cut = columns.start == 0 or columns.stop == view.open_set.shape[1]
    return distance > standing.range + margin or (distance < standing.range - margin and not is_cut)


def _standing(obstacle: Obstacle, view: View) -> Obstacle:
    """The range of the place where it meets a known road, or the middle of the places where it may meet it."""
    region, road = obstacle.region, view.road
    if road is None:
        return replace(obstacle, why_not="the road is not known")
    column, row = foot(region)
    inverse = float(road.inverse_depth(column, row + 0.5))
    error = math.hypot(road.row * ROW_ERROR, road.inverse_depth_error)
    if inverse <= 2 * error:
        return replace(obstacle, why_not="it stands too near the horizon")
    distance = 1 / inverse
    distance_error = distance**2 * error
    if not stands_on(region, row, view.open_set, view.drivable):
        nearest = _nearest(region, (column, row), distance, view, road)
        if nearest is None:
            return replace(obstacle, why_not="it is not seen to stand on the road")
        distance_error = math.hypot(distance_error, (distance - nearest) / math.sqrt(12))
        distance = (nearest + distance) / 2
    standing = replace(obstacle, source="ground", range=distance, range_error=distance_error)
    across = (region.left - 0.5, region.left + region.mask.shape[1] - 0.5)
    return boxed(standing, view.pinhole, view.road, across, (region.top - 0.5, row + 0.5), 0.0)


def _nearest(region: Region, place: tuple[float, float], farthest: float, view: View, road: RoadPlane) -> float | None:
    """How near an obstacle may be whose foot is hidden, m; None where that is too far from `farthest` to tell a range.

    What is opaque cannot be farther than the road behind its lowest pixel, and neither it nor what hides its foot is
    nearer than the first road that is seen below.

    Args:
        place: column and row of its lowest pixels.
        farthest: m, of the road there.
    """
    column, row = place
    height = view.open_set.shape[0]
    below = row_below(region, row, view.open_set, view.drivable)
    nearest = 1 / float(road.inverse_depth(column, below - 0.5))
    if nearest < HIDDEN * farthest:
        return None
    return nearest if below < height else BELOW_PICTURE * nearest


def _interior(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without the outermost pixels, which often belong to what is beside or behind; small regions stay whole."""
    eroded = cv2.erode(mask.view(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).view(np.bool_)
    return eroded if eroded.sum() >= 0.5 * mask.sum() else mask
