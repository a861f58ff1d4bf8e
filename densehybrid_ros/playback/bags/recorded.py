"""Messages as they lie in a bag, and what may be wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from densehybrid_ros.convert.images import FrameError

Warn = Callable[[str], object]


@dataclass(frozen=True)
class RecordedTopic:
    """A topic of a bag file."""

    name: str
    kind: str
    """As in sensor_msgs/msg/Image."""
    count: int
    """Of its messages; −1 = not known."""


@dataclass(frozen=True)
class Recorded:
    """A message of a bag."""

    topic: str
    kind: str
    time: int
    """ns, at which it was recorded."""
    data: bytes
    """CDR."""
    fault: str = ""
    """Why there is no `data`."""


@dataclass(frozen=True)
class Storage:
    """How one kind of bag file is read; both functions raise SetupError where nothing can be."""

    start: bytes
    """Of every such file."""
    topics: Callable[[Path, Warn], list[RecordedTopic]]
    messages: Callable[[Path, Collection[str], Warn], Iterator[Recorded]]
    """Of the topics named, by time; what cannot be read is counted and said."""


@dataclass
class Progress:
    """How far a file has been read, so that another way of reading it goes on from there."""

    time: int = -1
    topics: set[str] = field(default_factory=set)
    """Of the messages at just this time."""

    def note(self, message: Recorded) -> Recorded:
        if message.time != self.time:
            self.time, self.topics = message.time, set()
        self.topics.add(message.topic)
        return message

    def is_behind(self, message: Recorded) -> bool:
        return message.time > self.time or (message.time == self.time and message.topic not in self.topics)


@cache
def message_types() -> Typestore:
    """Those of ROS 2: definitions that a bag brings along may be missing, broken, or of a type that nobody asks for."""
    return get_typestore(Stores.LATEST)


def deserialised(message: Recorded) -> Any:
    """The message with its fields, as rosbags reads it.

    Raises:
        FrameError: its bytes are no message of its kind.
    """
    if message.fault:
        raise FrameError(message.fault)
    try:
        return message_types().deserialize_cdr(message.data, message.kind)
    except Exception as error:  # SerdeError, struct.error, IndexError, …: whatever it meets in the bytes
        raise FrameError(f"its {len(message.data)} bytes are no {message.kind}: {one_line(error)}") from error


def stamp_of(message: Any, time: int) -> int:
    """ns; the header's, or `time` where that is not set."""
    stamp = message.header.stamp
    return stamp.sec * 1_000_000_000 + stamp.nanosec or time


def one_line(error: BaseException) -> str:
    """What a library says, for one of our lines."""
    return " ".join(str(error).split()) or type(error).__name__
