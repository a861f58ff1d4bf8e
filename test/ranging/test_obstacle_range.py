"""The range of one obstacle: where it stands, what its pixels measure, and when the one contradicts the other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.options import changed
from densehybrid_ros.ranging.obstacle_box import down_to_road, outline, quantile
from densehybrid_ros.ranging.obstacle_range import View, ranged
from densehybrid_ros.ranging.obstacles import Obstacle
from densehybrid_ros.ranging.range_image import range_from_depth, range_from_disparity
from densehybrid_ros.ranging.regions import Region
from densehybrid_ros.ranging.road_plane import RoadPlane, plane_from_camera
from densehybrid_ros.ranging.settings import RangingSettings

PINHOLE = Pinhole(fx=600.0, fy=400.0, cx=310.0, cy=100.0)
WIDTH, HEIGHT, CAMERA_HEIGHT, ROAD_ERROR = 640, 360, 1.5, 0.002
ROAD, CAR, UNKNOWN = 3, 8, 11
PLANE = replace(plane_from_camera(PINHOLE, CAMERA_HEIGHT, 0.0, 0.0), inverse_depth_error=ROAD_ERROR)


def road_at(row: float) -> float:
    """Depth of the road, m."""
    return PINHOLE.fy * CAMERA_HEIGHT / (row - PINHOLE.cy)


ROW_SHARE = 1 / (PINHOLE.fy * CAMERA_HEIGHT)
STANDING_ERROR = math.hypot(2.0 * ROW_SHARE, ROAD_ERROR)
"""Of 1/Z, two pixels of the row and the road's own."""


@dataclass
class Scene:
    """An unknown box in front of a road without a texture; depth is 0 where nothing is measured."""

    left: int = 290
    top: int = 140
    width: int = 30
    height: int = 40

    def __post_init__(self) -> None:
        rows = np.arange(HEIGHT)[:, None] + np.zeros(WIDTH)
        self.open_set = np.where(rows > PINHOLE.cy, ROAD, CAR).astype(np.uint8)
        self.place = np.s_[self.top : self.top + self.height, self.left : self.left + self.width]
        self.open_set[self.place] = UNKNOWN
        self.depth = np.zeros((HEIGHT, WIDTH), np.float32)

    @property
    def obstacle(self) -> Obstacle:
        mask = np.ones((self.height, self.width), np.bool_)
        return Obstacle(Region(self.left, self.top, mask, mask.size), 1.0)

    def ranged(self, measures: bool = True, road: RoadPlane | None = PLANE, **changes: object) -> Obstacle:
        ranges = range_from_depth(self.depth, 0.01) if measures else None
        view = View(PINHOLE, ranges, road, self.open_set, np.arange(256) == ROAD)
        return ranged(self.obstacle, view, changed(RangingSettings(), changes))


def test_an_obstacle_on_the_road_is_where_its_lower_edge_meets_it() -> None:
    found = Scene().ranged(measures=False)
    distance = road_at(179.5)
    assert found.source == "ground"
    assert found.range == pytest.approx(distance)
    assert found.range_error == pytest.approx(distance**2 * STANDING_ERROR)
    assert found.interval is None
    assert found.size == pytest.approx((30 * distance / 600, 40 * distance / 400, 0.0))
    assert found.centre == pytest.approx(((304.5 - 310) * distance / 600, (159.5 - 100) * distance / 400, distance))
    assert found.height_above_road == pytest.approx(40 * distance / 400)


def test_a_road_that_rolls_is_met_at_the_middle_of_the_foot() -> None:
    tilted = RoadPlane(1e-5, ROW_SHARE, -100 * ROW_SHARE, CAMERA_HEIGHT)
    found = Scene().ranged(measures=False, road=tilted)
    assert found.range == pytest.approx(1 / (304.5e-5 + 79.5 * ROW_SHARE))


@pytest.mark.parametrize(("share", "stands"), [(1.02, True), (0.98, False)])
def test_near_the_horizon_nothing_stands(share: float, stands: bool) -> None:
    """1/Z must be more than two of its standard deviations; the lower edge lies 10.5 px below the horizon."""
    scene = Scene(top=101, height=10)
    error = 10.5 * ROW_SHARE / 2 / share
    road = replace(PLANE, inverse_depth_error=math.sqrt(error**2 - (2 * ROW_SHARE) ** 2))
    found = scene.ranged(measures=False, road=road)
    assert (found.range is not None) is stands
    assert stands or "too near the horizon" in found.why_not


def test_without_a_road_or_a_measurement_both_reasons_are_given() -> None:
    assert Scene().ranged(measures=False, road=None).why_not == (
        "no disparity or depth belongs to this frame; the road is not known"
    )


@pytest.mark.parametrize("hidden", [5, 20])
def test_a_hidden_foot_is_somewhere_between_the_edge_of_what_hides_it_and_the_road_behind(hidden: int) -> None:
    scene = Scene()
    scene.open_set[180 : 180 + hidden, 280:330] = CAR
    found = scene.ranged(measures=False)
    farthest, nearest = road_at(179.5), road_at(180 + hidden - 0.5)
    assert found.range == pytest.approx((nearest + farthest) / 2)
    assert found.range_error == pytest.approx(
        math.hypot(farthest**2 * STANDING_ERROR, (farthest - nearest) / math.sqrt(12))
    )


@pytest.mark.parametrize(("hidden", "stands"), [(39, True), (41, False)])
def test_too_much_hidden_road_gives_no_range(hidden: int, stands: bool) -> None:
    """Where road is seen again it must be farther than two thirds: (79.5 + hidden) / 79.5 below 1.5."""
    scene = Scene()
    scene.open_set[180 : 180 + hidden, 280:330] = CAR
    found = scene.ranged(measures=False)
    assert (found.range is not None) is stands
    assert stands or "not seen to stand" in found.why_not


def test_what_reaches_the_lower_edge_stands_up_to_half_as_near_as_the_road_there() -> None:
    found = Scene(top=300, height=60).ranged(measures=False)
    lowest = road_at(359.5)
    assert found.range == pytest.approx((0.5 * lowest + lowest) / 2)
    assert found.range_error == pytest.approx(math.hypot(lowest**2 * STANDING_ERROR, 0.5 * lowest / math.sqrt(12)))


def test_measured_pixels_give_their_near_quarter_and_their_spread() -> None:
    """Depths 5.0 to 5.5 m from the left to the right: the outermost pixels do not count."""
    scene = Scene()
    columns = np.linspace(5.0, 5.5, 30, dtype=np.float32)
    scene.depth[scene.place] = columns
    found = scene.ranged()
    assert found.source == "depth"
    inner = np.repeat(columns[1:-1], 38)
    assert found.range == pytest.approx(inner[int(0.25 * (inner.size - 1))])
    assert found.range_error == pytest.approx(0.01 * (found.range or 0))
    assert found.interval == pytest.approx((columns[1], columns[-2]), rel=0.05)
    assert found.size is not None
    assert found.size[2] == pytest.approx(float(inner[int(0.9 * (inner.size - 1))]) - (found.range or 0))
    assert found.size[0] == pytest.approx(30 * (found.range or 0) / 600, rel=0.01)


def test_the_error_of_a_disparity_grows_with_the_square_of_the_distance() -> None:
    disparity = np.full((2, 2), 20.0, np.float32)
    ranges = range_from_disparity(disparity, 600.0, 0.3, 0.0, 0.5)
    assert ranges.depth_error(9.0) == pytest.approx(81 * 0.5 / 180)
    assert ranges.inverse_depth_error(123.0) == pytest.approx(0.5 / 180)
    assert range_from_depth(disparity, 0.02).depth_error(9.0) == pytest.approx(0.18)


@pytest.mark.parametrize("least", [-5.0, -0.5, 0.0, float("nan"), float("-inf")])
def test_nothing_is_measured_from_zero_down_whatever_the_least_disparity_is_said_to_be(least: float) -> None:
    disparity = np.array([[4, 0.25, 0, -0.25, -4]], np.float32)
    inverse = range_from_disparity(disparity, 100.0, 0.5, least, 0.5).inverse_depth((slice(None), slice(None)))
    np.testing.assert_allclose(inverse, [[0.08, 0.005, 0, 0, 0]])


def measured_at(depth: float, share: float, left: int = 290) -> Obstacle:
    """A box that stands 7.55 m away, of whose pixels that share is measured, at another distance."""
    scene = Scene(left=left)
    scene.depth[scene.place] = depth
    scene.depth[scene.top + 1 + round(share * 38) :] = 0
    return scene.ranged()


STANDS_AT = road_at(179.5)


def margin(depth: float) -> float:
    return 0.1 * STANDS_AT + 2 * math.hypot(0.01 * depth, STANDS_AT**2 * STANDING_ERROR)


@pytest.mark.parametrize(("factor", "source"), [(0.99, "depth"), (1.01, "ground")])
@pytest.mark.parametrize("side", [-1, 1])
def test_few_pixels_that_contradict_the_place_on_the_road_are_not_believed(
    factor: float, source: str, side: int
) -> None:
    depth = STANDS_AT
    for _ in range(20):  # the margin depends on the depth itself
        depth = STANDS_AT + side * factor * margin(depth)
    assert measured_at(depth, 0.4).source == source
    assert measured_at(depth, 0.6).source == "depth", "most of its pixels say so"


@pytest.mark.parametrize(("far", "chosen"), [(8.6, 8.6), (11.0, 4.0)])
def test_of_two_groups_that_is_taken_which_lies_where_it_stands(far: float, chosen: float) -> None:
    """It stands 7.55 m away, and 1.2 m more or less are a tenth of it and two standard deviations."""
    scene = Scene()
    scene.depth[scene.place] = far
    scene.depth[scene.top : scene.top + 20, 290:320] = 4.0
    assert scene.ranged().range == pytest.approx(chosen)
    assert scene.ranged(road=None).range == pytest.approx(4.0)


@pytest.mark.parametrize("left", [0, WIDTH - 30])
def test_what_the_side_cuts_off_may_be_nearer_but_not_farther(left: int) -> None:
    assert measured_at(0.6 * STANDS_AT, 0.4, left).source == "depth"
    assert measured_at(1.6 * STANDS_AT, 0.4, left).source == "ground"


def test_few_pixels_are_believed_where_nothing_is_known_of_the_road() -> None:
    scene = Scene()
    scene.depth[scene.place] = 4.0
    scene.depth[scene.top + 12 :] = 0
    found = scene.ranged(road=None)
    assert (found.source, found.range) == ("depth", 4.0)


@pytest.mark.parametrize(("count", "source"), [(7, "ground"), (8, "depth")])
def test_eight_pixels_at_least_must_be_measured(count: int, source: str) -> None:
    scene = Scene()
    scene.depth[150, 295 : 295 + count] = STANDS_AT
    assert scene.ranged(min_valid_disparity_fraction=0.0).source == source


@pytest.mark.parametrize(("rows", "source"), [(9, "ground"), (10, "depth")])
def test_the_least_share_of_measured_pixels_may_be_met_exactly(rows: int, source: str) -> None:
    """Of 28 x 40 pixels, without the outermost: 38 rows, and a quarter of them is 9.5."""
    scene = Scene()
    scene.depth[150 : 150 + rows, 290:320] = STANDS_AT
    assert scene.ranged(min_valid_disparity_fraction=0.25).source == source


def test_pixels_nearer_than_the_least_range_do_not_count() -> None:
    scene = Scene()
    scene.depth[scene.place] = STANDS_AT
    scene.depth[scene.top : scene.top + 15, 290:320] = 1.9
    found = scene.ranged(min_range=2.0)
    assert found.range == pytest.approx(STANDS_AT, rel=1e-5)
    assert found.interval is not None
    assert found.interval[0] == pytest.approx(STANDS_AT, rel=1e-5)
    assert found.size is not None
    assert found.size[1] < 27 * STANDS_AT / 400, "its upper rows count"


@pytest.mark.parametrize("upright", [12, 10])
def test_pixels_on_the_road_are_left_out_where_enough_stick_out_of_it(upright: int) -> None:
    """Of 38 rows inside, three tenths are 11.4; else the thing is flat, and its distance that of the road."""
    scene = Scene(top=220, height=40)
    rows = np.arange(220, 260)
    scene.depth[scene.place] = (PINHOLE.fy * CAMERA_HEIGHT / (rows - PINHOLE.cy))[:, None]
    scene.depth[221 : 221 + upright, 290:320] = 3.5
    found = scene.ranged()
    assert found.interval is not None
    if upright == 12:
        assert found.interval == pytest.approx((3.5, 3.5), rel=0.06)
    else:
        assert found.interval[1] > 4.5


@pytest.mark.parametrize(("nearer", "near_side"), [(1.05, 240), (1.03, 258)])
def test_a_pixel_sticks_out_that_is_four_hundredths_nearer_than_the_road_behind_it(
    nearer: float, near_side: int
) -> None:
    """The upper half of the box is nearer than the road behind it, the lower half is the road."""
    scene = Scene(top=220, height=40)
    depth = PINHOLE.fy * CAMERA_HEIGHT / (np.arange(220, 260) - PINHOLE.cy)
    depth[:21] /= nearer
    scene.depth[scene.place] = depth[:, None]
    found = scene.ranged()
    assert found.interval is not None
    assert found.interval[0] == pytest.approx(depth[near_side - 220], rel=1e-4)


@pytest.mark.parametrize(("top", "farthest"), [(220, 20), (70, 10)], ids=["before the road", "before the sky"])
def test_a_disparity_sticks_out_of_the_road_by_its_error_too_and_out_of_the_sky_at_once(
    top: int, farthest: int
) -> None:
    """An error of 1 px is 0.0167 of 1/Z. The upper half is nearer than what is behind it by less, the lower by more."""
    scene = Scene(top=top, height=40)
    behind = np.maximum((np.arange(top, top + 40) - PINHOLE.cy) * ROW_SHARE, 0)
    inverse = behind * 1.04 + np.where(np.arange(40) < 20, 0.012, 0.03)
    disparity = np.zeros((HEIGHT, WIDTH), np.float32)
    disparity[scene.place] = (inverse * 60)[:, None]
    ranges = range_from_disparity(disparity, 600.0, 0.1, 0.0, 1.0)
    view = View(PINHOLE, ranges, PLANE, scene.open_set, np.arange(256) == ROAD)
    found = ranged(scene.obstacle, view, RangingSettings(max_range=1000.0))
    assert found.interval is not None
    assert found.interval[1] == pytest.approx(1 / inverse[farthest], rel=0.3 if top == 70 else 0.06)


def test_the_lower_edge_goes_down_to_the_road_but_not_below_the_region() -> None:
    region = Region(290, 140, np.ones((40, 30), np.bool_), 1200)
    tilted = RoadPlane(1e-5, ROW_SHARE, -100 * ROW_SHARE, CAMERA_HEIGHT)
    distance = 1 / (305e-5 + 70 * ROW_SHARE)  # met at row 170 in column 305
    assert down_to_road(160.0, (290.0, 320.0), distance, tilted, region) == pytest.approx(170.0)
    assert down_to_road(175.0, (290.0, 320.0), distance, tilted, region) == 175.0
    assert down_to_road(160.0, (290.0, 320.0), 0.5 * distance, tilted, region) == 179.5
    assert down_to_road(160.0, (290.0, 320.0), distance, None, region) == 160.0
    assert down_to_road(160.0, (290.0, 320.0), distance, replace(tilted, row=0.0), region) == 160.0


def test_quantiles_and_outlines_leave_out_stray_pixels() -> None:
    values = np.random.default_rng(0).permutation(np.arange(101, dtype=np.float32))
    assert [quantile(values, share) for share in (0.0, 0.01, 0.25, 0.5, 0.99, 1.0)] == [0, 1, 25, 50, 99, 100]
    assert quantile(np.array([4.0, 2.0]), 0.99) == 2.0
    assert outline(values, 1.5) == (-0.5, 100.5)
