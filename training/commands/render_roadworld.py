"""densehybrid render-roadworld OUT: Roadworld frames as files in the CamVid or the LostAndFound layout.

--layout camvid: `images/{train,val}/*.jpg` and `labels/{train,val}/*.png` with CamVid ids, 11 = void, 12 = anomaly.
Each picture is of another drive: other light, weather and layout.

--layout lostandfound: drives of --frames frames at 10 Hz as stereo pictures, disparity, camera, labels and times.

Training drives have seeds below 10,000, validation drives from there, test drives from 20,000.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from densehybrid_ros.drives.render import render_lostandfound
from densehybrid_ros.training.datasets.roadworld import FIRST_VALIDATION_SEED, render_camvid

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
        render_camvid(arguments.out, split, range(first, first + count), *arguments.size)
