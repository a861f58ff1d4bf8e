"""`open_source(name)` → a stream of frames with times, and ground truth where the input has it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.roadworld import Roadworld, StereoCamera
from densehybrid_ros.topics import ANOMALY_TRUTH, CAMERA_INFO, DISPARITY, RIGHT_IMAGE, RIGHT_INFO, TRUTH, kinds_of

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
VIDEOS = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v")
FOLDER_RATE = 10.0
"""Hz at which the pictures of a folder are taken to have been recorded."""
VOID_ID, ANOMALY_ID, UNKNOWN = 11, 12, 11
"""File ids of CamVid-OOD labels, and the id of "unknown" behind CamVid's 11 classes."""


@dataclass(frozen=True)
class PlayedFrame:
    """One frame as it will be published."""

    image: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    time: float
    """s since the start of the input."""
    name: str
    truth: NDArray[np.uint8] | None = None
    """(H, W) open-set ground truth: 0..K−1, K = unknown, 255 = ignore."""
    camera: StereoCamera | None = None
    disparity: NDArray[np.float32] | None = None
    """(H, W) px, 0 = none; goes with `camera`."""
    right: NDArray[np.uint8] | None = None
    """(H, W, 3) RGB of the right camera; goes with `camera`."""
    stamp: int | None = None
    """ns; when it was taken, where the input knows."""
    frame_id: str = ""


@dataclass(frozen=True)
class PlayedMessage:
    """A recorded message that belongs to the images, as it will be published: calibration, disparity, ground truth."""

    topic: str
    """Relative, as the player names it."""
    kind: str
    """As in sensor_msgs/msg/CameraInfo."""
    data: bytes
    """CDR; begins with a std_msgs/Header."""
    time: float
    """s since the start of the input."""


@dataclass(frozen=True)
class Source:
    """An input that can be played from its start any number of times."""

    description: str
    frames: Callable[[], Iterator[PlayedFrame | PlayedMessage]]
    topics: Mapping[str, str] = field(default_factory=dict)
    """What is played besides the images: topic and type, as in sensor_msgs/msg/Image."""


def open_source(
    name: str, warn: Callable[[str], None], size: tuple[int, int] = (960, 540), stereo: bool = False
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
            truth = np.where(frame.anomaly, np.uint8(UNKNOWN), frame.labels).astype(np.uint8)
            yield PlayedFrame(
                frame.left,
                frame.stamp,
                f"roadworld {seed} frame {index}",
                truth,
                frame.camera,
                frame.disparity,
                frame.right,
            )

    topics = (TRUTH, ANOMALY_TRUTH, CAMERA_INFO, DISPARITY, *((RIGHT_IMAGE, RIGHT_INFO) if stereo else ()))
    return Source(f"Roadworld, seed {seed}", frames, kinds_of(*topics))


def _folder(path: Path, warn: Callable[[str], None]) -> Source:
    """Pictures by name. A sibling `labels/` of a folder `images/` is ground truth in CamVid-OOD ids."""
    pictures = [entry for entry in sorted(path.iterdir()) if entry.suffix.lower() in PICTURES]
    if not pictures:
        raise SetupError(f"folder {path} holds no pictures ({', '.join(PICTURES)})")
    labels = path.resolve().parent / "labels" if path.resolve().name == "images" else None
    labels = labels if labels is not None and labels.is_dir() else None

    def frames() -> Iterator[PlayedFrame]:
        for number, picture in enumerate(pictures):
            image = cv2.imread(str(picture), cv2.IMREAD_COLOR)
            if image is None:
                warn(f"{picture} cannot be read as a picture and is passed over")
                continue
            truth = _truth(labels / f"{picture.stem}.png", image.shape[:2], warn) if labels else None
            rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
            yield PlayedFrame(rgb, number / FOLDER_RATE, picture.name, truth)

    return Source(f"{len(pictures)} pictures in {path}", frames, kinds_of(TRUTH, ANOMALY_TRUTH) if labels else {})


def _truth(path: Path, shape: tuple[int, ...], warn: Callable[[str], None]) -> NDArray[np.uint8] | None:
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if labels is None or labels.shape != shape:
        warn(f"{path} is no label picture of the size of its image and is passed over")
        return None
    truth = np.full(shape, 255, np.uint8)
    known = labels < VOID_ID
    truth[known] = labels[known]
    truth[labels == ANOMALY_ID] = UNKNOWN
    return truth


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
                rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)
                yield PlayedFrame(rgb, number / rate, f"{path.name} frame {number}")
        finally:
            reader.release()

    return Source(f"video {path} at {rate:g} Hz", frames)
