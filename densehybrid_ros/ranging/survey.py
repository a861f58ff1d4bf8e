"""Unknown pixels and distances → obstacles with range, uncertainty and extent."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.errors import SetupError
from densehybrid_ros.ranging.obstacle_box import quantile
from densehybrid_ros.ranging.obstacle_range import MOST_SAMPLES, View, ranged
from densehybrid_ros.ranging.obstacles import Obstacle
from densehybrid_ros.ranging.own_pixels import own_pixels
from densehybrid_ros.ranging.range_image import RangeImage
from densehybrid_ros.ranging.regions import Region, touches, unknown_regions
from densehybrid_ros.ranging.road_plane import RoadPlane, fit_road_plane, plane_from_camera
from densehybrid_ros.ranging.settings import RangingSettings

PITCH_ERROR = math.radians(0.5)
"""One standard deviation of the pitch of a moving vehicle's camera."""
POINT = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("score", "<f4"), ("obstacle_id", "<u4"), ("closing_speed", "<f4")],
)
"""One point of the cloud: m in the optical frame, anomaly score, number and closing speed of the obstacle, m/s, nan
where it is not known."""


@dataclass(frozen=True)
class Survey:
    """All obstacles of one frame, and what they were measured against."""

    obstacles: tuple[Obstacle, ...]
    view: View | None
    """None where the camera is not known."""
    why_no_view: str = ""
    too_near: tuple[Region, ...] = ()
    """Those nearer than min_range, which are no obstacles, and no free way either."""


def survey(
    open_set: NDArray[np.uint8],
    score: NDArray[np.float32],
    unknown: int,
    drivable: Collection[int],
    pinhole: Pinhole | None,
    ranges: RangeImage | None,
    settings: RangingSettings,
) -> Survey:
    """Finds the obstacles of one frame and says how far each of them is.

    Args:
        open_set: (H, W) ids, `unknown` where the score reaches the threshold.
        score: (H, W).
        drivable: ids of what can be driven on.
        pinhole: of the image; None = not known: no obstacle has a range.
        ranges: of the image's size, belonging to this very image; None = not there.
        settings: min_obstacle_area, min_range, max_range, min_valid_disparity_fraction, road_gate, camera_height,
            camera_pitch are used.

    Returns:
        obstacles from the nearest to the farthest, those without a range last. Those nearer than min_range or farther
        than max_range are left out.
    """
    is_drivable = np.zeros(256, np.bool_)
    is_drivable[list(drivable)] = True
    view = _view(open_set, is_drivable, pinhole, ranges, settings)
    obstacles: list[Obstacle] = []
    too_near: list[Region] = []
    for region in unknown_regions(open_set, unknown, settings.min_obstacle_area):
        if settings.road_gate and not touches(region, open_set, is_drivable):
            continue
        obstacle = Obstacle(region, _median_score(region, score))
        if view is None:
            obstacles.append(replace(obstacle, why_not="the camera is not known"))
            continue
        obstacle = ranged(obstacle, view, settings)
        if obstacle.range is not None and obstacle.range < settings.min_range:
            too_near.append(region)
        elif obstacle.range is None or obstacle.range <= settings.max_range:
            obstacles.append(obstacle)
    obstacles.sort(key=lambda each: math.inf if each.range is None else each.range)
    return Survey(tuple(obstacles), view, too_near=tuple(too_near))


def obstacle_points(found: Survey, score: NDArray[np.float32]) -> NDArray[np.void]:
    """(N,) POINT: the pixels that were taken for an obstacle's own, each at its own distance.

    Obstacles that were not measured, but have their range from the road, bring none.
    """
    clouds = [np.empty(0, POINT)]
    for obstacle in found.obstacles:
        own = None if found.view is None else own_pixels(obstacle, found.view)
        if own is None:
            continue
        cloud = np.empty(own.rows.size, POINT)
        cloud["x"], cloud["y"], cloud["z"] = own.xyz.T
        cloud["score"] = score[own.rows, own.columns]
        cloud["obstacle_id"] = obstacle.number
        cloud["closing_speed"] = math.nan if obstacle.closing_speed is None else obstacle.closing_speed
        clouds.append(cloud)
    return np.concatenate(clouds)


def drivable_ids(classes: Sequence[str], names: Sequence[str], needed: bool) -> list[int]:
    """Ids of the classes that can be driven on; names that the weights do not know are passed over.

    Raises:
        SetupError: they know none of them, and it is `needed`.
    """
    ids = [index for index, name in enumerate(classes) if name in names]
    if needed and not ids:
        raise SetupError(
            f"road_gate needs to know the road, but none of drivable_classes ({', '.join(names)}) is a class of the "
            f"weights ({', '.join(classes)}); set drivable_classes"
        )
    return ids


def _median_score(region: Region, score: NDArray[np.float32]) -> float:
    """Of about MOST_SAMPLES of its pixels."""
    step = max(1, math.isqrt(region.area // MOST_SAMPLES))
    mask = region.mask[::step, ::step]
    inside = score[region.window][::step, ::step][mask] if mask.any() else score[region.window][region.mask]
    return quantile(inside, 0.5)


def _view(
    open_set: NDArray[np.uint8],
    drivable: NDArray[np.bool_],
    pinhole: Pinhole | None,
    ranges: RangeImage | None,
    settings: RangingSettings,
) -> View | None:
    """With the road as measured, else as the camera's mounting says."""
    if pinhole is None:
        return None
    road: RoadPlane | None = None if ranges is None else fit_road_plane(ranges, open_set, drivable, pinhole)
    if road is None and settings.camera_height > 0:
        road = plane_from_camera(pinhole, settings.camera_height, settings.camera_pitch, PITCH_ERROR)
    return View(pinhole, ranges, road, open_set, drivable)
