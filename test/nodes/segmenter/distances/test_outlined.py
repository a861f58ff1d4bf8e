"""What the overlay outlines: what is reported as an obstacle, and nothing else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from densehybrid_ros.core.scenes import Scene
from densehybrid_ros.nodes.segmenter.distances.range_work import RangeWork
from densehybrid_ros.nodes.segmenter.outputs.obstacle_outputs import Omitted
from densehybrid_ros.nodes.segmenter.settings import Settings

ROAD, SKY, UNKNOWN = 0, 1, 2


class Outputs:
    """Keeps what would be drawn: the areas of the outlined regions of each frame, px."""

    def __init__(self) -> None:
        self.obstacles = SimpleNamespace(publish=lambda *arguments: Omitted())
        self.outlined: list[list[int]] = []

    def publish_overlay(self, frame: Any, obstacles: Any, with_ranges: bool) -> None:
        assert not with_ranges, "nobody publishes distances"
        self.outlined.append([each.region.area for each in obstacles])


def outlined(frames: int = 1, **changes: Any) -> list[list[int]]:
    """Of frames with 400 px on the road, 300 px in the sky and 16 px on the road."""
    open_set = np.full((60, 90), SKY, np.uint8)
    open_set[30:] = ROAD
    open_set[35:55, 10:30] = open_set[5:20, 40:60] = open_set[40:44, 60:64] = UNKNOWN
    scene = Scene(open_set, np.ones(open_set.shape, np.float32), open_set, 0.0)
    outputs = Outputs()
    work = RangeWork(SimpleNamespace(source=lambda: ""), outputs, UNKNOWN, [ROAD])
    for index in range(frames):
        frame = SimpleNamespace(
            found=None, settings=Settings(**changes), scene=scene, camera_info=None, stamp=index * 10**8, wanted=()
        )
        frame.at_image_size = lambda frame=frame: frame
        work.publish(frame)
    return outputs.outlined


def test_small_and_gated_regions_are_not_outlined() -> None:
    assert outlined() == [[400, 300]]
    assert outlined(min_obstacle_area=10) == [[400, 300, 16]]
    assert outlined(road_gate=True) == [[400]]


def test_a_region_is_outlined_from_the_frame_on_that_min_hits_asks_for() -> None:
    assert outlined(frames=4, min_hits=3) == [[], [], [400, 300], [400, 300]]
