"""rosbag2 (sqlite3 or mcap), read with `rosbags`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.typesys import Stores, get_typestore

from densehybrid_ros.convert import FrameError, rgb_from_image
from densehybrid_ros.convert_compressed import rgb_from_compressed
from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.playback.sources import PlayedFrame, Source

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"


def bag_source(path: Path, warn: Callable[[str], None]) -> Source:
    """The first image topic of a bag, with the times at which it was recorded.

    Raises:
        SetupError: no readable bag, or no image topic in it.
    """
    try:
        with AnyReader([path], default_typestore=get_typestore(Stores.LATEST)) as reader:
            topics = {each.topic: each.msgtype for each in reader.connections if each.msgtype in (IMAGE, COMPRESSED)}
            present = sorted({each.topic for each in reader.connections})
    except (AnyReaderError, ValueError, OSError) as error:
        raise SetupError(f"{path} cannot be read as a rosbag2 (sqlite3 or mcap): {error}") from error
    if not topics:
        raise SetupError(f"bag {path} holds no image topic; it has {', '.join(present) or 'no topics at all'}")
    topic = _usable_topic(path, sorted(topics))

    def frames() -> Iterator[PlayedFrame]:
        with AnyReader([path], default_typestore=get_typestore(Stores.LATEST)) as reader:
            connections = [each for each in reader.connections if each.topic == topic]
            start: int | None = None
            for number, (connection, stamp, raw) in enumerate(reader.messages(connections)):
                start = stamp if start is None else start
                try:
                    image = _rgb(reader.deserialize(raw, connection.msgtype), connection.msgtype)
                except FrameError as error:
                    warn(f"message {number} of {topic} is passed over: {error}")
                    continue
                yield PlayedFrame(image, (stamp - start) * 1e-9, f"{topic} {number}")

    return Source(f"bag {path}, topic {topic}", frames)


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
    return rgb_from_image(message) if kind == IMAGE else rgb_from_compressed(message)
