"""Messages wait for the image of their stamp, and for nothing else."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from densehybrid_ros.nodes.segmenter.distances.stamp_matching import KEPT, StampMatcher

MILLISECOND = 1_000_000
SECOND = 1000 * MILLISECOND


def test_the_nearest_within_the_tolerance_is_found() -> None:
    matcher: StampMatcher[str] = StampMatcher()
    for stamp in (100, 108, 130):
        matcher.offer(stamp * MILLISECOND, f"at {stamp}", 10 * MILLISECOND)
    assert matcher.nearest(105 * MILLISECOND, 10 * MILLISECOND) == "at 108"
    assert matcher.nearest(119 * MILLISECOND, 10 * MILLISECOND) is None
    assert matcher.nearest(130 * MILLISECOND, 0) == "at 130"


def test_what_an_image_at_work_needs_is_kept_and_the_rest_is_bounded() -> None:
    matcher: StampMatcher[int] = StampMatcher()
    matcher.expect(0)
    for number in range(50):
        matcher.offer(number * SECOND, number, 0)
    assert matcher.nearest(0, 0) == 0
    kept = [number for number in range(50) if matcher.nearest(number * SECOND, 0) is not None]
    assert kept == [0, *range(50 - KEPT, 50)]


def test_done_images_take_what_is_older_with_them() -> None:
    matcher: StampMatcher[int] = StampMatcher()
    for number in range(1, 5):
        matcher.expect(number * SECOND)
        matcher.offer(number * SECOND, number, 0)
    matcher.done(3 * SECOND)  # a newer one was dropped first: the older ones are still at work
    assert [matcher.nearest(number * SECOND, 0) for number in (1, 2)] == [1, 2]
    matcher.done(1 * SECOND)
    matcher.done(2 * SECOND)
    assert [matcher.nearest(number * SECOND, 0) for number in (1, 2, 4)] == [None, None, 4]


def test_a_jump_keeps_what_came_before_the_first_image_of_the_new_time() -> None:
    matcher: StampMatcher[str] = StampMatcher()
    matcher.expect(100 * SECOND)
    matcher.offer(100 * SECOND, "old", 0)
    matcher.offer(7 * SECOND, "new", 0)
    matcher.restart(7 * SECOND)
    assert matcher.nearest(100 * SECOND, 0) is None
    assert matcher.nearest(7 * SECOND, 0) == "new"
    matcher.restart()
    assert matcher.nearest(7 * SECOND, 0) is None


def test_the_last_image_before_a_jump_leaves_what_came_for_the_first_after_it() -> None:
    matcher: StampMatcher[str] = StampMatcher()
    matcher.expect(100 * SECOND)
    matcher.offer(7 * SECOND, "new", 0)  # the clock was set back while the last image was still at work
    matcher.done(100 * SECOND)
    matcher.restart(7 * SECOND)
    assert matcher.nearest(7 * SECOND, 0) == "new"
