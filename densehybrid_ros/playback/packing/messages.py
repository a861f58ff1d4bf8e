"""The messages of one frame of a drive, from its files, which are checked and never trusted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.camera import right_shift
from densehybrid_ros.drives.files import read_camera, read_disparity
from densehybrid_ros.drives.layout import DriveFrame
from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import TRAIN_ID_TABLES, lostandfound_truth
from densehybrid_ros.pictures import decode_png, read_bytes, read_labels
from densehybrid_ros.playback.packing.bag_writer import RawMessage
from densehybrid_ros.playback.packing.bundles import MessageOptions, Packer, Picture
from densehybrid_ros.topics import (
    ANOMALY_TRUTH,
    CAMERA_INFO,
    IMAGE,
    LABEL_IDS,
    RIGHT_IMAGE,
    RIGHT_INFO,
    TRAIN_IDS,
    Topic,
)

Warn = Callable[[str], None]
T = TypeVar("T")


def frame_messages(frame: DriveFrame, stamp: int, options: MessageOptions, warn: Warn) -> list[RawMessage]:
    """All messages of a frame under one stamp (ns), the image last; none when the left picture cannot be used.

    `warn` is told of every file that cannot be used and whose message is therefore missing.
    """
    left = _usable(read_picture, frame.left, lambda text: warn(f"{text}; the frame is left out"))
    if left is None:
        return []
    size = (left.pixels.shape[0], left.pixels.shape[1])
    pack = Packer(stamp, options)
    messages = _camera_messages(frame, size, pack, warn) + _truth_messages(frame, size, pack, warn)
    return [*messages, pack.picture(IMAGE, left)]


def read_picture(path: Path) -> Picture:
    """A picture and the bytes of its file.

    Raises:
        SetupError: no PNG, or not 8 bits in one or three channels.
    """
    contents = read_bytes(path)
    pixels = decode_png(contents, path)
    if pixels.dtype != np.uint8 or pixels.shape[2:] not in ((), (3,)):
        raise SetupError(f"{path} is {pixels.dtype} of shape {pixels.shape}; wanted 8 bits in 1 or 3 channels")
    return Picture(contents, pixels)


def _camera_messages(frame: DriveFrame, size: tuple[int, int], pack: Packer, warn: Warn) -> list[RawMessage]:
    """Everything but the left image and the truth."""
    messages: list[RawMessage] = []
    camera = _usable(read_camera, frame.camera, warn)
    if camera is not None:
        messages.append(pack.camera_info(CAMERA_INFO, camera, size))
    right = _usable(read_picture, frame.right, warn)
    if frame.right is not None and camera is not None:
        messages.append(pack.camera_info(RIGHT_INFO, camera, size, right_shift(camera)))
    if frame.right is not None and right is not None and _fits(right.pixels, frame.right, size, warn):
        messages.append(pack.picture(RIGHT_IMAGE, right))
    if frame.disparity is not None:
        if camera is None:
            warn(f"{frame.disparity} needs a camera JSON for its focal length and baseline")
            return messages
        disparity = _usable(lambda path: read_disparity(path, pack.options.disparity_offset), frame.disparity, warn)
        if disparity is not None and _fits(disparity, frame.disparity, size, warn):
            messages.append(pack.disparity(disparity, camera))
    return messages


def _truth_messages(frame: DriveFrame, size: tuple[int, int], pack: Packer, warn: Warn) -> list[RawMessage]:
    truth: dict[Topic, NDArray[np.uint8]] = {}
    for topic, path in ((LABEL_IDS, frame.label_ids), (TRAIN_IDS, frame.label_train_ids)):
        labels = _usable(read_labels, path, warn)
        if path is not None and labels is not None and _fits(labels, path, size, warn):
            truth[topic] = labels
    data_set = pack.options.data_set
    if frame.label_train_ids is None and LABEL_IDS in truth:
        truth[TRAIN_IDS] = TRAIN_ID_TABLES[data_set][truth[LABEL_IDS]]
    if data_set == "lostandfound" and TRAIN_IDS in truth:
        truth[ANOMALY_TRUTH] = lostandfound_truth(truth[TRAIN_IDS])
    return [pack.image(topic, labels, "mono8") for topic, labels in truth.items()]


def _usable(read: Callable[[Path], T], path: Path | None, warn: Warn) -> T | None:
    """What the file holds; None where there is no file, or where it is wrong, of which `warn` is told."""
    if path is None:
        return None
    try:
        return read(path)
    except SetupError as error:
        warn(str(error))
        return None


def _fits(values: NDArray[np.generic], path: Path, size: tuple[int, int], warn: Warn) -> bool:
    if values.shape[:2] == size:
        return True
    warn(f"{path} is {values.shape[1]}x{values.shape[0]}, its left picture {size[1]}x{size[0]}; give both one size")
    return False
