"""The map over the picture."""

from __future__ import annotations

import numpy as np
import pytest

from densehybrid_ros.core.draw import UNKNOWN_COLOUR, overlay
from densehybrid_ros.core.segmenter import Scene

PALETTE = [[10, 20, 30], [40, 50, 60]]


def scene_of(open_set: np.ndarray) -> Scene:
    return Scene(np.zeros_like(open_set), np.zeros(open_set.shape, np.float32), open_set, 0.0)


def bright(picture: np.ndarray) -> np.ndarray:
    """(H, W) where the white rim is, smoothed by OpenCV."""
    return picture.min(axis=2) > 220


def test_colours_are_mixed_and_unknown_pixels_have_a_rim() -> None:
    open_set = np.zeros((40, 60), np.uint8)
    open_set[:, 30:] = 1
    open_set[10:20, 10:20] = 2
    picture = np.full((40, 60, 3), (100, 200, 0), np.uint8)
    mixed = overlay(picture, scene_of(open_set), PALETTE, alpha=0.25)
    for place, colour in (((35, 5), PALETTE[0]), ((35, 55), PALETTE[1]), ((15, 15), UNKNOWN_COLOUR)):
        expected = 0.75 * np.array([100, 200, 0]) + 0.25 * np.array(colour)
        assert mixed[place].tolist() == pytest.approx(expected, abs=1)
    rim = bright(mixed)
    assert rim[[10, 19], 11:19].all()
    assert rim[11:19, [10, 19]].all()
    assert rim.sum() <= 36, "wider than one pixel about 10 x 10"
    assert (picture == (100, 200, 0)).all(), "the picture itself was drawn upon"


@pytest.mark.parametrize(("width", "thick"), [(300, 1), (1279, 1), (1280, 3), (1919, 3), (1920, 5)])
def test_the_rim_grows_with_the_picture(width: int, thick: int) -> None:
    open_set = np.zeros((40, width), np.uint8)
    open_set[10:30, 100:200] = 2
    mixed = overlay(np.zeros((40, width, 3), np.uint8), scene_of(open_set), PALETTE)
    assert bright(mixed)[:, 150].sum() == 2 * thick, "OpenCV draws smoothed lines wider than asked for"
