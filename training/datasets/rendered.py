"""Roadworld without files: frames are rendered when they are read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.roadworld import Roadworld
from densehybrid_ros.training.datasets.camvid import CLASSES, PALETTE

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
    classes: list[str] = field(default_factory=lambda: list(CLASSES))
    palette: list[list[int]] = field(default_factory=lambda: list(PALETTE))

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
