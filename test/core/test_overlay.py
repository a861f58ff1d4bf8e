"""The map over the picture."""

from __future__ import annotations

import numpy as np
import pytest

from densehybrid_ros.core.drawing.draw import UNKNOWN_COLOUR, outline, overlay
from densehybrid_ros.core.scenes import Scene

PALETTE = [[10, 20, 30], [40, 50, 60]]


def scene_of(open_set: np.ndarray) -> Scene:
    return Scene(np.zeros_like(open_set), np.zeros(open_set.shape, np.float32), open_set, 0.0)


def bright(picture: np.ndarray) -> np.ndarray:
    """(H, W) where the white rim is, smoothed by OpenCV."""
    return picture.min(axis=2) > 220


def test_colours_are_mixed_and_what_is_no_obstacle_has_no_rim() -> None:
    open_set = np.zeros((40, 60), np.uint8)
    open_set[:, 30:] = 1
    open_set[10:20, 10:20] = 2
    picture = np.full((40, 60, 3), (100, 200, 0), np.uint8)
    mixed = overlay(picture, scene_of(open_set), PALETTE, alpha=0.25)
    for place, colour in (((35, 5), PALETTE[0]), ((35, 55), PALETTE[1]), ((15, 15), UNKNOWN_COLOUR)):
        expected = 0.75 * np.array([100, 200, 0]) + 0.25 * np.array(colour)
        assert mixed[place].tolist() == pytest.approx(expected, abs=1)
    assert not bright(mixed).any()
    assert (picture == (100, 200, 0)).all(), "the picture itself was drawn upon"


def test_an_obstacle_has_a_rim_about_its_own_pixels() -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    mask = np.ones((10, 12), np.bool_)
    mask[:5, 10:] = False
    outline(picture, [(mask, (slice(10, 20), slice(30, 42)))])
    rim = bright(picture)
    assert rim[10, 31:39].all()
    assert rim[19, 31:41].all()
    assert rim[11:19, 30].all()
    assert not rim[10:14, 41].any(), "outside of the mask"
    assert not rim[12:18, 32:38].any(), "filled"
    assert rim.sum() <= 44, "wider than one pixel"


@pytest.mark.parametrize(("width", "thick"), [(300, 1), (1279, 1), (1280, 3), (1919, 3), (1920, 5)])
def test_the_rim_grows_with_the_picture(width: int, thick: int) -> None:
    picture = np.zeros((40, width, 3), np.uint8)
    outline(picture, [(np.ones((20, 100), np.bool_), (slice(10, 30), slice(100, 200)))])
    assert bright(picture)[:, 150].sum() == 2 * thick, "OpenCV draws smoothed lines wider than asked for"
