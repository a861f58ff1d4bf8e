"""Overlays for people: the map, and texts above windows of the picture."""

from __future__ import annotations

import numpy as np
import pytest

from densehybrid_ros.core.drawing.draw import IGNORE_COLOUR, UNKNOWN_COLOUR, colour_map, write_above

PALETTE = [[10, 20, 30], [40, 50, 60]]


def window(left: int, top: int, width: int, height: int) -> tuple[slice, slice]:
    return slice(top, top + height), slice(left, left + width)


def test_classes_unknown_and_the_rest_have_their_colours() -> None:
    colours = colour_map(np.array([[0, 1, 2, 255]], np.uint8), PALETTE)
    assert colours.tolist() == [[*PALETTE, list(UNKNOWN_COLOUR), list(IGNORE_COLOUR)]]


@pytest.mark.parametrize(
    ("left", "top", "above"), [(120, 60, True), (0, 60, True), (292, 60, True), (120, 0, False), (120, 4, False)]
)
def test_the_range_stands_beside_its_obstacle_and_inside_the_picture(left: int, top: int, above: bool) -> None:
    picture = np.full((120, 300, 3), 90, np.uint8)
    write_above(picture, [("23.4 m", window(left, top, 8, 20))])
    rows, columns = np.nonzero((picture != 90).any(axis=2))
    assert len(rows) > 100
    assert (rows.max() < top) if above else (rows.min() >= top + 20)
    assert abs((columns.min() + columns.max()) / 2 - (left + 4)) < 40
    # not cut off: the rim lies inside
    assert columns.min() > 0 or left == 0
    assert columns.max() < 299 or left == 292
    assert columns.max() - columns.min() > 30


def test_the_nearer_of_two_ranges_lies_on_top() -> None:
    near, far = ("5.0 m", window(50, 60, 40, 20)), ("88.8 m", window(50, 60, 40, 20))
    both, alone = (np.zeros((120, 200, 3), np.uint8) for _ in range(2))
    write_above(both, [near, far])
    write_above(alone, [near])
    bright = alone.min(axis=2) > 250
    assert bright.any()
    assert (both[bright] > 250).all()
