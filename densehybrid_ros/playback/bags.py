"""rosbag2 (sqlite3 or mcap), read with `rosbags`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.typesys import Stores, get_typestore

from densehybrid_ros.convert import FrameError, rgb_from_compressed, rgb_from_image
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
    topic = sorted(topics)[0]

    def frames() -> Iterator[PlayedFrame]:
        with AnyReader([path], default_typestore=get_typestore(Stores.LATEST)) as reader:
            connections = [each for each in reader.connections if each.topic == topic]
            start: int | None = None
            for number, (connection, stamp, raw) in enumerate(reader.messages(connections)):
                start = stamp if start is None else start
                message = reader.deserialize(raw, connection.msgtype)
                read = rgb_from_image if connection.msgtype == IMAGE else rgb_from_compressed
                try:
                    image = read(message)  # type: ignore[operator]  # same fields as the ROS message
                except FrameError as error:
                    warn(f"message {number} of {topic} is passed over: {error}")
                    continue
                yield PlayedFrame(image, (stamp - start) * 1e-9, f"{topic} {number}")

    return Source(f"bag {path}, topic {topic}", frames)
