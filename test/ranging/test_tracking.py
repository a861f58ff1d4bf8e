"""The tracker against a Kalman filter for each axis written out, and its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from densehybrid_ros.ranging.obstacles import Obstacle
from densehybrid_ros.ranging.regions import Region
from densehybrid_ros.ranging.tracking import ACCELERATION, FASTEST, FRAMES_FOR_SPEED, GATE, SIDEWAYS, Tracker


def obstacle(
    x: float | None = None,
    z: float = 0.0,
    error: float | None = 0.2,
    box: tuple[int, int, int, int] = (100, 100, 20, 20),
) -> Obstacle:
    """At (x, z), m; without a range where x is None. The box is left, top, width, height, px."""
    left, top, width, height = box
    region = Region(left, top, np.ones((height, width), np.bool_), width * height)
    if x is None:
        return Obstacle(region, 1.0)
    return Obstacle(region, 1.0, "disparity", range=z, range_error=error, centre=(x, 0.5, z + 0.1))


class Axis:
    """Place and rate of one axis, float64."""

    def __init__(self, place: float, error: float) -> None:
        self.state = np.array([place, 0.0])
        self.covariance = np.diag([error**2, FASTEST**2])

    def step(self, seconds: float, place: float, error: float) -> None:
        motion, push = np.array([[1, seconds], [0, 1]]), ACCELERATION * np.array([seconds**2 / 2, seconds])
        self.state = motion @ self.state
        self.covariance = motion @ self.covariance @ motion.T + np.outer(push, push)
        gain = self.covariance[:, 0] / (self.covariance[0, 0] + error**2)
        self.state = self.state + gain * (place - self.state[0])
        self.covariance = self.covariance - np.outer(gain, self.covariance[0])


def test_what_crosses_the_road_moves_across_and_comes_no_nearer() -> None:
    tracker = Tracker()
    for step in range(20):
        (found,) = tracker.update([obstacle(-3.0 + 0.2 * step, 15.0)], 0.1 * step, 1.0)
    assert found.velocity == (pytest.approx(2.0, abs=0.1), pytest.approx(0.0, abs=0.05))


def test_the_closing_speed_is_that_of_a_kalman_filter_on_the_ground_plane() -> None:
    rng = np.random.default_rng(0)
    tracker, axis = Tracker(), None
    for step, seconds in enumerate([0.0, 0.1, 0.05, 0.2, 0.1, 0.15, 0.1]):
        time = sum([0.0, 0.1, 0.05, 0.2, 0.1, 0.15, 0.1][: step + 1])
        place, error = 30.0 - 6.0 * time + rng.normal(0, 0.2), 0.1 + 0.05 * step
        along = math.hypot(SIDEWAYS, error)
        if axis is None:
            axis = Axis(place, along)
        else:
            axis.step(seconds, place, along)
        (found,) = tracker.update([obstacle(2.0, place, error)], time, 1.0)
        assert found.number == 1
        if step + 1 < FRAMES_FOR_SPEED:
            assert found.closing_speed is None
            assert found.velocity is None
        else:
            assert found.closing_speed == pytest.approx(-axis.state[1], rel=1e-6)
            assert found.velocity == pytest.approx((0.0, -found.closing_speed))
    assert found.closing_speed == pytest.approx(6.0, abs=1.5)


def seen_again(first: Obstacle, second: Obstacle, seconds: float = 0.1) -> bool:
    tracker = Tracker()
    tracker.update([first], 0.0, 1.0)
    (found,) = tracker.update([second], seconds, 1.0)
    return found.number == 1


def spread(first: float, second: float) -> float:
    """Standard deviation of the difference after 0.1 s: both places, the unknown speed, the push."""
    return math.sqrt(first**2 + second**2 + (0.1 * FASTEST) ** 2 + (ACCELERATION * 0.1**2 / 2) ** 2)


@pytest.mark.parametrize(("factor", "same"), [(0.99, True), (1.01, False)])
@pytest.mark.parametrize("towards", [-1, 1])
def test_an_obstacle_may_be_off_by_the_gate_along_the_axis(factor: float, same: bool, towards: int) -> None:
    along = math.hypot(SIDEWAYS, 0.2)
    off = GATE * spread(along, along) * factor * towards
    assert seen_again(obstacle(0.0, 40.0), obstacle(0.0, 40.0 + off)) is same


@pytest.mark.parametrize(("factor", "same"), [(0.99, True), (1.01, False)])
def test_an_obstacle_may_be_off_by_the_gate_sideways(factor: float, same: bool) -> None:
    """Sideways it is as uncertain as its range is along the ray to it; without an error of the range, as SIDEWAYS."""
    across = math.hypot(SIDEWAYS, math.hypot(SIDEWAYS, 3.0) * 20 / 40)
    x = 35.0
    for _ in range(20):  # the second one's own uncertainty depends on where it is
        x = 20 + factor * GATE * spread(across, math.hypot(SIDEWAYS, SIDEWAYS * x / 40))
    assert seen_again(obstacle(20.0, 40.0, 3.0), obstacle(x, 40.0, None)) is same


@pytest.mark.parametrize(("shift", "same"), [(13, True), (14, False), (-13, True), (-14, False)])
@pytest.mark.parametrize("downwards", [False, True])
def test_without_a_range_the_boxes_must_overlap_by_a_fifth(shift: int, same: bool, downwards: bool) -> None:
    """Boxes of 20 x 20 px: shifted by 13 px they share 7 of 33 columns, by 14 px 6 of 34."""
    place = (100, 100 + shift) if downwards else (100 + shift, 100)
    first, second = obstacle(), obstacle(box=(*place, 20, 20))
    assert seen_again(first, second) is same
    assert seen_again(obstacle(0.0, 20.0), second) is same, "the second has no range"
    assert seen_again(first, obstacle(0.0, 20.0, box=(*place, 20, 20))) is same, "the first has none"


def test_overlap_is_shared_area_over_all_area() -> None:
    """A box of 10 x 40 px across one of 40 x 10 px shares 100 of 700 px; of 20 x 40 and 40 x 20 it is 400 of 1200."""
    assert not seen_again(obstacle(box=(115, 100, 10, 40)), obstacle(box=(100, 115, 40, 10)))
    assert seen_again(obstacle(box=(110, 100, 20, 40)), obstacle(box=(100, 110, 40, 20)))
    assert not seen_again(obstacle(box=(100, 100, 20, 20)), obstacle(box=(120, 100, 20, 20)))
    assert not seen_again(obstacle(box=(100, 100, 20, 20)), obstacle(box=(200, 200, 20, 20)))


def test_the_closest_pairs_are_joined_first() -> None:
    tracker = Tracker()
    tracker.update([obstacle(0.0, 20.0), obstacle(0.0, 24.0)], 0.0, 1.0)
    found = tracker.update([obstacle(0.0, 23.8), obstacle(0.0, 22.2)], 0.1, 1.0)
    assert [each.number for each in found] == [2, 1]
    found = tracker.update([obstacle(0.0, 60.0), obstacle(0.0, 23.7), obstacle(0.0, 22.0)], 0.2, 1.0)
    assert [each.number for each in found] == [3, 2, 1]


@pytest.mark.parametrize(("gap", "timeout", "number"), [(0.5, 0.5, 1), (0.5, 0.4, 2), (1.0, 0.2, 2)])
def test_who_is_not_seen_for_longer_than_the_timeout_loses_its_number(gap: float, timeout: float, number: int) -> None:
    tracker = Tracker()
    tracker.update([obstacle(0.0, 20.0)], 0.0, timeout)
    tracker.update([], gap, timeout)
    (found,) = tracker.update([obstacle(0.0, 20.0)], gap, timeout)
    assert found.number == number


@pytest.mark.parametrize(
    ("time", "timeout", "number"),
    [(11.0, 0.5, 1), (11.01, 0.5, 2), (12.0, 2.0, 1), (12.01, 2.0, 2), (10.0, 0.5, 1), (9.99, 0.5, 2)],
)
def test_after_a_long_gap_or_a_step_back_all_begins_anew(time: float, timeout: float, number: int) -> None:
    tracker = Tracker()
    tracker.update([obstacle(0.0, 20.0)], 10.0, timeout)
    assert tracker.update([obstacle(0.0, 20.0)], time, timeout)[0].number == number


def test_a_track_that_had_no_range_is_ranged_later() -> None:
    tracker = Tracker()
    for step, each in enumerate([obstacle(), obstacle(0.0, 20.0), obstacle(), *[obstacle(0.0, 20.0)] * 3]):
        (found,) = tracker.update([each], 0.1 * step, 1.0)
        assert found.number == 1
        assert (found.closing_speed is not None) == (step == 5), "four of them had a range"


def test_flicker_is_no_obstacle_and_takes_no_number() -> None:
    tracker = Tracker()
    steady = obstacle(0.0, 20.0)
    for step in range(5):
        flicker = obstacle(box=(300 + 60 * step, 10, 20, 20))
        found = tracker.update([flicker, steady], 0.1 * step, 1.0, 3)
        assert [(each.number, each.region) for each in found] == ([(1, steady.region)] if step >= 2 else [])
    second = obstacle(box=(100, 300, 20, 20))
    for step in range(5, 8):
        found = tracker.update([second], 0.1 * step, 1.0, 3)
    assert [each.number for each in found] == [2]


@pytest.mark.parametrize(("missed", "reported"), [(0.5, True), (0.7, False)])
def test_hits_count_while_the_obstacle_is_not_lost(missed: float, reported: bool) -> None:
    tracker = Tracker()
    assert tracker.update([obstacle()], 0.0, 0.6, 2) == ()
    for now in (0.3, missed):
        tracker.update([], now, 0.6, 2)
    assert bool(tracker.update([obstacle()], missed, 0.6, 2)) is reported


def test_an_obstacle_that_is_reported_stays_so_when_more_hits_are_asked_for() -> None:
    tracker = Tracker()
    tracker.update([obstacle()], 0.0, 1.0, 1)
    assert [each.number for each in tracker.update([obstacle()], 0.1, 1.0, 10)] == [1]


def test_a_frame_seen_again_at_another_threshold_counts_for_nothing_but_what_is_new() -> None:
    """Speeds, hits and numbers of the frames after it are those without it."""

    def run(again: bool) -> list[list[tuple[int, float | None]]]:
        tracker, told = Tracker(), []
        for step in range(6):
            place = 20.0 - 0.5 * step
            frame = [obstacle(0.0, place), obstacle(5.0, 40.0, box=(300, 100, 20, 20))][: 1 + (step >= 4)]
            found = tracker.update(frame, step * 0.1, 1.0, min_hits=2)
            if again:
                last = tracker.update([obstacle(0.0, place + 0.4)], step * 0.1, 1.0, min_hits=2, again=True)
                assert [each.number for each in last] == [each.number for each in found][:1]
            told.append([(each.number, each.closing_speed) for each in found])
        return told

    assert run(True) == run(False)
    tracker = Tracker()
    tracker.update([obstacle(0.0, 20.0)], 0.0, 1.0)
    both = tracker.update([obstacle(0.0, 20.0), obstacle(5.0, 40.0)], 0.0, 1.0, again=True)
    assert [each.number for each in both] == [1, 2]
    # a camera without a clock: the same time, but another frame
    for _ in range(FRAMES_FOR_SPEED - 1):
        (found,) = tracker.update([obstacle(0.0, 20.0)], 0.0, 1.0)
    assert found.closing_speed is not None
