"""rosbag2 (sqlite3 or mcap), read with `rosbags`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.typesys import Stores, get_typestore

from densehybrid_ros.convert.compressed import rgb_from_compressed
from densehybrid_ros.convert.images import FrameError, rgb_from_image
from densehybrid_ros.errors import SetupError
from densehybrid_ros.playback.played import PlayedFrame, PlayedMessage, Source
from densehybrid_ros.topics import (
    CAMERA_INFO,
    COMPRESSED,
    DEPTH,
    DISPARITY,
    IMAGE,
    RIGHT_IMAGE,
    RIGHT_INFO,
    TRUTHS,
    kinds_of,
)

PICTURES = (IMAGE.kind, IMAGE.compressed.kind)
COMPANIONS = kinds_of(CAMERA_INFO, DISPARITY, DEPTH, RIGHT_IMAGE, RIGHT_IMAGE.compressed, RIGHT_INFO, *TRUTHS)
"""Topics beside an image topic that are played with it, and their types."""


def bag_source(path: Path, warn: Callable[[str], object]) -> Source:
    """The first image topic of a bag, with the times at which it was recorded, and what lies beside it.

    Beside /cam/image_raw (or /cam/image_raw/compressed) that is /cam/camera_info, /cam/disparity, and so on.

    Raises:
        SetupError: no readable bag, or no image topic in it.
    """
    try:
        with AnyReader([path], default_typestore=get_typestore(Stores.LATEST)) as reader:
            topics = {each.topic: each.msgtype for each in reader.connections if each.msgtype in PICTURES}
            present = {each.topic: each.msgtype for each in reader.connections}
    except (AnyReaderError, ValueError, OSError) as error:
        raise SetupError(f"{path} cannot be read as a rosbag2 (sqlite3 or mcap): {error}") from error
    if not topics:
        raise SetupError(f"bag {path} holds no image topic; it has {', '.join(sorted(present)) or 'no topics at all'}")
    topic = _usable_topic(path, sorted(topics, key=_rank))
    beside = _beside(topic)
    topics = {beside(name): kind for name, kind in present.items() if COMPANIONS.get(beside(name)) == kind}
    if topics.pop(RIGHT_IMAGE.compressed.name, None):  # played decoded, as the left pictures are
        topics |= kinds_of(RIGHT_IMAGE)

    def frames() -> Iterator[PlayedFrame | PlayedMessage]:
        with AnyReader([path], default_typestore=get_typestore(Stores.LATEST)) as reader:
            connections = [
                each
                for each in reader.connections
                if each.topic == topic or COMPANIONS.get(beside(each.topic)) == each.msgtype
            ]
            start: int | None = None
            number = -1
            for connection, at, raw in reader.messages(connections):
                start = at if start is None else start
                time = (at - start) * 1e-9
                if connection.topic != topic:
                    yield PlayedMessage(beside(connection.topic), connection.msgtype, bytes(raw), time)
                    continue
                number += 1
                message = reader.deserialize(raw, connection.msgtype)
                try:
                    image = _rgb(message, connection.msgtype)
                except FrameError as error:
                    warn(f"message {number} of {topic} is passed over: {error}")
                    continue
                header: Any = message.header  # pyright: ignore[reportAttributeAccessIssue] - types come from the bag
                stamp = header.stamp.sec * 1_000_000_000 + header.stamp.nanosec
                yield PlayedFrame(image, time, f"{topic} {number}", stamp=stamp, frame_id=header.frame_id)

    return Source(f"bag {path}, topic {topic}", frames, topics)


def _rank(topic: str) -> tuple[bool, bool, str]:
    """Sorts pictures of the left camera before those of the right, and masks behind both."""
    parts = topic.split("/")
    return "ground_truth" in parts, "right" in parts, topic


def _beside(topic: str) -> Callable[[str], str]:
    """The name of another topic as seen from the folder of an image topic; "" for what lies elsewhere."""
    folder = topic.removesuffix(COMPRESSED).rpartition("/")[0] + "/"
    return lambda other: other.removeprefix(folder) if other.startswith(folder) else ""


def _usable_topic(path: Path, topics: list[str]) -> str:
    """The first topic whose first message is a colour or grey picture: depth images are image topics too."""
    reasons: list[str] = []
    with AnyReader([path], default_typestore=get_typestore(Stores.LATEST)) as reader:
        for topic in topics:
            connections = [each for each in reader.connections if each.topic == topic]
            for connection, _, raw in reader.messages(connections):
                try:
                    _rgb(reader.deserialize(raw, connection.msgtype), connection.msgtype)
                except FrameError as error:
                    reasons.append(f"{topic}: {error}")
                    break
                return topic
    raise SetupError(f"bag {path} holds no playable image topic; {'; '.join(reasons) or 'its image topics are empty'}")


def _rgb(message: Any, kind: str) -> NDArray[np.uint8]:
    """RGB of a message as rosbags reads it: the fields are those of the ROS message."""
    return rgb_from_image(message) if kind == IMAGE.kind else rgb_from_compressed(message)
