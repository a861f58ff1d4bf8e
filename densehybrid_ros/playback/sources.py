"""`open_source(name)` → a stream of frames with times, and ground truth where the input has it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import CAMVID_TABLE, relabelled
from densehybrid_ros.pictures import SUFFIXES, picture_files, pictures_in, read_labels, read_rgb, unread_pictures
from densehybrid_ros.playback.bag_files import bag_files, is_bag, needs_rosbags
from densehybrid_ros.playback.played import BagTopics, PlayedFrame, Source
from densehybrid_ros.playback.video import VIDEOS, video_source
from densehybrid_ros.roadworld import Roadworld
from densehybrid_ros.topics import ANOMALY_TRUTH, CAMERA_INFO, DISPARITY, RIGHT_IMAGE, RIGHT_INFO, TRUTH, kinds_of

FOLDER_RATE = 10.0
"""Hz at which the pictures of a folder are taken to have been recorded."""

DRIVE = "12"
"""Seed of the drive that is played where none is named: obstacles stand on its road from the first frames on."""


def open_source(
    name: str,
    warn: Callable[[str], object],
    size: tuple[int, int] = (960, 540),
    stereo: bool = False,
    topics: BagTopics = BagTopics(),  # noqa: B008 - frozen
) -> Source:
    """The source that `name` stands for.

    Args:
        name: `roadworld`, `roadworld:SEED`, a folder of pictures, a picture, a video file, or a bag (file or folder).
        warn: told of every file that is passed over.
        size: width and height of Roadworld's pictures, px.
        stereo: Roadworld's right pictures are rendered, too.
        topics: of a bag.

    Raises:
        SetupError: there is no such input, or nothing in it can be played.
    """
    if name == "roadworld" or name.startswith("roadworld:"):
        return _roadworld(name, size, stereo)
    path = Path(name).expanduser()
    try:
        if not path.exists():
            raise SetupError(f"input {name} does not exist; give a folder, a video, a bag, or roadworld")
        if is_bag(path):
            with needs_rosbags():
                from densehybrid_ros.playback.bags.source import bag_source
            return bag_source(path, warn, topics)
        if topics.named:
            warn(f"{path} is no bag: the topics that are named are not looked at")
        if path.is_dir() or picture_files([path]):
            return _pictures(path, warn)
        return video_source(path, warn)
    except OSError as error:
        raise SetupError(f"input {name} cannot be read: {error.strerror}; check the file and its rights") from error


def _roadworld(name: str, size: tuple[int, int], stereo: bool) -> Source:
    seed = name.partition(":")[2] or DRIVE
    if not seed.isdigit():
        raise SetupError(f"input {name}: the seed must be a whole number, as in roadworld:{DRIVE}")

    def frames() -> Iterator[PlayedFrame]:
        world = Roadworld(int(seed), *size)
        for index in itertools.count():
            frame = world.frame(index, stereo)
            yield PlayedFrame(
                frame.left,
                frame.stamp,
                f"roadworld {seed} frame {index}",
                frame.truth,
                frame.camera,
                frame.disparity,
                frame.right,
            )

    topics = (TRUTH, ANOMALY_TRUTH, CAMERA_INFO, DISPARITY, *((RIGHT_IMAGE, RIGHT_INFO) if stereo else ()))
    return Source(f"Roadworld, seed {seed}", frames, kinds_of(*topics))


def _pictures(path: Path, warn: Callable[[str], object]) -> Source:
    """One, or those of a folder by name. A sibling `labels/` of a folder `images/` is truth in CamVid-OOD ids."""
    if not path.is_dir():
        pictures = [path]
    elif not (pictures := pictures_in(path)):
        raise SetupError(f"folder {path} holds no pictures ({', '.join(SUFFIXES)}){_other_inputs(path)}")
    elif unread := unread_pictures(path):
        warn(unread)
    labels = path.resolve().parent / "labels" if path.resolve().name == "images" else None
    labels = labels if labels is not None and labels.is_dir() else None

    def frames() -> Iterator[PlayedFrame]:
        for number, picture in enumerate(pictures):
            try:
                image = read_rgb(picture, upright=labels is None)
            except SetupError as error:
                warn(f"passed over: {error}")
                continue
            truth = _truth(labels / f"{picture.stem}.png", image.shape[:2], warn) if labels else None
            yield PlayedFrame(image, number / FOLDER_RATE, picture.name, truth)

    return Source(f"{len(pictures)} pictures in {path}", frames, kinds_of(TRUTH, ANOMALY_TRUTH) if labels else {})


def _other_inputs(folder: Path) -> str:
    """What else lies in a folder that can be given, for a message."""
    videos = [path for path in folder.iterdir() if path.suffix.lower() in VIDEOS and not path.name.startswith(".")]
    bags = [path for path in folder.iterdir() if path.is_dir() and os.access(path, os.R_OK | os.X_OK) and is_bag(path)]
    names = sorted(path.name for path in (*videos, *bags, *bag_files(folder)))
    return f"; give one of what it holds: {', '.join(names)}" if names else ""


def _truth(path: Path, shape: tuple[int, ...], warn: Callable[[str], object]) -> NDArray[np.uint8] | None:
    try:
        labels = read_labels(path)
    except SetupError as error:
        warn(f"played without ground truth: {error}")
        return None
    if labels.shape != shape:
        warn(f"played without ground truth: {path} is {labels.shape}, its image {shape}")
        return None
    return relabelled(labels, CAMVID_TABLE)
