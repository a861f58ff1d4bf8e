"""Cameras whose pixels are not square: what goes across is divided by fx, what goes down by fy."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.ranging.obstacle_box import boxed
from densehybrid_ros.ranging.obstacles import Obstacle
from densehybrid_ros.ranging.range_image import RangeImage, range_from_depth
from densehybrid_ros.ranging.regions import Region
from densehybrid_ros.ranging.road_plane import fit_road_plane, plane_from_camera
from densehybrid_ros.ranging.settings import RangingSettings
from densehybrid_ros.ranging.survey import obstacle_points, survey

PINHOLE = Pinhole(fx=600.0, fy=400.0, cx=310.0, cy=130.0)
WIDTH, HEIGHT, CAMERA_HEIGHT = 640, 360, 1.4
ROAD, UNKNOWN = 3, 11
DRIVABLE = np.arange(256) == ROAD


def road_depth(normal: tuple[float, float, float]) -> np.ndarray:
    """(H, W) depth, m, of the plane n·X = 1; 0 above its horizon."""
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    ray = np.stack([(u - PINHOLE.cx) / PINHOLE.fx, (v - PINHOLE.cy) / PINHOLE.fy, np.ones_like(u)], -1)
    inverse = ray @ np.array(normal)
    return np.divide(1, inverse, out=np.zeros(inverse.shape), where=inverse > 1e-3).astype(np.float32)


def test_a_box_is_as_wide_as_fx_and_as_high_as_fy_say() -> None:
    region = Region(250, 90, np.ones((80, 120), np.bool_), 9600)
    road = plane_from_camera(PINHOLE, CAMERA_HEIGHT, 0.0, 0.0)
    obstacle = boxed(Obstacle(region, 1.0, range=12.0), PINHOLE, road, (250.0, 370.0), (90.0, 170.0), 0.5)
    assert obstacle.size == pytest.approx((120 * 12 / 600, 80 * 12 / 400, 0.5))
    assert obstacle.centre == pytest.approx((0.0, 0.0, 12.25))
    assert obstacle.height_above_road == pytest.approx(CAMERA_HEIGHT + 40 * 12 / 400)


def test_the_height_above_a_road_that_rolls_is_that_at_the_middle_of_the_box() -> None:
    """Column 310 of row 90: the road is nearer by 310 columns' worth than in column 0."""
    road = replace(plane_from_camera(PINHOLE, CAMERA_HEIGHT, 0.0, 0.0), column=1e-4)
    region = Region(250, 90, np.ones((80, 120), np.bool_), 9600)
    obstacle = boxed(Obstacle(region, 1.0, range=12.0), PINHOLE, road, (250.0, 370.0), (90.0, 170.0), 0.5)
    behind = 310e-4 - 40 / 400 / CAMERA_HEIGHT
    assert obstacle.height_above_road == pytest.approx(CAMERA_HEIGHT * (1 - 12 * behind))


@pytest.mark.parametrize("pitch", [0.0, 0.1, -0.2])
def test_the_road_below_a_mounted_camera(pitch: float) -> None:
    """At a ray 0.25 below the axis, and 30 columns aside: 1/Z = (0.25·cos + sin) / height. Higher places are nearer."""
    road = plane_from_camera(PINHOLE, CAMERA_HEIGHT, pitch, math.radians(0.5))
    inverse = (0.25 * math.cos(pitch) + math.sin(pitch)) / CAMERA_HEIGHT
    for u in (280.0, 310.0, 340.0):
        assert road.inverse_depth(u, PINHOLE.cy + 100) == pytest.approx(inverse)
    assert road.camera_height == CAMERA_HEIGHT
    assert road.inverse_depth_error == pytest.approx(math.radians(0.5) / CAMERA_HEIGHT)
    place = np.array(310.0), np.array(PINHOLE.cy + 100)
    assert road.height_of(*place, np.array(2 * inverse)) == pytest.approx(CAMERA_HEIGHT / 2)


@pytest.mark.parametrize("normal", [(0.0, 1 / CAMERA_HEIGHT, 0.0), (0.06, 0.7, 0.09), (-0.1, 0.6, -0.05)])
def test_a_fitted_road_has_its_own_height_and_slope(normal: tuple[float, float, float]) -> None:
    depth = road_depth(normal)
    ranges = range_from_depth(depth, 0.02)
    road = fit_road_plane(ranges, np.full(depth.shape, ROAD, np.uint8), DRIVABLE, PINHOLE)
    assert road is not None
    assert road.camera_height == pytest.approx(1 / float(np.linalg.norm(normal)), rel=1e-4)
    v, u = np.nonzero(depth)
    np.testing.assert_allclose(road.inverse_depth(u, v), 1 / depth[v, u], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "normal",
    [
        (0.0, 1 / 0.25, 0.0),
        (0.0, 1 / 6.5, 0.0),
        (0.0, 0.6, 0.6 * math.tan(math.radians(26))),
        (0.6 * math.tan(math.radians(26)), 0.6, 0.0),
    ],
    ids=["too low", "too high", "pitched", "rolled"],
)
def test_no_vehicle_carries_a_camera_like_that(normal: tuple[float, float, float]) -> None:
    ranges = range_from_depth(road_depth(normal), 0.02)
    assert fit_road_plane(ranges, np.full(ranges.shape, ROAD, np.uint8), DRIVABLE, PINHOLE) is None


@pytest.mark.parametrize("normal", [(0.0, 1 / 0.35, 0.0), (0.0, 1 / 5.5, 0.0), (0.0, 0.6, 0.25), (0.25, 0.6, 0.0)])
def test_a_vehicle_may_carry_a_camera_like_that(normal: tuple[float, float, float]) -> None:
    ranges = range_from_depth(road_depth(normal), 0.02)
    assert fit_road_plane(ranges, np.full(ranges.shape, ROAD, np.uint8), DRIVABLE, PINHOLE) is not None


def scene() -> tuple[np.ndarray, RangeImage]:
    """A road with a box 10 m away that stands on it: columns 280 to 339, rows 136 to 185."""
    depth, labels = road_depth((0.0, 1 / CAMERA_HEIGHT, 0.0)), np.full((HEIGHT, WIDTH), ROAD, np.uint8)
    foot = round(PINHOLE.cy + PINHOLE.fy * CAMERA_HEIGHT / 10)
    labels[: round(PINHOLE.cy) + 1] = 0
    labels[foot - 50 : foot, 280:340], depth[foot - 50 : foot, 280:340] = UNKNOWN, 10.0
    return labels, range_from_depth(depth, 0.02)


def test_a_surveyed_box_and_its_points_lie_where_the_rays_meet_it() -> None:
    labels, ranges = scene()
    score = np.arange(labels.size, dtype=np.float32).reshape(labels.shape)
    found = survey(labels, score, UNKNOWN, [ROAD], PINHOLE, ranges, RangingSettings())
    (obstacle,) = found.obstacles
    assert obstacle.range == pytest.approx(10.0, rel=1e-5)
    assert obstacle.size == pytest.approx((60 * 10 / 600, 50 * 10 / 400, 0.0), rel=0.03, abs=1e-4)
    assert obstacle.centre == pytest.approx((-0.5 * 10 / 600, (160.5 - 130) * 10 / 400, 10.0), abs=0.03)
    points = obstacle_points(found, score)
    assert points.size == 60 * 50
    rows, columns = np.divmod(points["score"].astype(int), WIDTH)
    np.testing.assert_allclose(points["x"], (columns - 310) * 10 / 600, atol=1e-4)
    np.testing.assert_allclose(points["y"], (rows - 130) * 10 / 400, atol=1e-4)


def test_what_stands_there_without_a_measurement_brings_no_points() -> None:
    labels, ranges = scene()
    ranges.values[labels == UNKNOWN] = 0
    score = np.zeros(labels.shape, np.float32)
    found = survey(labels, score, UNKNOWN, [ROAD], PINHOLE, ranges, RangingSettings())
    assert [each.source for each in found.obstacles] == ["ground"]
    assert obstacle_points(found, score).size == 0
    unranged = survey(labels, score, UNKNOWN, [ROAD], None, None, RangingSettings())
    assert [each.why_not for each in unranged.obstacles] == ["the camera is not known"]
    assert obstacle_points(unranged, score).size == 0
