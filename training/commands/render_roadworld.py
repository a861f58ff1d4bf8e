"""densehybrid render-roadworld OUT: Roadworld frames as files in the CamVid or the LostAndFound layout.

--layout camvid: `images/{train,val}/*.jpg` and `labels/{train,val}/*.png` with CamVid ids, 11 = void, 12 = anomaly.
Each picture is of another drive: other light, weather and layout.

--layout lostandfound: drives of --frames frames at 10 Hz as stereo pictures, disparity, camera, labels and times.

Training drives have seeds below 10,000, validation drives from there, test drives from 20,000. An option of the other
layout is refused.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from densehybrid_ros.drives.render import render_lostandfound
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.datasets.roadworld import FIRST_VALIDATION_SEED, render_camvid

FIRST_SEEDS = {"train": 0, "val": FIRST_VALIDATION_SEED, "test": 2 * FIRST_VALIDATION_SEED}
OWN_OPTIONS = {"camvid": {"train": 300, "val": 60}, "lostandfound": {"split": "test", "drives": 5, "frames": 50}}
"""Layout → its options with their defaults."""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="densehybrid render-roadworld", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--layout", choices=tuple(OWN_OPTIONS), default="camvid")
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("WIDTH", "HEIGHT"))
    camvid = parser.add_argument_group("layout camvid")
    camvid.add_argument("--train", type=int, help="training pictures (default: 300)")
    camvid.add_argument("--val", type=int, help="validation pictures (default: 60)")
    drives = parser.add_argument_group("layout lostandfound")
    drives.add_argument("--split", choices=tuple(FIRST_SEEDS), help="(default: test)")
    drives.add_argument("--drives", type=int, help="(default: 5)")
    drives.add_argument("--frames", type=int, help="of each drive (default: 50)")
    arguments = parser.parse_args(argv)
    options = _options(arguments)
    if arguments.layout == "lostandfound":
        first = FIRST_SEEDS[options["split"]]
        seeds = range(first, first + options["drives"])
        render_lostandfound(arguments.out, options["split"], seeds, options["frames"], *arguments.size)
        return
    for split, first in (("train", 0), ("val", FIRST_VALIDATION_SEED)):
        render_camvid(arguments.out, split, range(first, first + options[split]), *arguments.size)


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of the layout, with defaults; SetupError for one that only the other layout has."""
    for layout, own in OWN_OPTIONS.items():
        for name in own:
            if layout != arguments.layout and getattr(arguments, name) is not None:
                raise SetupError(f"--{name} belongs to --layout {layout}, not to {arguments.layout}; leave it out")
    given = vars(arguments)
    return {
        name: default if given[name] is None else given[name] for name, default in OWN_OPTIONS[arguments.layout].items()
    }
