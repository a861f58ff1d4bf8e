"""What is said of one obstacle."""

from __future__ import annotations

import numpy as np

from densehybrid_ros.ranging.obstacles import Obstacle, range_text
from densehybrid_ros.ranging.regions import Region


def test_a_range_is_told_in_metres_and_its_lack_in_words() -> None:
    region = Region(0, 0, np.ones((4, 4), np.bool_), 16)
    assert range_text(Obstacle(region, score=1.0, range=23.44)) == "23.4 m"
    assert range_text(Obstacle(region, score=1.0)) == "no range"
