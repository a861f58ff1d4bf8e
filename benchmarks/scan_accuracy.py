"""How right ~/obstacles/scan is: every beam against the nearest obstacle that Roadworld has at its bearing.

    python benchmarks/scan_accuracy.py --drives 60

Masks are Roadworld's own; disparities are its exact ones plus noise of `disparity_error`, one standard deviation. A
beam's stated σ is that of a disparity at its range.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.convert.transforms import levelling
from densehybrid_ros.labels import CAMVID_UNKNOWN
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.ranging.range_image import range_from_disparity
from densehybrid_ros.ranging.scan import scan_of
from densehybrid_ros.ranging.survey import Survey, survey
from densehybrid_ros.roadworld import Frame, Roadworld
from densehybrid_ros.roadworld.labels import ROAD

FRAMES = (7, 20, 33, 46)
"""Of each drive."""
CLOSE = math.radians(0.5)
"""Bearings that agree."""


@dataclass(frozen=True)
class Beams:
    """The beams of any number of scans."""

    off: NDArray[np.float64]
    """(N,) rad from each beam with a range to the nearest obstacle."""
    missed: NDArray[np.float64]
    """(M,) rad from the bearing of each pixel column of an obstacle with a range to the nearest beam with one."""
    errors: NDArray[np.float64]
    """(N,) of the ranges, in stated σ; nan where no obstacle is at the very bearing."""

    def lines(self) -> Iterable[str]:
        known = np.abs(self.errors[np.isfinite(self.errors)])
        yield f"{self.off.size} beams with a range, {100 * (self.off <= CLOSE).mean():.2f} % within 0.5° of an obstacle"
        yield f"{self.missed.size} columns of obstacles, {100 * (self.missed <= CLOSE).mean():.2f} % within 0.5° of one"
        shares = ", ".join(f"{100 * (known <= sigmas).mean():.1f} % within {sigmas} σ" for sigmas in (1, 2, 3))
        yield f"ranges: {shares}; median {np.median(self.errors[np.isfinite(self.errors)]):+.2f} σ"


def measured(seeds: Iterable[int], size: tuple[int, int], frames: tuple[int, ...] = FRAMES) -> Beams:
    rng = np.random.default_rng(0)
    kept: list[Beams] = []
    for seed in seeds:
        world = Roadworld(seed, *size)
        kept += [_of_frame(world.frame(number), rng) for number in frames]
    parts = ("off", "missed", "errors")
    return Beams(*(np.concatenate([getattr(each, part) for each in kept]) for part in parts))


def _of_frame(frame: Frame, rng: np.random.Generator) -> Beams:
    camera = frame.camera
    settings = replace(Settings(), camera_height=camera.height_above_road, camera_pitch=camera.pitch)
    noise = rng.normal(0, settings.disparity_error, frame.disparity.shape).astype(np.float32)
    disparity = np.where(frame.disparity > 0, frame.disparity + noise, 0)
    ranges = range_from_disparity(disparity, camera.fx, camera.baseline, 0.0, settings.disparity_error)
    found = survey(frame.truth, frame.anomaly.astype(np.float32), CAMVID_UNKNOWN, [ROAD], camera, ranges, settings)
    assert found.view is not None
    level = levelling(camera.pitch)
    scan = scan_of(found.obstacles, found.too_near, found.view, level.matrix, settings.min_range, settings.max_range)
    bearings, distances = _truth(frame, found, level.matrix)
    hit = np.isfinite(scan.ranges)
    told = scan.first + scan.step * np.flatnonzero(hit).astype(np.float64)
    errors = np.full(told.size, np.nan)
    for index, (bearing, range_) in enumerate(zip(told, scan.ranges[hit], strict=True)):
        inside = np.abs(bearings - bearing) <= scan.step / 2
        if inside.any():
            along = float(range_) * math.cos(bearing)
            errors[index] = (range_ - distances[inside].min()) / (ranges.depth_error(along) / math.cos(bearing))
    return Beams(_apart(told, bearings), _apart(bearings, told), errors)


def _truth(frame: Frame, found: Survey, matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bearing and nearest horizontal distance of every column of every obstacle with a range."""
    bearings: list[float] = []
    distances: list[float] = []
    for obstacle in found.obstacles:
        if obstacle.range is None:
            continue
        region = obstacle.region
        rows, columns = np.nonzero(region.mask)
        rows, columns = rows + region.top, columns + region.left
        depth = frame.depth[rows, columns]
        x, y = frame.camera.directions(columns, rows)
        places = np.column_stack([x * depth, y * depth, depth]) @ matrix[:2, :3].T
        for column in np.unique(columns):
            here = places[columns == column]
            nearest = here[np.argmin(np.hypot(*here.T))]
            bearings.append(math.atan2(nearest[1], nearest[0]))
            distances.append(math.hypot(*nearest))
    return np.array(bearings), np.array(distances)


def _apart(some: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) from each to the nearest of the others; inf where there are none."""
    if not others.size:
        return np.full(some.size, np.inf)
    return np.abs(some[:, None] - others[None]).min(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drives", type=int, default=60)
    parser.add_argument("--first", type=int, default=6000, help="seed of the first drive")
    parser.add_argument("--size", type=int, nargs=2, default=(960, 540), metavar=("WIDTH", "HEIGHT"))
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.drives)
    print("\n".join(measured(seeds, tuple(arguments.size)).lines()))


if __name__ == "__main__":
    main()
