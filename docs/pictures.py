"""python docs/pictures.py: draws the pictures of docs/getting_started.md, from Roadworld and the bundled weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.convert.transforms import levelling
from densehybrid_ros.core.drawing.draw import colour_map, outline, overlay, write_above
from densehybrid_ros.core.scenes import Scene
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.pictures import write_picture
from densehybrid_ros.ranging.obstacles import obstacle_text
from densehybrid_ros.ranging.range_image import range_from_disparity
from densehybrid_ros.ranging.scan import Scan, scan_of
from densehybrid_ros.ranging.survey import Survey, drivable_ids, survey
from densehybrid_ros.roadworld import Frame, Roadworld

IMAGES = Path(__file__).resolve().parent / "images"
SIZE = 960, 540
SHOWN = 0.5
"""Of the size, of each panel."""
AHEAD, ASIDE = 30.0, 16.0
"""m of the view from above."""
QUALITY = 85
LARGEST = 150_000
"""Bytes of a file."""
PAPER, INK, FAINT, RED = (255, 255, 255), (40, 40, 40), (205, 205, 205), (220, 30, 30)
FONT = cv2.FONT_HERSHEY_SIMPLEX
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Seen:
    """A frame of Roadworld, and what the package says of it."""

    frame: Frame
    scene: Scene
    found: Survey
    scan: Scan
    segmenter: Segmenter

    @property
    def overlay(self) -> Picture:
        drawn = overlay(self.frame.left, self.scene, self.segmenter.info.palette)
        outline(drawn, [(each.region.mask, each.region.window) for each in self.found.obstacles])
        write_above(drawn, [(obstacle_text(each, True), each.region.window) for each in self.found.obstacles])
        return drawn


def seen(segmenter: Segmenter, drive: int, number: int) -> Seen:
    """As the node does it, with Roadworld's disparity."""
    frame = Roadworld(drive, *SIZE).frame(number)
    camera, scene = frame.camera, segmenter(frame.left)
    settings = replace(Settings(), camera_height=camera.height_above_road, camera_pitch=camera.pitch)
    ranges = range_from_disparity(frame.disparity, camera.fx, camera.baseline, 0.0, settings.disparity_error)
    road = drivable_ids(segmenter.info.classes, settings.drivable_classes, settings.road_gate)
    assert scene.open_set is not None
    assert scene.score is not None
    found = survey(scene.open_set, scene.score, segmenter.classes, road, camera, ranges, settings)
    assert found.view is not None
    level = levelling(camera.pitch).matrix
    scan = scan_of(found.obstacles, found.too_near, found.view, level, settings.min_range, settings.max_range)
    return Seen(frame, scene, found, scan, segmenter)


def from_above(scan: Scan, height: int) -> Picture:
    """The scan as a planner takes it: where the camera sees nothing unknown, and where something stands."""
    scale = height / AHEAD
    width = round(2 * ASIDE * scale)
    drawn = np.full((height, width, 3), PAPER, np.uint8)
    origin = np.array([width / 2, height - 1])

    def place(bearing: float, distance: float) -> tuple[int, int]:
        step = np.array([-math.sin(bearing), -math.cos(bearing)]) * distance * scale
        return int(origin[0] + step[0]), int(origin[1] + step[1])

    bearings = scan.first + scan.step * np.arange(len(scan.ranges))
    for bearing, distance in zip(bearings, scan.ranges, strict=True):
        if not math.isnan(distance):
            cv2.line(drawn, place(bearing, 0), place(bearing, min(float(distance), 2 * AHEAD)), (232, 244, 232), 2)
    for metres in range(10, int(AHEAD) + 1, 10):
        axes = round(metres * scale), round(metres * scale)
        cv2.ellipse(drawn, place(0, 0), axes, 0, 180, 360, FAINT, 1, cv2.LINE_AA)
        cv2.putText(drawn, f"{metres} m", (6, place(0, metres)[1] + 14), FONT, 0.4, INK, 1, cv2.LINE_AA)
    for bearing, distance in zip(bearings, scan.ranges, strict=True):
        if math.isfinite(distance):
            cv2.circle(drawn, place(bearing, float(distance)), 3, RED, -1, cv2.LINE_AA)
    return drawn


def heat_map(score: NDArray[np.float32], threshold: float) -> Picture:
    """Dark = known; the threshold lies in the middle of the colours."""
    low, high = np.percentile(score, (1, 99.8))
    values = np.interp(score, (low, threshold, max(high, threshold + 1)), (0, 128, 255)).astype(np.uint8)
    return cv2.cvtColor(cv2.applyColorMap(values, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)


def titled(picture: Picture, title: str) -> Picture:
    """Smaller, under a line of text."""
    small = cv2.resize(picture, None, fx=SHOWN, fy=SHOWN, interpolation=cv2.INTER_AREA)
    bar = np.full((26, small.shape[1], 3), PAPER, np.uint8)
    cv2.putText(bar, title, (6, 18), FONT, 0.5, INK, 1, cv2.LINE_AA)
    return np.concatenate([bar, small])


def for_engineers(one: Seen) -> Picture:
    above = from_above(one.scan, SIZE[1])
    return np.concatenate(
        [titled(one.overlay, "~/overlay/image_raw"), titled(above, "~/obstacles/scan, from above")], 1
    )


def for_researchers(one: Seen) -> Picture:
    info, scene = one.segmenter.info, one.scene
    assert scene.semantic is not None
    assert scene.score is not None
    assert scene.open_set is not None
    rows = [
        [(one.frame.left, "image"), (colour_map(scene.semantic, info.palette), "scene.semantic")],
        [
            (heat_map(scene.score, info.threshold), "scene.score"),
            (colour_map(scene.open_set, info.palette), f"scene.open_set, score >= {info.threshold:.2f}"),
        ],
    ]
    return np.concatenate([np.concatenate([titled(*each) for each in row], 1) for row in rows])


def for_folders(several: list[Seen]) -> Picture:
    columns = [np.concatenate([titled(one.frame.left, "in"), titled(one.overlay, "out")]) for one in several]
    return np.concatenate(columns, 1)


def drawn() -> dict[str, Picture]:
    """By name of the file, (H, W, 3) RGB."""
    segmenter = Segmenter.load(device="cpu", engine="torch")
    first = seen(segmenter, 10, 20)
    return {
        "for_engineers.jpg": for_engineers(first),
        "for_researchers.jpg": for_researchers(seen(segmenter, 13, 20)),
        "for_folders.jpg": for_folders([seen(segmenter, drive, 20) for drive in (4, 6)]),
    }


if __name__ == "__main__":
    for name, picture in drawn().items():
        path = IMAGES / name
        write_picture(path, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), QUALITY)
        size = path.stat().st_size
        print(f"{path.name}: {picture.shape[1]}x{picture.shape[0]}, {size} bytes")
        assert size < LARGEST, "too large for a page"
