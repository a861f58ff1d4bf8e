"""The scan, worked by hand: bearings to the left are positive, ranges are horizontal and from the frame's origin."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.ranging.obstacle_range import View
from densehybrid_ros.ranging.obstacles import Obstacle
from densehybrid_ros.ranging.range_image import RangeImage, range_from_depth
from densehybrid_ros.ranging.regions import Region
from densehybrid_ros.ranging.scan import STEP, Scan, lies_level, scan_of

WIDTH, HEIGHT = 640, 360
PINHOLE = Pinhole(fx=320.0, fy=320.0, cx=319.5, cy=179.5, width=WIDTH, height=HEIGHT)
"""Sees 45 degrees to either side."""
NEAREST, FARTHEST = 0.5, 50.0
LEVEL = np.array([[0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0]])
"""From the optical frame to x forward, y left, z up, at the camera."""


def view(ranges: RangeImage | None = None) -> View:
    return View(PINHOLE, ranges, None, np.zeros((HEIGHT, WIDTH), np.uint8), np.zeros(256, np.bool_))


def obstacle(columns: tuple[int, int], distance: float | None, rows: tuple[int, int] = (200, 240)) -> Obstacle:
    """A box in the picture, from the first to behind the last column and row; its distance is given, not measured."""
    (left, right), (top, bottom) = columns, rows
    region = Region(left, top, np.ones((bottom - top, right - left), np.bool_), (bottom - top) * (right - left))
    without = Obstacle(region, 1.0)
    if distance is None:
        return without
    (x0, x1), (y0, y1) = (
        [(each - 0.5 - middle) * distance / 320 for each in ends] for ends, middle in ((columns, 319.5), (rows, 179.5))
    )
    centre, size = ((x0 + x1) / 2, (y0 + y1) / 2, distance), (x1 - x0, y1 - y0, 0.0)
    return replace(without, source="ground", range=distance, range_error=0.1, centre=centre, size=size)


def scan(
    *obstacles: Obstacle,
    matrix: NDArray[np.float64] = LEVEL,
    ranges: RangeImage | None = None,
    too_near: tuple[Region, ...] = (),
) -> Scan:
    return scan_of(obstacles, too_near, view(ranges), matrix, NEAREST, FARTHEST)


def bearings(made: Scan) -> NDArray[np.float64]:
    return made.first + made.step * np.arange(made.ranges.size)


def at(made: Scan, degrees: float) -> float:
    """The range in the sector that holds the bearing."""
    return float(made.ranges[round((math.radians(degrees) - made.first) / made.step)])


def test_a_free_view_is_inf_from_edge_to_edge() -> None:
    made = scan()
    assert made.ranges.shape == (360,)
    assert made.step == pytest.approx(STEP)
    assert math.degrees(made.first) == pytest.approx(-44.875)
    assert np.isposinf(made.ranges).all()


def test_an_obstacle_to_the_right_stands_at_negative_bearings() -> None:
    # columns 400..439 are x = 0.25..0.375 at z = 1: bearings -14.04 to -20.56 degrees, and 10 m / cos to a flat front
    made = scan(obstacle((400, 440), 10.0))
    hit, angles = np.isfinite(made.ranges), np.degrees(bearings(made))
    assert angles[hit].min() == pytest.approx(-20.56, abs=0.2)
    assert angles[hit].max() == pytest.approx(-14.04, abs=0.2)
    np.testing.assert_allclose(made.ranges[hit][1:-1], 10 / np.cos(bearings(made)[hit][1:-1]), rtol=1e-6)
    assert np.isposinf(made.ranges[~hit]).all()


def test_what_is_measured_counts_before_the_outline() -> None:
    # a front that recedes from 10 m at column 400 to 13.9 m at column 439
    depth = np.full((HEIGHT, WIDTH), 40.0, np.float32)
    depth[200:240, 400:440] = 10 + 0.1 * np.arange(40)
    measured = replace(obstacle((400, 440), 10.0), source="depth", interval=(9.9, 14.0))
    made = scan(measured, ranges=range_from_depth(depth, 0.02))
    for column, distance in ((405, 10.5), (420, 12.0), (435, 13.5)):
        off = (column - 319.5) / 320
        assert at(made, -math.degrees(math.atan(off))) == pytest.approx(distance * math.hypot(1, off), rel=0.015)


def test_a_stray_pixel_that_is_nearer_does_not_decide() -> None:
    depth = np.full((HEIGHT, WIDTH), 10.0, np.float32)
    depth[210, 400:440] = 8.0
    measured = replace(obstacle((400, 440), 10.0), source="depth", interval=(7.9, 10.1))
    made = scan(measured, ranges=range_from_depth(depth, 0.02))
    assert at(made, -17.0) == pytest.approx(10 / math.cos(math.radians(17)), rel=0.01)


def test_the_nearest_of_two_counts() -> None:
    near, far = obstacle((300, 340), 6.0, (260, 300)), obstacle((280, 360), 20.0, (150, 190))
    for both in ((near, far), (far, near)):
        made = scan(*both)
        assert at(made, 0.2) == pytest.approx(6.0, rel=1e-4)
        assert at(made, 6.0) == pytest.approx(20 / math.cos(math.radians(6)), rel=1e-3)


def test_unknown_without_range_is_nan_and_neither_free_nor_an_obstacle() -> None:
    made = scan(obstacle((400, 440), None))
    hidden = np.isnan(made.ranges)
    angles = np.degrees(bearings(made))[hidden]
    assert (angles.min(), angles.max()) == (pytest.approx(-20.56, abs=0.2), pytest.approx(-14.04, abs=0.2))
    assert np.isposinf(made.ranges[~hidden]).all()
    assert at(scan(obstacle((400, 440), None), obstacle((400, 440), 10.0)), -17.0) == pytest.approx(10.457, rel=1e-3)


def test_what_lies_beyond_the_farthest_is_out_of_reach() -> None:
    aside = obstacle((600, 630), 45.0)  # 45 m along the axis, 61 m away
    assert np.isposinf(scan(aside).ranges).all()
    assert np.isfinite(scan(obstacle((600, 630), 30.0)).ranges).any()
    assert math.isnan(at(scan(aside, obstacle((600, 630), None)), -43.0))


def test_what_is_too_near_to_be_reported_is_not_called_free() -> None:
    made = scan(too_near=(obstacle((400, 440), None).region,))
    assert math.isnan(at(made, -17.0))
    assert math.isinf(at(made, 17.0))


def test_pixels_of_another_depth_in_the_same_region_are_not_called_free() -> None:
    depth = np.full((HEIGHT, WIDTH), 40.0, np.float32)
    depth[200:240, 400:420] = 10.0
    own = obstacle((400, 420), 10.0)
    leaking = replace(own, region=obstacle((400, 440), None).region, source="depth", interval=(9.9, 10.1))
    made = scan(leaking, ranges=range_from_depth(depth, 0.02))
    assert at(made, -16.0) == pytest.approx(10 / math.cos(math.radians(16)), rel=0.01)
    assert math.isnan(at(made, -19.5))


@pytest.mark.parametrize("pitch", [0.0, 0.2, -0.1])
def test_a_pitched_camera_reports_the_ground_distance(pitch: float) -> None:
    # a post whose foot stands 12 m before and 3 m left of a camera 1.5 m over the road
    sine, cosine = math.sin(pitch), math.cos(pitch)
    tilted = np.array([[0, -sine, cosine, 0], [-1, 0, 0, 0], [0, -cosine, -sine, 0.0]])
    forward, up = 12.0, -1.5
    foot = -3.0, -sine * forward - cosine * up, cosine * forward - sine * up
    post = replace(
        obstacle((200, 210), 10.0), range=foot[2], centre=(foot[0], foot[1] - 0.5, foot[2]), size=(0.05, 1.0, 0.0)
    )
    made = scan(post, matrix=tilted)
    # a level ray through the edge of the picture, where x = 1: its y is -tan(pitch), and 1/cos(pitch) lies ahead
    assert made.first - made.step / 2 == pytest.approx(-math.atan(cosine))
    (hit,) = np.nonzero(np.isfinite(made.ranges))
    assert np.degrees(bearings(made)[hit]).mean() == pytest.approx(math.degrees(math.atan2(3, 12)), abs=0.25)
    np.testing.assert_allclose(made.ranges[hit], math.hypot(12, 3), rtol=0.003)


def test_ranges_are_from_the_origin_of_another_frame() -> None:
    ahead = LEVEL.copy()
    ahead[:, 3] = 2.0, 0.0, 1.4  # the camera is 2 m before the frame
    made = scan(obstacle((400, 440), 10.0), matrix=ahead)
    hit = np.isfinite(made.ranges)
    angles = np.degrees(bearings(made))[hit]
    assert angles.min() == pytest.approx(math.degrees(math.atan2(-3.75, 12)), abs=0.2)
    assert angles.max() == pytest.approx(math.degrees(math.atan2(-2.5, 12)), abs=0.2)
    np.testing.assert_allclose(made.ranges[hit][1:-1], 12 / np.cos(bearings(made)[hit][1:-1]), rtol=1e-6)
    assert math.isinf(at(made, -8.0))
    # without a range it may stand at any bearing between those of its nearest and of its farthest place
    assert math.isnan(at(scan(obstacle((400, 440), None), matrix=ahead), -8.0))


def test_bearings_that_are_seen_near_by_alone_are_not_called_free() -> None:
    behind = LEVEL.copy()
    behind[0, 3] = -2.0  # the camera is 2 m behind the frame: near by it sees more than 45 degrees to the side
    made = scan(matrix=behind)
    assert math.isinf(at(made, 45.0))
    assert math.isnan(at(made, 60.0))
    assert at(scan(obstacle((90, 110), 4.0), matrix=behind), 53.0) == pytest.approx(3.3, abs=0.2)


def test_a_camera_that_looks_back_has_bearings_without_a_gap() -> None:
    back = np.diag([-1.0, -1.0, 1.0]) @ LEVEL
    made = scan(obstacle((310, 330), 10.0), matrix=back)
    angles = np.degrees(bearings(made))
    assert angles[-1] - angles[0] == pytest.approx(89.75)
    hit = np.isfinite(made.ranges)
    assert abs(abs(angles[hit].mean()) - 180) < 0.3
    assert made.ranges[hit].min() == pytest.approx(10.0, rel=1e-3)


def test_an_obstacle_seen_edge_on_stays_where_it_is() -> None:
    side = LEVEL.copy()
    side[:, 3] = -10.0, 0.0, 0.0  # the frame's origin lies in the line of the obstacle's front
    made = scan(obstacle((360, 400), 10.0), matrix=side)
    hit = np.isfinite(made.ranges)
    assert hit.any()
    assert made.ranges[hit].min() >= 1.25  # the near end of the front, 40 columns of 1/32 m to the side


def test_an_optical_frame_is_not_level_and_a_body_frame_is() -> None:
    assert not lies_level(np.eye(3))
    assert not lies_level(np.diag([1.0, -1.0, 1.0]) @ LEVEL[:, :3] @ np.diag([1.0, -1.0, -1.0]))  # z down
    assert lies_level(LEVEL[:, :3])
