"""densehybrid convert DATASET ROOT OUT: drives of LostAndFound or Cityscapes as one rosbag2 file.

OUT ends in .mcap (compressed) or .db3. Every frame becomes, under one stamp: the calibration of both cameras, the right
image, the disparity, the ground truth (label ids, train ids, and of LostAndFound anomalies: 0 = inlier, 1 = anomaly,
255 = ignore) and, last, the left image, both as PNG just as in the files. Topics are named in docs/reference.md.
What a drive does not have is left out; files that cannot be used are named, and only their messages are left out.
Times come from timestamp/, where it is there; sequences follow one another with a pause of 1 s, from 1 s on.
A run that was killed goes on where it was when it is started again; until it has finished, OUT.parts holds its work.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from tqdm import tqdm

from densehybrid_ros.drives.files import LARGEST_STEP
from densehybrid_ros.drives.layout import find_frames
from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import TRAIN_ID_TABLES
from densehybrid_ros.playback.bag_files import needs_rosbags
from densehybrid_ros.topics import IMAGE

SUFFIXES = (".mcap", ".db3")
TOPIC = re.compile(r"(/[A-Za-z_][A-Za-z0-9_]*)+")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="densehybrid convert", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data_set", metavar="DATASET", choices=tuple(TRAIN_ID_TABLES), help="lostandfound, cityscapes")
    parser.add_argument("root", metavar="ROOT", type=Path, help="the folder that holds leftImg8bit")
    parser.add_argument("out", metavar="OUT", type=Path, help="bag file, .mcap or .db3")
    parser.add_argument("--split", default="test", help="train, val or test (default: %(default)s)")
    parser.add_argument("--sequences", nargs="+", default=[], metavar="NAME", help="only these streets or cities")
    parser.add_argument("--prefix", default="/camera", help="of the topics (default: %(default)s)")
    parser.add_argument("--frame-id", default="camera", help="of the headers (default: %(default)s)")
    parser.add_argument("--raw", action="store_true", help=f"images as rgb8 on {IMAGE.name} instead of PNG")
    parser.add_argument(
        "--rate", type=float, default=10.0, help="Hz, where timestamp/ is absent (default: %(default)s)"
    )
    parser.add_argument(
        "--disparity-offset", type=float, default=0.0, help="d = (p - offset) / 256 (default: %(default)s)"
    )
    convert(parser.parse_args(argv))


def convert(arguments: argparse.Namespace) -> None:
    """Converts, and prints what came of it.

    Raises:
        SetupError: wrong arguments, no frames, or a bag that cannot be written.
    """
    out: Path = arguments.out
    _check_arguments(arguments)
    with needs_rosbags():
        from densehybrid_ros.playback.packing.bundles import MessageOptions
        from densehybrid_ros.playback.packing.parts import parts_folder, write_drive
        from densehybrid_ros.playback.packing.stamps import frame_stamps
    if out.exists():
        rest = f" ({parts_folder(out)} can go too)" if parts_folder(out).exists() else ""
        raise SetupError(f"{out} exists already; remove it{rest} or give another name")
    skipped: list[str] = []

    def skip(text: str) -> None:
        skipped.append(text)
        _tell(text)

    frames = find_frames(arguments.root, arguments.split, skip, arguments.sequences)
    stamps = frame_stamps(frames, arguments.rate, _tell)
    options = MessageOptions(
        data_set=arguments.data_set,
        prefix=arguments.prefix,
        frame_id=arguments.frame_id,
        raw=arguments.raw,
        disparity_offset=arguments.disparity_offset,
    )
    parts = write_drive(frames, stamps, options, out, skip)
    frame_count, message_count = sum(part.frames for part in parts), sum(part.messages for part in parts)
    print(f"{out}: {frame_count} frames, {message_count} messages, {len(skipped)} files skipped")


def _tell(text: str) -> None:
    """A line on stderr above the progress bar."""
    tqdm.write(f"densehybrid convert: {text}", file=sys.stderr)


def _check_arguments(arguments: argparse.Namespace) -> None:
    if arguments.out.suffix not in SUFFIXES:
        raise SetupError(f"{arguments.out} does not say how to store the bag; give a name that ends in .mcap or .db3")
    if not TOPIC.fullmatch(arguments.prefix):
        raise SetupError(f"prefix '{arguments.prefix}' begins no topic; give one such as /camera or /front/camera")
    if not 0 <= arguments.disparity_offset < LARGEST_STEP:
        raise SetupError(f"a disparity offset of {arguments.disparity_offset:g} was given; give 0 or 1")
