"""Disparity of textured planes that are shifted by a known number of pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.options import changed
from densehybrid_ros.ranging.settings import StereoSettings
from densehybrid_ros.ranging.stereo import disparity_of_pair

WIDTH, HEIGHT = 320, 120
SETTINGS = changed(StereoSettings(), {"sgbm_disparity_range": 32})


def pair(shift: int, side: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """A plane seen twice, RGB: the right camera sees it `shift` px further left."""
    rng = np.random.default_rng(2)
    size = (WIDTH + shift, HEIGHT)
    coarse = rng.integers(0, 256, (HEIGHT // side, (WIDTH + shift) // side, 3), dtype=np.uint8)
    plane = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    return np.ascontiguousarray(plane[:, :WIDTH]), np.ascontiguousarray(plane[:, shift:])


def matched(disparity: np.ndarray, shift: float, columns: slice, tolerance: float = 0.5) -> float:
    """Share of the inner pixels of some columns whose disparity is right."""
    return float((np.abs(disparity[10:-10, columns] - shift) < tolerance).mean())


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("shift", [3, 12, 28])
def test_a_plane_has_its_shift_and_no_match_beyond_the_picture(shift: int, grey: bool) -> None:
    left, right = (each[..., 1].copy() if grey else each for each in pair(shift))
    disparity = disparity_of_pair(left, right, SETTINGS)
    assert disparity.dtype == np.float32
    assert disparity.shape == (HEIGHT, WIDTH)
    assert matched(disparity, shift, np.s_[shift + 10 : -10]) > 0.95
    assert (disparity <= np.arange(WIDTH)).all(), "a match whose right half lies outside"
    assert (disparity >= 0).all()


def test_far_things_are_matched_in_the_first_columns() -> None:
    assert matched(disparity_of_pair(*pair(3), SETTINGS), 3, np.s_[6:30]) > 0.9


def test_what_is_nearer_than_the_search_is_matched_at_half_the_size() -> None:
    disparity = disparity_of_pair(*pair(48, side=2), SETTINGS)
    assert matched(disparity, 48, np.s_[70:-20], 1.0) > 0.8


@pytest.mark.parametrize(("width", "searched"), [(160, 32), (80, 16), (640, 32), (0, 32)])
def test_disparity_is_that_of_the_whole_picture_whatever_width_it_is_matched_at(width: int, searched: int) -> None:
    settings = changed(SETTINGS, {"stereo_width": width, "sgbm_disparity_range": searched})
    disparity = disparity_of_pair(*pair(24, side=12), settings)
    assert disparity.shape == (HEIGHT, WIDTH)
    assert matched(disparity, 24, np.s_[60:-20], 1.0) > 0.8


def test_below_the_search_nothing_is_matched() -> None:
    settings = changed(SETTINGS, {"sgbm_min_disparity": 8})
    assert matched(disparity_of_pair(*pair(12), settings), 12, np.s_[30:-10]) > 0.9
    below = disparity_of_pair(*pair(3, side=2), settings)
    assert matched(below, 3, np.s_[30:-10]) == 0
    assert matched(below, 0, np.s_[30:-10], 0.01) > 0.8


def test_a_smooth_wall_is_not_matched() -> None:
    flat = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    assert (disparity_of_pair(flat, flat, SETTINGS) == 0).mean() > 0.9


def test_two_sizes_are_refused() -> None:
    left, right = pair(3)
    with pytest.raises(SetupError, match="320x120, the right one 319x120"):
        disparity_of_pair(left, right[:, 1:], SETTINGS)


def test_the_penalties_grow_with_the_window() -> None:
    settings = changed(StereoSettings(), {"sgbm_correlation_window_size": 7})
    assert (settings.p1, settings.p2) == (8 * 49, 32 * 49)
    own = changed(StereoSettings(), {"sgbm_p1": 100, "sgbm_p2": 101})
    assert (own.p1, own.p2) == (100, 101)
    for p2 in (99, 100):
        with pytest.raises(SetupError, match="less than"):
            changed(StereoSettings(), {"sgbm_p1": 100, "sgbm_p2": p2})
