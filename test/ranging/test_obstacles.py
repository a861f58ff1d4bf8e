"""What is said of one obstacle."""

from __future__ import annotations

import numpy as np

from densehybrid_ros.ranging.obstacles import Obstacle, obstacle_text, range_text
from densehybrid_ros.ranging.regions import Region


def test_a_range_is_told_in_metres_and_its_lack_in_words() -> None:
    region = Region(0, 0, np.ones((4, 4), np.bool_), 16)
    assert range_text(Obstacle(region, score=1.0, range=23.44)) == "23.4 m"
    assert range_text(Obstacle(region, score=1.0)) == "no range"


def test_an_obstacle_is_described_by_what_is_known_of_it() -> None:
    region = Region(0, 0, np.ones((1, 1), np.bool_), 1)
    known = Obstacle(region, score=3.14, range=23.44, number=7, closing_speed=-4.0)
    assert obstacle_text(known) == "#7  23.4 m  -4.0 m/s  score 3.1"
    assert obstacle_text(Obstacle(region, score=1.0, number=8)) == "#8  no range  score 1.0"
    assert obstacle_text(Obstacle(region, score=1.0, number=8), with_range=False) == "#8  score 1.0"
