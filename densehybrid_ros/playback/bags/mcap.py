"""MCAP: with rosbags where the file is whole, else record by record."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rosbags.rosbag2 import Reader

from densehybrid_ros.errors import SetupError
from densehybrid_ros.playback.bag_files import MCAP_START
from densehybrid_ros.playback.bags.mcap_records import Remains
from densehybrid_ros.playback.bags.recorded import Progress, Recorded, RecordedTopic, Storage, Warn, one_line


def _topics(path: Path, warn: Warn) -> list[RecordedTopic]:
    try:
        with _reader(path) as reader:
            return [RecordedTopic(each.topic, each.msgtype, each.msgcount) for each in reader.connections]
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {one_line(error)}; check the file and its rights") from error
    except Exception as error:  # rosbags trusts its bytes: whatever it meets in damaged ones
        return _remaining_topics(path, one_line(error), warn)


def _remaining_topics(path: Path, reason: str, warn: Warn) -> list[RecordedTopic]:
    remains, counts = Remains(path), dict[tuple[str, str], int]()
    for message in remains.messages():
        counts[message.topic, message.kind] = counts.get((message.topic, message.kind), 0) + 1
    found = f"{sum(counts.values())} messages can be read" + f", lost are {remains.loss()}" * bool(remains.loss())
    warn(f"{path} has no usable index ({reason.rstrip('.')}): it is read from its start, {found}")
    if not counts:
        foreign = "; ".join(f"{topic} is {encoding}, not cdr" for topic, encoding in remains.foreign.items())
        raise SetupError(f"{path} holds no message that can be read ({foreign or reason.rstrip('.')}); copy it again")
    return [RecordedTopic(topic, kind, count) for (topic, kind), count in counts.items()]


def _messages(path: Path, topics: Collection[str], warn: Warn) -> Iterator[Recorded]:
    progress = Progress()
    try:
        with _reader(path) as reader:
            connections = [each for each in reader.connections if each.topic in topics]
            for connection, time, data in reader.messages(connections) if connections else ():
                yield progress.note(Recorded(connection.topic, connection.msgtype, time, bytes(data)))
            return
    except Exception as error:
        reason = one_line(error)
    remains = Remains(path)
    for message in remains.messages():
        if message.topic in topics and progress.is_behind(message):
            yield message
    if progress.time >= 0 and remains.loss():  # else said already, when the topics were listed
        warn(f"{path} is damaged ({reason.rstrip('.')}): lost are {remains.loss()}")


@contextmanager
def _reader(path: Path) -> Iterator[Any]:
    # the plugin itself, as Reader goes by the ending of the name
    reader: Any = Reader.STORAGE_PLUGINS[".mcap"](path)
    reader.open()
    try:
        if not all(chunk.channel_count for chunk in reader.chunks):  # it would pass over those chunks without a word
            raise ValueError("chunks without message index")
        yield reader
    finally:
        reader.close()


MCAP = Storage(MCAP_START, _topics, _messages)
