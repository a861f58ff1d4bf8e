"""How right ranges are: obstacles of Roadworld at known depth, and a KITTI pair against its LiDAR scan.

    python benchmarks/range_accuracy.py --drives 100 [--kitti DIR]

Every drive is another light, weather, camera and road; the masks are Roadworld's own, or with --segmenter those that
the bundled weights find. A region's true range is that of the nearest obstacle with at least a tenth of its pixels.
Pictures and calibrations go through the node's own code as messages: the matcher of rectified pairs, and the ranging.
The camera's height is set, as in a vehicle.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from densehybrid_ros.camera import right_shift
from densehybrid_ros.convert.images import image_message
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.labels import CAMVID_UNKNOWN
from densehybrid_ros.nodes.player.messages import camera_info_message
from densehybrid_ros.nodes.segmenter.distances.stereo import Pair, ranges_of_pair
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.pictures import read_rgb
from densehybrid_ros.ranging.obstacles import Obstacle
from densehybrid_ros.ranging.range_image import RangeImage, range_from_disparity
from densehybrid_ros.ranging.survey import drivable_ids, survey
from densehybrid_ros.roadworld import Frame, Roadworld
from densehybrid_ros.roadworld.labels import ROAD

WRONG = 0.2
"""Relative error from which a range is wrong."""
FARTHEST = 50.0
"""m; up to here the median error is taken."""
LEAST_SHARE = 0.1
FRAMES = (7, 20, 33, 46)
"""Of each drive."""


@dataclass(frozen=True)
class Sighting:
    """One region of at least min_obstacle_area px that is an obstacle."""

    place: str
    true: float
    """m"""
    told: Obstacle

    @property
    def error(self) -> float:
        """Relative; nan without a range."""
        return float("nan") if self.told.range is None else abs(self.told.range - self.true) / self.true


@dataclass(frozen=True)
class Accuracy:
    """What the sightings of one source come to."""

    source: str
    count: int
    without_range: int
    median_error: float
    """Relative, up to FARTHEST."""
    wrong: int

    def line(self) -> str:
        share = 100 * self.wrong / max(self.count, 1)
        return (
            f"{self.source:<8}{self.count:>6} obstacles, {self.without_range} without range, median error "
            f"{100 * self.median_error:.2f} % up to {FARTHEST:g} m, "
            f"{self.wrong} wrong by more than 20 % ({share:.2f} %)"
        )


def sightings_of_drives(
    seeds: range, size: tuple[int, int], segmenter: Segmenter | None, frames: tuple[int, ...] = FRAMES
) -> dict[str, list[Sighting]]:
    """By source: "exact" disparity, "sgbm" on the rendered pair."""
    found: dict[str, list[Sighting]] = {"exact": [], "sgbm": []}
    for seed in seeds:
        world = Roadworld(seed, *size)
        for number in frames:
            frame = world.frame(number)
            settings = replace(Settings(), camera_height=frame.camera.height_above_road)
            open_set, score, unknown, road = _masks(frame, segmenter, settings)
            for source, ranges in _measurements(frame, settings):
                seen = survey(open_set, score, unknown, road, frame.camera, ranges, settings)
                for obstacle in seen.obstacles:
                    true = true_range(frame, obstacle)
                    if true is not None:
                        found[source].append(Sighting(f"drive {seed} frame {number}", true, obstacle))
    return found


def accuracy(source: str, sightings: list[Sighting]) -> Accuracy:
    errors = np.array([each.error for each in sightings])
    near = np.array([each.true <= FARTHEST for each in sightings])
    return Accuracy(
        source,
        len(sightings),
        int(np.isnan(errors).sum()),
        float(np.nanmedian(errors[near])),
        int((errors > WRONG).sum()),
    )


def true_range(frame: Frame, obstacle: Obstacle) -> float | None:
    """m; None where the region is no obstacle of Roadworld's."""
    region = obstacle.region
    instances = frame.instances[region.window][region.mask]
    depth = frame.depth[region.window][region.mask]
    if (instances > 0).mean() < 0.5:
        return None
    shares = {int(number): float((instances == number).mean()) for number in np.unique(instances[instances > 0])}
    return min(
        (float(np.median(depth[instances == number])) for number, share in shares.items() if share >= LEAST_SHARE),
        default=None,
    )


def kitti_error(folder: Path, settings: Settings) -> tuple[float, float, int]:
    """Median relative error of SGBM against the LiDAR scan, share of its points with a disparity, and their number."""
    left, right = (read_rgb(folder / f"{side}.png") for side in ("left", "right"))
    rows = [line.split(":") for line in (folder / "calib.txt").read_text().splitlines() if ":" in line]
    calibration = {name: np.array(values.split(), float) for name, values in rows}
    height, width = left.shape[:2]
    infos = [CameraInfo(width=width, height=height, p=[float(v) for v in calibration[name]]) for name in ("P2", "P3")]
    pair = Pair(left, image_message(right, "rgb8", Header()), infos[0], infos[1])
    ranges = ranges_of_pair(pair, settings)
    measured = ranges.inverse_depth((slice(None), slice(None)))
    columns, rows_, depth = _scan(folder / "lidar.bin", calibration, (width, height))
    told = measured[rows_, columns]
    valid = told > 0
    return float(np.median(np.abs(1 / told[valid] / depth[valid] - 1))), float(valid.mean()), int(valid.size)


def _masks(
    frame: Frame, segmenter: Segmenter | None, settings: Settings
) -> tuple[NDArray[np.uint8], NDArray[np.float32], int, list[int]]:
    """Open-set map, score, and the map's own numbers for the unknown and for what can be driven on."""
    if segmenter is None:
        return frame.truth, frame.anomaly.astype(np.float32), CAMVID_UNKNOWN, [ROAD]
    scene = segmenter(frame.left)
    road = drivable_ids(segmenter.info.classes, settings.drivable_classes, settings.road_gate)
    return scene.open_set, scene.score, segmenter.classes, road


def _measurements(frame: Frame, settings: Settings) -> Iterator[tuple[str, RangeImage]]:
    camera = frame.camera
    yield "exact", range_from_disparity(frame.disparity, camera.fx, camera.baseline, 0.0, settings.disparity_error)
    assert frame.right is not None
    infos = [camera_info_message(camera, Header(), shift) for shift in (0.0, right_shift(camera))]
    right = image_message(frame.right, "rgb8", Header())
    yield "sgbm", ranges_of_pair(Pair(frame.left, right, infos[0], infos[1]), settings)


def _scan(
    path: Path, calibration: dict[str, NDArray[np.float64]], size: tuple[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Columns, rows and depths, m, of the LiDAR points that the left camera sees."""
    points = np.fromfile(path, np.float32).reshape(-1, 4)[:, :3]
    to_camera = np.vstack([calibration["Tr_velo_to_cam"].reshape(3, 4), [0, 0, 0, 1]])
    rectified = np.eye(4)
    rectified[:3, :3] = calibration["R0_rect"].reshape(3, 3)
    seen = calibration["P2"].reshape(3, 4) @ rectified @ to_camera @ np.column_stack([points, np.ones(len(points))]).T
    seen = seen[:, seen[2] > 1]
    columns, rows = np.round(seen[:2] / seen[2]).astype(np.intp)
    inside = (columns >= 0) & (rows >= 0) & (columns < size[0]) & (rows < size[1])
    return columns[inside], rows[inside], seen[2][inside]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drives", type=int, default=50)
    parser.add_argument("--first", type=int, default=1000, help="seed of the first drive")
    parser.add_argument("--size", type=int, nargs=2, default=(960, 540), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--segmenter", action="store_true", help="masks of the bundled weights")
    parser.add_argument("--kitti", type=Path, help="folder with left.png, right.png, calib.txt and lidar.bin")
    arguments = parser.parse_args()
    if arguments.kitti:
        error, share, points = kitti_error(arguments.kitti, Settings())
        print(
            f"KITTI   median error {100 * error:.2f} % over the {100 * share:.0f} % of {points} points with disparity"
        )
    segmenter = Segmenter.load() if arguments.segmenter else None
    seeds = range(arguments.first, arguments.first + arguments.drives)
    for source, sightings in sightings_of_drives(seeds, tuple(arguments.size), segmenter).items():
        print(accuracy(source, sightings).line())
        for each in sightings:
            if not each.error <= WRONG:
                told = "no range" if each.told.range is None else f"{each.told.range:.1f} m ({each.told.source})"
                print(
                    f"    {each.place}: {told}, true {each.true:.1f} m, {each.told.region.area} px {each.told.why_not}"
                )


if __name__ == "__main__":
    main()
