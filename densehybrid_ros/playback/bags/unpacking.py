"""What rosbags unpacks chunks with, within bounds: its own functions have none, and a kilobyte may fill the memory."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from rosbags.rosbag1 import reader as rosbag1
from rosbags.rosbag2 import storage_mcap

from densehybrid_ros.playback.bags.zstd import LARGEST_UNPACKED, unpacked

lz4: Any = import_module("lz4.frame")
bz2: Any = import_module("bz2")


def _by(make: Callable[[], Any]) -> Callable[[bytes, int], bytes]:
    """By a decompressor of one of the libraries, which take the most that they are to give."""

    def function(data: bytes, most: int) -> bytes:
        decompressor = make()
        found = decompressor.decompress(data, most + 1)
        if len(found) > most:
            raise ValueError(f"it unpacks to more than {most} bytes")
        return found

    return function


by_lz4, by_bz2 = _by(lz4.LZ4FrameDecompressor), _by(bz2.BZ2Decompressor)
CHUNKS: dict[str, Callable[[bytes, int], bytes]] = {
    "": lambda data, size: data,
    "lz4": lambda data, size: by_lz4(data, min(size, LARGEST_UNPACKED)),
    "zstd": lambda data, size: unpacked(data, min(size, LARGEST_UNPACKED)),
}
"""Of MCAP, by the names in its files; data and the size that the chunk says it has."""
CHUNKS_OF_ROS1: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "bz2": lambda data: by_bz2(data, LARGEST_UNPACKED),
    "lz4": lambda data: by_lz4(data, LARGEST_UNPACKED),
}


def bound_rosbags() -> None:
    """From here on its readers use these: they look them up in tables of their modules."""
    storage_mcap.DECOMPRESSORS.update(CHUNKS)
    rosbag1.decompressors.update(CHUNKS_OF_ROS1)
