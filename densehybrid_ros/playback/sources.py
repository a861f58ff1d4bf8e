"""`open_source(name)` → a stream of frames with times, and ground truth where the input has it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import CAMVID_TABLE, relabelled
from densehybrid_ros.pictures import SUFFIXES, natural_order, picture_files, read_labels, read_rgb
from densehybrid_ros.playback.played import PlayedFrame, Source
from densehybrid_ros.roadworld import Roadworld
from densehybrid_ros.topics import ANOMALY_TRUTH, CAMERA_INFO, DISPARITY, RIGHT_IMAGE, RIGHT_INFO, TRUTH, kinds_of

VIDEOS = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v")
FOLDER_RATE = 10.0
"""Hz at which the pictures of a folder are taken to have been recorded."""


def open_source(
    name: str, warn: Callable[[str], object], size: tuple[int, int] = (960, 540), stereo: bool = False
) -> Source:
    """The source that `name` stands for.

    Args:
        name: `roadworld`, `roadworld:SEED`, a folder of pictures, a video file, or a rosbag2 (folder, .mcap or .db3).
        warn: told of every file that is passed over.
        size: width and height of Roadworld's pictures, px.
        stereo: Roadworld's right pictures are rendered, too.

    Raises:
        SetupError: there is no such input, or nothing in it can be played.
    """
    if name == "roadworld" or name.startswith("roadworld:"):
        return _roadworld(name, size, stereo)
    path = Path(name).expanduser()
    if not path.exists():
        raise SetupError(f"input {name} does not exist; give a folder, a video, a bag, or roadworld")
    if path.suffix in (".mcap", ".db3") or (path / "metadata.yaml").is_file():
        from densehybrid_ros.playback.bags import bag_source  # rosbags is needed for bags alone

        return bag_source(path, warn)
    return _folder(path, warn) if path.is_dir() else _video(path)


def _roadworld(name: str, size: tuple[int, int], stereo: bool) -> Source:
    seed = name.partition(":")[2] or "7"
    if not seed.isdigit():
        raise SetupError(f"input {name}: the seed must be a whole number, as in roadworld:7")

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


def _folder(path: Path, warn: Callable[[str], object]) -> Source:
    """Pictures by name. A sibling `labels/` of a folder `images/` is ground truth in CamVid-OOD ids."""
    pictures = sorted(picture_files(path.iterdir()), key=natural_order)
    if not pictures:
        raise SetupError(f"folder {path} holds no pictures ({', '.join(SUFFIXES)})")
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


def _video(path: Path) -> Source:
    # FFmpeg would print its own line before ours
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    capture = cv2.VideoCapture(str(path))
    readable = capture.isOpened() and capture.read()[0]
    rate = capture.get(cv2.CAP_PROP_FPS) or FOLDER_RATE
    capture.release()
    if not readable:
        raise SetupError(f"{path} is no video that OpenCV can read; give {', '.join(VIDEOS)}, a folder or a bag")

    def frames() -> Iterator[PlayedFrame]:
        reader = cv2.VideoCapture(str(path))
        try:
            for number in itertools.count():
                done, image = reader.read()
                if not done:
                    return
                rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
                yield PlayedFrame(rgb, number / rate, f"{path.name} frame {number}")
        finally:
            reader.release()

    return Source(f"video {path} at {rate:g} Hz", frames)
