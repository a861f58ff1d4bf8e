"""Time of components, plane fit and ranging of a 2048x1024 frame with 20 obstacles, on one core.

    python benchmarks/ranging_time.py

The frame is made: a flat road, 20 boxes 5 to 50 m away, 200 specks, disparity with noise and holes.
"""

from __future__ import annotations

import time

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.ranging.range_image import RangeImage, range_from_disparity
from densehybrid_ros.ranging.settings import RangingSettings
from densehybrid_ros.ranging.survey import obstacle_points, survey

HEIGHT, WIDTH = 1024, 2048
FOCAL_LENGTH, BASELINE, CAMERA_HEIGHT, HORIZON = 2000.0, 0.22, 1.3, 400
ROAD, UNKNOWN, OBSTACLES = 3, 11, 20
REPETITIONS = 40


def scene() -> tuple[NDArray[np.uint8], NDArray[np.float32], RangeImage]:
    """Open-set map, score and disparity."""
    rng = np.random.default_rng(0)
    inverse = np.clip((np.arange(HEIGHT) - HORIZON) / (FOCAL_LENGTH * CAMERA_HEIGHT), 0, None)[:, None].repeat(WIDTH, 1)
    open_set = np.full((HEIGHT, WIDTH), ROAD, np.uint8)
    open_set[:HORIZON] = 0
    for index in range(OBSTACLES):  # one in each strip, so that none merge
        depth = float(rng.uniform(5, 50))
        wide, high = (int(FOCAL_LENGTH * rng.uniform(0.3, side) / depth) + 6 for side in (0.8, 1.0))
        left, foot = index * WIDTH // OBSTACLES + 5, int(HORIZON + FOCAL_LENGTH * CAMERA_HEIGHT / depth)
        box = np.s_[max(foot - high, 0) : foot, left : left + min(wide, WIDTH // OBSTACLES - 10)]
        open_set[box], inverse[box] = UNKNOWN, 1 / depth
    for row, column in zip(rng.integers(0, HORIZON - 4, 200), rng.integers(0, WIDTH - 4, 200), strict=True):
        open_set[row : row + 2, column : column + 3] = UNKNOWN
    disparity = inverse * FOCAL_LENGTH * BASELINE + rng.normal(0, 0.2, inverse.shape)
    disparity[(inverse <= 0) | (rng.random(inverse.shape) < 0.1)] = 0
    ranges = range_from_disparity(disparity.astype(np.float32), FOCAL_LENGTH, BASELINE, 0.0, 0.5)
    return open_set, rng.normal(0, 1, (HEIGHT, WIDTH)).astype(np.float32), ranges


def milliseconds() -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Of each survey and of each cloud of points; and how many obstacles were ranged."""
    cv2.setNumThreads(1)
    open_set, score, ranges = scene()
    pinhole = Pinhole(FOCAL_LENGTH, FOCAL_LENGTH, WIDTH / 2, float(HORIZON))
    surveys, clouds, ranged = [], [], 0
    for _ in range(REPETITIONS):
        begun = time.perf_counter()
        found = survey(open_set, score, UNKNOWN, [ROAD], pinhole, ranges, RangingSettings())
        surveyed = time.perf_counter()
        obstacle_points(found, score)
        surveys.append(surveyed - begun)
        clouds.append(time.perf_counter() - surveyed)
        ranged = sum(obstacle.range is not None for obstacle in found.obstacles)
    return 1000 * np.array(surveys), 1000 * np.array(clouds), ranged


def main() -> None:
    surveys, clouds, ranged = milliseconds()
    for name, values in (("components, plane and ranges", surveys), ("points, where somebody listens", clouds)):
        low, middle, high = np.percentile(values, [10, 50, 90])
        print(f"{name:<32}{middle:6.1f} ms (10th to 90th percentile {low:.1f} to {high:.1f})")
    print(f"{ranged} of {OBSTACLES} obstacles ranged, {WIDTH}x{HEIGHT}, one core")


if __name__ == "__main__":
    main()
