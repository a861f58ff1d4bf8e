"""Roadworld drives as files in the LostAndFound layout: stereo pictures, exact disparity, camera, labels, times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from struct import unpack_from

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.drives.files import write_camera, write_disparity
from densehybrid_ros.drives.layout import LEFT, LEFT_SUFFIX
from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import write_whole
from densehybrid_ros.labels import BACKGROUND_ID, FREE_ID, TRAIN_ID_TABLES
from densehybrid_ros.pictures import write_picture
from densehybrid_ros.progress import progress_bar
from densehybrid_ros.roadworld import Frame, Roadworld
from densehybrid_ros.roadworld.labels import ROAD

FIRST_OBSTACLE_ID, OBSTACLE_ID_COUNT = 2, 29
"""Ids 2 to 30: all of them hazards."""


def render_lostandfound(
    root: Path,
    split: str,
    seeds: Sequence[int],
    frames_per_drive: int,
    width: int,
    height: int,
    first_frame: int = 0,
    frame_step: int = 1,
) -> None:
    """One drive per seed; frames that are whole already stay, so that a stopped run goes on.

    Args:
        root: the folder that will hold `leftImg8bit` and its siblings.
        split: `train` or `test`.
        seeds: of the drives; drive number n is the sequence `nn_Roadworld`, its frames are `nn_Roadworld_SEED_FRAME`.
        frames_per_drive: at least 1.
        width: of the pictures, px.
        height: of the pictures, px.
        first_frame: number of the first frame of every drive.
        frame_step: frames of Roadworld (10 Hz) from one written frame to the next.

    Raises:
        SetupError: a file cannot be written, frames of another size are there, or Roadworld refuses size or seed.
    """
    if not seeds or frames_per_drive < 1 or first_frame < 0 or frame_step < 1:
        raise SetupError(
            f"{len(seeds)} drives of {frames_per_drive} frames from frame {first_frame} in steps of {frame_step} "
            "were asked for; give at least 1 drive, 1 frame and a step of 1"
        )
    indices = range(first_frame, first_frame + frames_per_drive * frame_step, frame_step)
    with progress_bar(total=len(seeds) * len(indices), desc=f"render {split}", unit="frame") as progress:
        for number, seed in enumerate(seeds, 1):
            sequence = f"{number:02d}_Roadworld"
            world = Roadworld(seed, width, height)
            for index in indices:
                name = f"{sequence}_{seed:06d}_{index:06d}"
                if not _is_done(_file(root, LEFT, split, name, LEFT_SUFFIX), width, height):
                    _write_frame(root, split, name, world.frame(index))
                progress.update()


def _file(root: Path, folder: str, split: str, name: str, suffix: str) -> Path:
    sequence = name.rsplit("_", 2)[0]
    return root / folder / split / sequence / f"{name}{suffix}"


def _is_done(left: Path, width: int, height: int) -> bool:
    """Whether the frame is there, for the left picture is written last."""
    if not left.is_file():
        return False
    with left.open("rb") as file:
        head = file.read(24)  # signature, length and name of the first chunk, width, height
    size = unpack_from(">II", head, 16) if len(head) == 24 else None
    if size != (width, height):
        found = f"{size[0]}x{size[1]}" if size else "no picture"
        raise SetupError(f"{left} is {found}, not {width}x{height}; remove the old frames or give another folder")
    return True


def _write_frame(root: Path, split: str, name: str, frame: Frame) -> None:
    assert frame.right is not None

    def place(folder: str, suffix: str) -> Path:
        return _file(root, folder, split, name, suffix)

    label_ids = lostandfound_ids(frame)
    write_camera(place("camera", "_camera.json"), frame.camera)
    write_disparity(place("disparity", "_disparity.png"), frame.disparity)
    write_whole(place("timestamp", "_timestamp.txt"), f"{round(frame.stamp * 1e9)}")
    write_picture(place("gtCoarse", "_gtCoarse_labelIds.png"), label_ids)
    write_picture(place("gtCoarse", "_gtCoarse_labelTrainIds.png"), TRAIN_ID_TABLES["lostandfound"][label_ids])
    write_picture(place("rightImg8bit", "_rightImg8bit.png"), cv2.cvtColor(frame.right, cv2.COLOR_RGB2BGR))
    write_picture(place(LEFT, LEFT_SUFFIX), cv2.cvtColor(frame.left, cv2.COLOR_RGB2BGR))


def lostandfound_ids(frame: Frame) -> NDArray[np.uint8]:
    """(H, W) LostAndFound labelIds: 1 = road, 2 to 30 = obstacles by their number, 0 = all else."""
    ids = np.where(frame.labels == ROAD, np.uint8(FREE_ID), np.uint8(BACKGROUND_ID))
    obstacle_ids = FIRST_OBSTACLE_ID + frame.instances % OBSTACLE_ID_COUNT
    return np.where(frame.anomaly, obstacle_ids, ids).astype(np.uint8)
