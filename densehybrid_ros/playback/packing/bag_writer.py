"""rosbag2 in one file, MCAP or sqlite3, written with `rosbags`: it is there whole or not at all."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from densehybrid_ros.errors import SetupError

STORAGES = {".mcap": StoragePlugin.MCAP, ".db3": StoragePlugin.SQLITE3}


@dataclass(frozen=True)
class RawMessage:
    """One message as it lies in a bag."""

    topic: str
    kind: str
    """As in `sensor_msgs/msg/Image`."""
    stamp: int
    """ns, the time at which it counts as recorded."""
    contents: bytes | memoryview
    """CDR."""


@cache
def message_types() -> Typestore:
    """The message definitions that bags are written with."""
    return get_typestore(Stores.ROS2_JAZZY)


class OpenBag:
    """A bag that is being written."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._connections: dict[str, Connection] = {}

    def write(self, message: RawMessage) -> None:
        """Appends a message; its topic is made known with the first one."""
        if message.topic not in self._connections:
            self._connections[message.topic] = self._writer.add_connection(
                message.topic, message.kind, typestore=message_types()
            )
        self._writer.write(self._connections[message.topic], message.stamp, message.contents)


@contextmanager
def new_bag(path: Path, workplace: Path) -> Iterator[OpenBag]:
    """A bag file at `path` when the block ends without an error; nothing there before.

    MCAP is compressed with zstd chunk by chunk, sqlite3 is not compressed.

    Args:
        path: ends in `.mcap` or `.db3`; what is there is replaced.
        workplace: folder on the same disk, emptied first and gone in the end.

    Raises:
        SetupError: it cannot be written.
    """
    storage = STORAGES[path.suffix]
    # the bag's own metadata name the file by its folder
    folder = workplace / path.stem
    try:
        shutil.rmtree(workplace, ignore_errors=True)
        writer = Writer(folder, version=9, storage_plugin=storage)
        if storage == StoragePlugin.MCAP:
            writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        with writer:
            yield OpenBag(writer)
        (folder / path.name).replace(path)
    except (OSError, sqlite3.Error) as error:
        raise SetupError(f"{path} cannot be written: {error}; free the disk or give another folder") from error
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def raw_messages(path: Path) -> Iterator[RawMessage]:
    """The messages of a bag file by time, and in the order of writing where the times are the same.

    Raises:
        SetupError: it cannot be read.
    """
    try:
        with AnyReader([path]) as reader:
            for connection, stamp, contents in reader.messages():
                yield RawMessage(connection.topic, connection.msgtype, stamp, contents)
    except Exception as error:  # rosbags trusts its bytes: whatever it meets in damaged ones
        raise SetupError(f"{path} cannot be read: {' '.join(str(error).split())}; remove it") from error
