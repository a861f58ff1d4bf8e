"""ROS 1: messages become CDR, field by field; what we play has the same fields in both."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from rosbags.rosbag1 import Reader

from densehybrid_ros.errors import SetupError
from densehybrid_ros.playback.bag_files import ROS1_START
from densehybrid_ros.playback.bags.recorded import Recorded, RecordedTopic, Storage, Warn, message_types, one_line


def _topics(path: Path, warn: Warn) -> list[RecordedTopic]:
    try:
        with Reader(path) as reader:
            return [RecordedTopic(each.topic, each.msgtype, each.msgcount) for each in reader.connections]
    except Exception as error:  # rosbags trusts its bytes: whatever it meets in damaged ones
        remedy = f"in ROS 1, try: rosbag reindex {path}"
        raise SetupError(f"{path} cannot be read as a ROS 1 bag: {one_line(error).rstrip('.')}; {remedy}") from error


def _messages(path: Path, topics: Collection[str], warn: Warn) -> Iterator[Recorded]:
    try:
        with Reader(path) as reader:
            connections = [each for each in reader.connections if each.topic in topics]
            for connection, time, data in reader.messages(connections) if connections else ():
                yield _as_cdr(Recorded(connection.topic, connection.msgtype, time, bytes(data)))
    except Exception as error:
        warn(f"{path} is damaged ({one_line(error)}): the rest is lost; in ROS 1, try: rosbag reindex {path}")


def _as_cdr(message: Recorded) -> Recorded:
    try:
        data, fault = bytes(message_types().ros1_to_cdr(message.data, message.kind)), ""
    except Exception as error:
        data, fault = b"", f"its {len(message.data)} bytes are no {message.kind}: {one_line(error)}"
    return Recorded(message.topic, message.kind, message.time, data, fault)


ROS1 = Storage(ROS1_START, _topics, _messages)
