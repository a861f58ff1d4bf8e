"""Overlays for people: the map, and the ranges above the obstacles."""

from __future__ import annotations

import numpy as np
import pytest

from densehybrid_ros.core.draw import IGNORE_COLOUR, UNKNOWN_COLOUR, colour_map, range_text, write_ranges
from densehybrid_ros.ranging.obstacles import Obstacle
from densehybrid_ros.ranging.regions import Region

PALETTE = [[10, 20, 30], [40, 50, 60]]


def obstacle(left: int, top: int, width: int, height: int, range_: float | None) -> Obstacle:
    region = Region(left, top, np.ones((height, width), np.bool_), width * height)
    return Obstacle(region, score=1.0, range=range_)


def test_classes_unknown_and_the_rest_have_their_colours() -> None:
    colours = colour_map(np.array([[0, 1, 2, 255]], np.uint8), PALETTE)
    assert colours.tolist() == [[*PALETTE, list(UNKNOWN_COLOUR), list(IGNORE_COLOUR)]]


def test_a_range_is_told_in_metres_and_its_lack_in_words() -> None:
    assert range_text(obstacle(0, 0, 4, 4, 23.44)) == "23.4 m"
    assert range_text(obstacle(0, 0, 4, 4, None)) == "no range"


@pytest.mark.parametrize(
    ("left", "top", "above"), [(120, 60, True), (0, 60, True), (292, 60, True), (120, 0, False), (120, 4, False)]
)
def test_the_range_stands_beside_its_obstacle_and_inside_the_picture(left: int, top: int, above: bool) -> None:
    picture = np.full((120, 300, 3), 90, np.uint8)
    write_ranges(picture, [obstacle(left, top, 8, 20, 23.4)])
    rows, columns = np.nonzero((picture != 90).any(axis=2))
    assert len(rows) > 100
    assert (rows.max() < top) if above else (rows.min() >= top + 20)
    assert abs((columns.min() + columns.max()) / 2 - (left + 4)) < 40
    # not cut off: the rim lies inside
    assert columns.min() > 0 or left == 0
    assert columns.max() < 299 or left == 292
    assert columns.max() - columns.min() > 30


def test_the_nearer_of_two_ranges_lies_on_top() -> None:
    near, far = obstacle(50, 60, 40, 20, 5.0), obstacle(50, 60, 40, 20, 88.8)
    both, alone = (np.zeros((120, 200, 3), np.uint8) for _ in range(2))
    write_ranges(both, [near, far])
    write_ranges(alone, [near])
    bright = alone.min(axis=2) > 250
    assert bright.any()
    assert (both[bright] > 250).all()
