"""Ranging in small made scenes: a flat road, a box on it, and everything that goes wrong with disparity."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.errors import SetupError
from densehybrid_ros.options import changed
from densehybrid_ros.ranging.obstacles import Obstacle
from densehybrid_ros.ranging.range_image import RangeImage, range_from_depth, range_from_disparity
from densehybrid_ros.ranging.road_plane import fit_road_plane
from densehybrid_ros.ranging.settings import RangingSettings
from densehybrid_ros.ranging.survey import drivable_ids, obstacle_points, survey
from densehybrid_ros.ranging.tracking import Tracker

SKY, ROAD, CAR, UNKNOWN = 0, 3, 8, 11
WIDTH, HEIGHT, HORIZON = 640, 360, 150
PINHOLE = Pinhole(500.0, 600.0, 319.5, float(HORIZON))
BASELINE, CAMERA_HEIGHT = 0.3, 1.4


@dataclass
class Made:
    """Labels and depth of a scene that a test may spoil."""

    open_set: np.ndarray
    depth: np.ndarray

    def box(self, depth: float, left: int, width: int, height: int, label: int = UNKNOWN) -> tuple[slice, slice]:
        """Something upright that stands on the road; px but for the depth."""
        foot = round(PINHOLE.cy + PINHOLE.fy * CAMERA_HEIGHT / depth)
        place = np.s_[max(foot - height, 0) : foot, left : left + width]
        self.open_set[place], self.depth[place] = label, depth
        return place

    def disparity(self, noise: float = 0.0) -> np.ndarray:
        rng = np.random.default_rng(1)
        with np.errstate(divide="ignore"):
            exact = np.where(np.isfinite(self.depth), PINHOLE.fx * BASELINE / self.depth, 0)
        return (exact + np.where(exact > 0, rng.normal(0, noise, exact.shape), 0)).astype(np.float32)

    def ranges(self, disparity: np.ndarray | None = None) -> RangeImage:
        values = self.disparity() if disparity is None else disparity
        return range_from_disparity(values.astype(np.float32), PINHOLE.fx, BASELINE, 0.0, 0.5)

    def obstacles(self, ranges: RangeImage | None, **changes: object) -> tuple[Obstacle, ...]:
        score = (self.open_set == UNKNOWN).astype(np.float32)
        settings = changed(RangingSettings(), changes)
        return survey(self.open_set, score, UNKNOWN, [ROAD], PINHOLE, ranges, settings).obstacles


@pytest.fixture
def made() -> Made:
    """An empty road below the sky."""
    rows = np.arange(HEIGHT, dtype=np.float64)
    depth = np.full(HEIGHT, np.inf)
    depth[rows > HORIZON] = PINHOLE.fy * CAMERA_HEIGHT / (rows[rows > HORIZON] - HORIZON)
    labels = np.where(rows > HORIZON, ROAD, SKY).astype(np.uint8)
    return Made(np.repeat(labels[:, None], WIDTH, 1), np.repeat(depth[:, None], WIDTH, 1))


def test_a_box_has_its_range_error_and_extent(made: Made) -> None:
    made.box(12.0, 300, 50, 40)
    (obstacle,) = made.obstacles(made.ranges())
    assert obstacle.source == "disparity"
    assert obstacle.range == pytest.approx(12.0, rel=1e-3)
    assert obstacle.range_error == pytest.approx(12.0**2 * 0.5 / (PINHOLE.fx * BASELINE), rel=1e-3)
    assert obstacle.size is not None
    assert obstacle.size[0] == pytest.approx(50 * 12 / 500, rel=0.1)
    assert obstacle.size[1] == pytest.approx(40 * 12 / 600, rel=0.1)
    assert obstacle.height_above_road == pytest.approx(40 * 12 / 600, rel=0.1)
    assert obstacle.centre is not None
    assert obstacle.centre[0] == pytest.approx((325 - 320) * 12 / 500, abs=0.05)


@pytest.mark.parametrize("hole", [0.0, -1.0, -100.0, np.nan, np.inf])
def test_sky_and_holes_in_a_region_do_not_count(made: Made, hole: float) -> None:
    place = made.box(10.0, 300, 60, 60)
    disparity = made.disparity(0.1)
    disparity[place][:40] = hole
    (obstacle,) = made.obstacles(made.ranges(disparity))
    assert obstacle.range == pytest.approx(10.0, rel=0.02)


def test_holes_marked_with_min_disparity_or_less_do_not_count() -> None:
    values = np.array([[5.0, 4.0, 3.0, 6.0]], np.float32)
    ranges = range_from_disparity(values, 100.0, 0.5, 4.0, 0.5)
    window = (slice(None), slice(None))
    np.testing.assert_allclose(ranges.inverse_depth(window), [[0.1, 0, 0, 0.12]], rtol=1e-6)
    below_zero = range_from_disparity(values, 100.0, 0.5, -3.0, 0.5)
    assert (below_zero.inverse_depth(window) > 0).all()


@pytest.mark.parametrize(("focal_length", "baseline"), [(0.0, 0.3), (np.nan, 0.3), (600.0, -0.3), (600.0, np.inf)])
def test_a_geometry_that_tells_nothing_is_refused(focal_length: float, baseline: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        range_from_disparity(np.ones((2, 2), np.float32), focal_length, baseline, 0.0, 0.5)


def test_background_that_leaks_into_a_region_does_not_count(made: Made) -> None:
    place = made.box(10.0, 300, 60, 60)
    made.depth[place][:36] = 40.0
    (obstacle,) = made.obstacles(made.ranges(made.disparity(0.1)))
    assert obstacle.range == pytest.approx(10.0, rel=0.03)


def test_scattered_wrong_matches_do_not_pull_the_range(made: Made) -> None:
    place = made.box(20.0, 300, 40, 40)
    disparity = made.disparity(0.1)
    rng = np.random.default_rng(2)
    wrong = rng.random(disparity[place].shape) < 0.08
    disparity[place][wrong] = rng.uniform(15, 80, int(wrong.sum()))
    (obstacle,) = made.obstacles(made.ranges(disparity))
    assert obstacle.range == pytest.approx(20.0, rel=0.05)


def test_a_nearer_neighbour_smeared_over_the_edge_does_not_count(made: Made) -> None:
    made.box(8.0, 220, 80, 120, CAR)
    place = made.box(24.0, 300, 60, 30)
    disparity = made.disparity(0.1)
    disparity[place][:, :20] = PINHOLE.fx * BASELINE / 8.0
    (obstacle,) = made.obstacles(made.ranges(disparity))
    assert obstacle.range == pytest.approx(24.0, rel=0.05)


def test_without_valid_pixels_the_road_or_nothing_tells_the_range(made: Made) -> None:
    place = made.box(12.0, 300, 50, 40)
    disparity = made.disparity()
    disparity[place] = 0
    (standing,) = made.obstacles(made.ranges(disparity))
    assert standing.source == "ground"
    assert standing.range == pytest.approx(12.0, rel=0.05)
    (nothing,) = made.obstacles(made.ranges(np.zeros_like(disparity)))
    assert nothing.range is None
    assert nothing.centre is None
    assert "0 of" in nothing.why_not


def test_a_hidden_foot_is_told_within_its_bounds_or_not_at_all(made: Made) -> None:
    place = made.box(12.0, 300, 50, 40)
    disparity = made.disparity()
    disparity[place] = 0
    hidden_rows = place[0].stop - 20
    made.open_set[hidden_rows : place[0].stop, 290:360] = CAR
    (hidden,) = made.obstacles(made.ranges(disparity))
    farthest = PINHOLE.fy * CAMERA_HEIGHT / (hidden_rows - HORIZON)
    assert hidden.source == "ground"
    assert hidden.range is not None
    assert hidden.range_error is not None
    assert 12.0 < hidden.range < farthest
    assert abs(hidden.range - 12.0) < 2 * hidden.range_error
    made.open_set[place[0].stop : place[0].stop + 80, 290:360] = CAR  # road is seen at 6 m only
    (nothing,) = made.obstacles(made.ranges(disparity))
    assert nothing.range is None
    assert "not seen to stand" in nothing.why_not


@pytest.mark.parametrize("left", [0, 300, WIDTH - 80])
def test_what_the_side_cuts_off_may_be_nearer_than_the_road_below_it(made: Made, left: int) -> None:
    """An animal whose feet lie outside the picture, measured at a third of its pixels."""
    place = made.box(9.0, left, 80, 60)
    made.depth[place] = 4.0
    disparity = made.disparity()
    disparity[place][:, :52] = 0
    (obstacle,) = made.obstacles(made.ranges(disparity))
    cut = left != 300
    assert obstacle.source == ("disparity" if cut else "ground")
    assert obstacle.range == pytest.approx(4.0 if cut else 9.0, rel=0.05)


@pytest.mark.parametrize("pitch", [0.0, 0.1, -0.05])
def test_the_mounting_of_the_camera_tells_ranges(made: Made, pitch: float) -> None:
    # a camera that looks down by `pitch` sees the same road at other rows
    rows = np.arange(HEIGHT)
    ray = (rows - PINHOLE.cy) / PINHOLE.fy
    inverse = (np.cos(pitch) * ray + np.sin(pitch)) / CAMERA_HEIGHT
    made.open_set[:] = np.where(inverse > 0, ROAD, SKY)[:, None]
    foot = int(np.argmin(np.abs(inverse - 1 / 15)))
    made.open_set[foot - 30 : foot, 300:340] = UNKNOWN
    (obstacle,) = made.obstacles(None, camera_height=CAMERA_HEIGHT, camera_pitch=pitch)
    assert obstacle.source == "ground"
    assert obstacle.range == pytest.approx(15.0, rel=0.05)


@pytest.mark.parametrize("beside", [ROAD, CAR])
def test_what_reaches_the_lower_edge_is_near(made: Made, beside: int) -> None:
    made.open_set[290:, 290:410] = beside
    made.open_set[300:, 300:400] = UNKNOWN
    (obstacle,) = made.obstacles(None, camera_height=CAMERA_HEIGHT)
    lowest = PINHOLE.fy * CAMERA_HEIGHT / (HEIGHT - HORIZON)
    assert obstacle.range is not None
    assert 0.5 * lowest < obstacle.range < lowest


def test_limits_and_the_gate_leave_obstacles_out(made: Made) -> None:
    made.box(8.0, 100, 40, 40)
    made.box(30.0, 300, 12, 12)
    floating = np.s_[20:40, 500:530]
    made.open_set[floating], made.depth[floating] = UNKNOWN, 50.0
    ranges = made.ranges()
    assert [round(each.range or 0) for each in made.obstacles(ranges)] == [8, 30, 50]
    assert [round(each.range or 0) for each in made.obstacles(ranges, min_range=10)] == [30, 50]
    assert [round(each.range or 0) for each in made.obstacles(ranges, max_range=40)] == [8, 30]
    assert [round(each.range or 0) for each in made.obstacles(ranges, min_obstacle_area=200)] == [8, 50]
    assert [round(each.range or 0) for each in made.obstacles(ranges, road_gate=True)] == [8, 30]
    limits, score = RangingSettings(min_range=10, max_range=40), np.zeros((HEIGHT, WIDTH), np.float32)
    left_out = survey(made.open_set, score, UNKNOWN, [ROAD], PINHOLE, ranges, limits).too_near
    assert [each.left for each in left_out] == [100]


def test_too_few_valid_pixels_are_not_believed(made: Made) -> None:
    place = made.box(12.0, 300, 50, 40)
    disparity = made.disparity()
    keep = np.zeros(disparity[place].shape, bool)
    keep[::4, ::4] = True
    disparity[place] = np.where(keep, disparity[place], 0)
    (believed,) = made.obstacles(made.ranges(disparity), min_valid_disparity_fraction=0.02)
    assert believed.source == "disparity"
    (other,) = made.obstacles(made.ranges(disparity), min_valid_disparity_fraction=0.2)
    assert other.source == "ground"


def test_the_road_is_found_among_outliers_and_not_on_a_wall(made: Made) -> None:
    rng = np.random.default_rng(3)
    disparity = made.disparity(0.1)
    wrong = rng.random(disparity.shape) < 0.5
    disparity[wrong] = rng.uniform(1, 90, int(wrong.sum()))
    score = np.zeros((HEIGHT, WIDTH), np.float32)
    seen = survey(made.open_set, score, UNKNOWN, [ROAD], PINHOLE, made.ranges(disparity), RangingSettings())
    assert seen.view is not None
    assert seen.view.road is not None
    assert seen.view.road.camera_height == pytest.approx(CAMERA_HEIGHT, rel=0.05)
    wall = np.full((HEIGHT, WIDTH), 18.0, np.float32)
    before_wall = survey(made.open_set, score, UNKNOWN, [ROAD], PINHOLE, made.ranges(wall), RangingSettings())
    assert before_wall.view is not None
    assert before_wall.view.road is None


def test_a_depth_image_tells_the_same(made: Made) -> None:
    made.box(12.0, 300, 50, 40)
    depth = np.where(np.isfinite(made.depth), made.depth, 0).astype(np.float32)
    (obstacle,) = made.obstacles(range_from_depth(depth, 0.02))
    assert obstacle.source == "depth"
    assert obstacle.range == pytest.approx(12.0, rel=1e-3)
    assert obstacle.range_error == pytest.approx(0.24, rel=1e-2)


def test_the_cloud_holds_the_obstacle_and_nothing_behind_it(made: Made) -> None:
    place = made.box(10.0, 300, 60, 60)
    made.depth[place][:20] = 40.0
    score = np.arange(HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH)
    found = survey(made.open_set, score, UNKNOWN, [ROAD], PINHOLE, made.ranges(), RangingSettings())
    numbered = replace(found, obstacles=Tracker().update(found.obstacles, 0.0, 1.0))
    points = obstacle_points(numbered, score)
    assert points.size == 40 * 60
    np.testing.assert_allclose(points["z"], 10.0, rtol=1e-5)
    assert set(points["obstacle_id"]) == {numbered.obstacles[0].number}
    assert np.isnan(points["closing_speed"]).all()
    (moving,) = numbered.obstacles
    faster = obstacle_points(replace(numbered, obstacles=(replace(moving, closing_speed=3.5),)), score)
    assert set(faster["closing_speed"]) == {3.5}
    rows, columns = np.divmod(points["score"].astype(int), WIDTH)
    np.testing.assert_allclose(points["x"], (columns - PINHOLE.cx) * 10 / PINHOLE.fx, atol=1e-4)
    np.testing.assert_allclose(points["y"], (rows - PINHOLE.cy) * 10 / PINHOLE.fy, atol=1e-4)


def test_the_camera_height_over_a_road_that_leans_sideways_is_found() -> None:
    lean, drivable = np.deg2rad(15), np.ones(256, np.bool_)
    normal = np.array([np.sin(lean), np.cos(lean), 0.0]) / CAMERA_HEIGHT
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    inverse = normal[0] * (columns - PINHOLE.cx) / PINHOLE.fx + normal[1] * (rows - PINHOLE.cy) / PINHOLE.fy
    disparity = np.maximum(inverse * PINHOLE.fx * BASELINE, 0).astype(np.float32)
    ranges = range_from_disparity(disparity, PINHOLE.fx, BASELINE, 0.0, 0.5)
    road = fit_road_plane(ranges, np.zeros((HEIGHT, WIDTH), np.uint8), drivable, PINHOLE)
    assert road is not None
    assert road.camera_height == pytest.approx(CAMERA_HEIGHT, rel=1e-3)


def test_numbers_and_speeds_are_kept_over_frames(made: Made) -> None:
    tracker = Tracker()
    numbers: dict[str, set[int]] = {"near": set(), "far": set()}
    speed = None
    for step in range(14):
        scene = Made(made.open_set.copy(), made.depth.copy())
        scene.box(30.0 - 0.8 * step, 200, 30, 25)
        scene.box(28.0, 400, 30, 25)
        disparity = scene.disparity(0.1)
        found = tracker.update(scene.obstacles(scene.ranges(disparity)), 0.1 * step, 1.0)
        by_place = {"near" if each.region.left < 300 else "far": each for each in found}
        for name, obstacle in by_place.items():
            numbers[name].add(obstacle.number)
        speed = by_place["near"].closing_speed
    assert [len(each) for each in numbers.values()] == [1, 1]
    assert numbers["near"] != numbers["far"]
    assert speed == pytest.approx(8.0, rel=0.15)


def test_a_lost_obstacle_and_a_jump_of_the_time_give_new_numbers(made: Made) -> None:
    made.box(12.0, 300, 50, 40)
    obstacles = made.obstacles(made.ranges())
    tracker = Tracker()

    def number(time: float) -> int:
        (obstacle,) = tracker.update(obstacles, time, 0.5)
        return obstacle.number

    assert number(0.0) == number(0.4) == 1
    tracker.update((), 0.8, 0.5)
    assert number(0.85) == 1
    tracker.update((), 1.3, 0.5)
    tracker.update((), 1.8, 0.5)
    assert number(1.9) == 2
    assert number(0.0) == 3


def test_an_obstacle_keeps_its_number_while_it_has_no_range(made: Made) -> None:
    made.box(12.0, 300, 50, 40)
    tracker = Tracker()
    with_range, without = made.obstacles(made.ranges()), made.obstacles(None)
    assert without[0].range is None
    numbers = [
        tracker.update(each, 0.1 * index, 1.0)[0].number for index, each in enumerate([with_range, without, with_range])
    ]
    assert numbers == [1, 1, 1]


def test_the_gate_needs_a_class_to_drive_on() -> None:
    assert drivable_ids(["sky", "road"], ["road", "road line"], needed=True) == [1]
    assert drivable_ids(["sky", "sea"], ["road"], needed=False) == []
    with pytest.raises(SetupError, match="drivable_classes"):
        drivable_ids(["sky", "sea"], ["road"], needed=True)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"min_range": 60.0, "max_range": 50.0}, "less than max_range"),
        ({"sgbm_disparity_range": 100}, "multiple of 16"),
        ({"sgbm_correlation_window_size": 4}, "odd"),
        ({"sgbm_p1": 900, "sgbm_p2": 800}, "sgbm_p2"),
        ({"sgbm_mode": "best"}, "sgbm_mode"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(SetupError, match=reason):
        changed(RangingSettings(), changes)
