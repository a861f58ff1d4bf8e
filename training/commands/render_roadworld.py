"""densehybrid render-roadworld OUT: Roadworld frames as files in the CamVid or the LostAndFound layout.

--layout camvid: `images/{train,val}/*.jpg` and `labels/{train,val}/*.png` with CamVid ids, 11 = void, 12 = anomaly.
Each picture is of another drive: other light, weather and layout.

--layout lostandfound: drives of --frames frames at 10 Hz as stereo pictures, disparity, camera, labels and times.

Training drives have seeds below 10,000, validation drives from there, test drives from 20,000.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from densehybrid_ros.drives.render import render_lostandfound
from densehybrid_ros.labels import CAMVID_ANOMALY_ID, CAMVID_UNKNOWN, CAMVID_VOID_ID, IGNORE
from densehybrid_ros.pictures import write_picture
from densehybrid_ros.training.datasets.rendered import FIRST_VALIDATION_SEED, RenderedRoadworld

FIRST_SEEDS = {"train": 0, "val": FIRST_VALIDATION_SEED, "test": 2 * FIRST_VALIDATION_SEED}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="densehybrid render-roadworld", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--layout", choices=("camvid", "lostandfound"), default="camvid")
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"))
    camvid = parser.add_argument_group("layout camvid")
    camvid.add_argument("--train", type=int, default=300, help="training pictures")
    camvid.add_argument("--val", type=int, default=60, help="validation pictures")
    drives = parser.add_argument_group("layout lostandfound")
    drives.add_argument("--split", choices=tuple(FIRST_SEEDS), default="test")
    drives.add_argument("--drives", type=int, default=5)
    drives.add_argument("--frames", type=int, default=50, help="of each drive")
    arguments = parser.parse_args(argv)
    if arguments.layout == "lostandfound":
        first = FIRST_SEEDS[arguments.split]
        seeds = range(first, first + arguments.drives)
        render_lostandfound(arguments.out, arguments.split, seeds, arguments.frames, *arguments.size)
        return
    for split, count, first in (("train", arguments.train, 0), ("val", arguments.val, FIRST_VALIDATION_SEED)):
        render(arguments.out, split, range(first, first + count), *arguments.size)


def render(out: Path, split: str, seeds: range, width: int, height: int) -> None:
    """One frame per seed; frames that are there already stay, so that a stopped run goes on."""
    images, labels = out / "images" / split, out / "labels" / split
    world = RenderedRoadworld(seeds, frames_per_drive=1, width=width, height=height)
    for index, seed in enumerate(tqdm(seeds, desc=f"render {split}", unit="frame")):
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


if __name__ == "__main__":
    main()
