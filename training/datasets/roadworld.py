"""Roadworld: in files as `densehybrid render-roadworld` writes them, or rendered when its frames are read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.labels import CAMVID_ANOMALY_ID, CAMVID_UNKNOWN, CAMVID_VOID_ID, IGNORE
from densehybrid_ros.pictures import write_picture
from densehybrid_ros.progress import progress_bar
from densehybrid_ros.roadworld import Roadworld
from densehybrid_ros.taxonomies import CAMVID_11
from densehybrid_ros.training.datasets.camvid import CAMVID

FIRST_VALIDATION_SEED = 10_000
"""Seeds below are for training, from here on for validation."""


@dataclass(frozen=True)
class RenderedRoadworld:
    """Frames of many drives: one drive per seed, `frames_per_drive` frames that lie `step` apart."""

    seeds: range
    frames_per_drive: int = 2
    step: int = 25
    width: int = 640
    height: int = 480
    name: str = "roadworld"
    protocol: str = "pooled"
    classes: list[str] = field(default_factory=lambda: list(CAMVID_11.classes))
    palette: list[list[int]] = field(default_factory=lambda: list(CAMVID_11.palette))

    def __len__(self) -> int:
        return len(self.seeds) * self.frames_per_drive

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """RGB (H, W, 3) uint8 and open-set labels (H, W) uint8: 0..10, 11 = unknown, 255 = ignore."""
        drive, number = divmod(index, self.frames_per_drive)
        frame = Roadworld(self.seeds[drive], self.width, self.height).frame(number * self.step, stereo=False)
        return frame.left, frame.truth


def rendered_roadworld(drives: int = 40) -> RenderedRoadworld:
    """The validation frames: two of each of `drives` drives that no training sees."""
    return RenderedRoadworld(range(FIRST_VALIDATION_SEED, FIRST_VALIDATION_SEED + drives))


def render_camvid(out: Path, split: str, seeds: range, width: int, height: int) -> None:
    """One frame per seed; frames that are there already stay, so that a stopped run goes on."""
    images, labels = out / "images" / split, out / "labels" / split
    world = RenderedRoadworld(seeds, frames_per_drive=1, width=width, height=height)
    for index, seed in enumerate(progress_bar(seeds, desc=f"render {split}", unit="frame")):
        label_path = labels / f"roadworld_{seed:05d}.png"
        if label_path.is_file():
            continue
        image, truth = world.read(index)
        write_picture(images / f"roadworld_{seed:05d}.jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        write_picture(label_path, camvid_ids(truth))


def camvid_ids(truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Open-set labels (255 = ignore, K = unknown) as CamVid-OOD file ids (11 = void, 12 = anomaly)."""
    ids = truth.copy()
    ids[truth == CAMVID_UNKNOWN] = CAMVID_ANOMALY_ID
    ids[truth == IGNORE] = CAMVID_VOID_ID
    return ids


ROADWORLD = replace(
    CAMVID,
    name="roadworld",
    layout="as `camvid`; written by `densehybrid render-roadworld`",
    splits=("train", "val"),
    rendered=rendered_roadworld,
)
