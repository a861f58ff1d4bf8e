"""Roadworld: the same from its number alone, and true in labels, depth and both views."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.roadworld import Frame, Roadworld
from densehybrid_ros.roadworld.labels import PAVEMENT, ROAD, SKY

SIZE = (256, 192)


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return [Roadworld(seed, *SIZE).frame(5) for seed in range(5)]


def test_a_frame_does_not_depend_on_the_order_of_calls() -> None:
    world = Roadworld(3, *SIZE)
    later_first = world.frame(30, stereo=False)
    world.frame(2, stereo=False)
    again, fresh = world.frame(30, stereo=False), Roadworld(3, *SIZE).frame(30, stereo=False)
    for other in (again, fresh):
        np.testing.assert_array_equal(later_first.left, other.left)
        np.testing.assert_array_equal(later_first.labels, other.labels)
        np.testing.assert_array_equal(later_first.depth, other.depth)


def test_seeds_give_different_drives(frames: list[Frame]) -> None:
    for first, second in zip(frames, frames[1:], strict=False):
        assert (first.left != second.left).mean() > 0.5


def test_labels_and_obstacles_agree(frames: list[Frame]) -> None:
    for frame in frames:
        assert set(np.unique(frame.labels)) <= {*range(11), 255}
        np.testing.assert_array_equal(frame.anomaly, frame.instances > 0)
        np.testing.assert_array_equal(frame.anomaly, frame.labels == 255)
        np.testing.assert_array_equal(np.isinf(frame.depth), frame.labels == SKY)
    assert sum(frame.anomaly.any() for frame in frames) >= 3


def test_the_road_lies_on_its_plane(frames: list[Frame]) -> None:
    for frame in frames:
        camera = frame.camera
        rows, columns = np.nonzero((frame.labels == ROAD) | (frame.labels == PAVEMENT))
        expected = camera.fy * camera.height_above_road / (rows - camera.cy)
        np.testing.assert_allclose(frame.depth[rows, columns], expected, rtol=1e-5)


def test_disparity_follows_from_depth(frames: list[Frame]) -> None:
    for frame in frames:
        finite = np.isfinite(frame.depth)
        expected = frame.camera.fx * frame.camera.baseline / frame.depth[finite]
        np.testing.assert_allclose(frame.disparity[finite], expected, rtol=1e-5)
        assert not frame.disparity[~finite].any()


def reconstruction_error(frame: Frame, sign: float) -> float:
    """Median difference between the left picture and the right one warped by the disparity, away from occlusion."""
    rows, columns = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(np.float32)
    assert frame.right is not None
    warped = cv2.remap(frame.right, columns - sign * frame.disparity, rows, cv2.INTER_LINEAR)
    smooth = cv2.GaussianBlur(np.abs(warped.astype(np.float32) - frame.left).mean(2), (0, 0), 1)
    inside = (columns - frame.disparity > 2) & (frame.disparity > 1.5)
    return float(np.percentile(smooth[inside], 75))


def test_the_right_view_fits_the_disparity_and_no_other(frames: list[Frame]) -> None:
    for frame in frames:
        assert reconstruction_error(frame, 1.0) < 0.6 * reconstruction_error(frame, 0.0)
        assert reconstruction_error(frame, 1.0) < 0.5 * reconstruction_error(frame, -1.0)


def test_obstacles_come_nearer() -> None:
    world = Roadworld(12, *SIZE)
    depths: dict[int, list[float]] = {}
    for index in range(0, 16, 4):
        frame = world.frame(index, stereo=False)
        for number in np.unique(frame.instances[frame.instances > 0]):
            depths.setdefault(int(number), []).append(float(np.median(frame.depth[frame.instances == number])))
    followed = [track for track in depths.values() if len(track) >= 3]
    assert followed
    assert all(later < earlier for track in followed for earlier, later in zip(track, track[1:], strict=False))


def test_without_obstacles_nothing_is_unknown() -> None:
    frame = Roadworld(1, *SIZE, obstacles=False).frame(3, stereo=False)
    assert not frame.anomaly.any()
    assert frame.right is None


def test_stamps_follow_the_rate() -> None:
    assert Roadworld(0, 64, 64, rate=20).frame(5, stereo=False).stamp == 0.25


@pytest.mark.parametrize("arguments", [(0, 0, 480), (0, 640, 8), (-1, 640, 480), (0, 640, 480, 0.0)])
def test_impossible_worlds_are_refused(arguments: tuple) -> None:
    with pytest.raises(SetupError, match="Roadworld"):
        Roadworld(*arguments)


def test_frames_count_from_zero() -> None:
    with pytest.raises(SetupError, match="count from 0"):
        Roadworld(0, 64, 64).frame(-1)
