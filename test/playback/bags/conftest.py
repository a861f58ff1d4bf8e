"""Bags written with rosbags, as recorders write them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("rosbags", reason="rosbags is not installed")
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_JAZZY)
TYPES = STORE.types
IMAGE, COMPRESSED, INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo"
DISPARITY = "stereo_msgs/msg/DisparityImage"
BEGIN, STEP = 1_700_000_000_000_000_000, 100_000_000
"""ns"""
Item = tuple[str, str, int, Any]
"""Topic, kind, ns, message or its bytes."""


class Make:
    """Messages, and bags of them."""

    image, compressed, info, disparity = IMAGE, COMPRESSED, INFO, DISPARITY

    def __init__(self, root: Path) -> None:
        self.root = root

    def at(self, number: int) -> int:
        return BEGIN + number * STEP

    def header(self, at: int, frame: str) -> Any:
        return TYPES["std_msgs/msg/Header"](TYPES["builtin_interfaces/msg/Time"](at // 10**9, at % 10**9), frame)

    def picture(self, number: int, size: tuple[int, int] = (32, 24), colour: bool = True) -> np.ndarray:
        """All of one grey level, by which it is known."""
        return np.full((size[1], size[0], 3)[: 3 if colour else 2], 10 * number, np.uint8)

    def pixels(self, topic: str, number: int, values: np.ndarray, encoding: str, frame: str = "cam") -> Item:
        height, width = values.shape[:2]
        header, data = self.header(self.at(number), frame), values.reshape(-1).view(np.uint8)
        message = TYPES[IMAGE](header, height, width, encoding, 0, values[0].nbytes, data)
        return topic, IMAGE, self.at(number), message

    def packed(self, topic: str, number: int, data: bytes, form: str = "jpeg", frame: str = "cam") -> Item:
        message = TYPES[COMPRESSED](self.header(self.at(number), frame), form, np.frombuffer(data, np.uint8))
        return topic, COMPRESSED, self.at(number), message

    def calibration(self, topic: str, number: int, frame: str = "cam", size: tuple[int, int] = (32, 24)) -> Item:
        region = TYPES["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
        matrices = np.zeros(5), np.eye(3).ravel(), np.eye(3).ravel(), np.zeros(12)
        header = self.header(self.at(number), frame)
        return topic, INFO, self.at(number), TYPES[INFO](header, size[1], size[0], "plumb_bob", *matrices, 0, 0, region)

    def disparities(self, topic: str, number: int, frame: str = "cam") -> Item:
        values = np.ones((24, 32), np.float32)
        image = self.pixels(topic, number, values, "32FC1", frame)[3]
        window = TYPES["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
        fields = image, 100.0, 0.5, window, 0.0, 64.0, 0.1
        return topic, DISPARITY, self.at(number), TYPES[DISPARITY](self.header(self.at(number), frame), *fields)

    def colours(self, topic: str, numbers: Iterable[int] = range(6), frame: str = "cam") -> list[Item]:
        return [self.pixels(topic, number, self.picture(number), "rgb8", frame) for number in numbers]

    def jpegs(self, topic: str, numbers: Iterable[int] = range(6)) -> list[Item]:
        return [
            self.packed(topic, number, cv2.imencode(".jpg", self.picture(number))[1].tobytes()) for number in numbers
        ]

    def depths(self, topic: str, frame: str = "cam", encoding: str = "16UC1", numbers: range = range(6)) -> list[Item]:
        values = np.full((24, 32), 2000, np.float32 if encoding == "32FC1" else np.uint16)
        return [self.pixels(topic, number, values, encoding, frame) for number in numbers]

    def bag(self, items: list[Item], name: str = "drive", storage: str = "mcap", mode: str = "NONE") -> Path:
        """A folder with one file; `mode` is NONE, FILE, MESSAGE or STORAGE, the compression with zstd."""
        plugin = {"mcap": StoragePlugin.MCAP, "db3": StoragePlugin.SQLITE3}[storage]
        writer = Writer(self.root / name, version=9, storage_plugin=plugin)
        writer.set_compression(CompressionMode[mode], CompressionFormat.ZSTD)
        with writer:
            connections: dict[str, Any] = {}
            for topic, kind, at, message in sorted(items, key=lambda item: item[2]):
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
                data = message if isinstance(message, bytes) else bytes(STORE.serialize_cdr(message, kind))
                writer.write(connections[topic], at, data)
        return self.root / name

    def file(self, items: list[Item], storage: str = "mcap", mode: str = "NONE") -> Path:
        """The one file of such a bag."""
        (path,) = self.bag(items, storage=storage, mode=mode).glob("drive.*")
        return path


@pytest.fixture
def make(tmp_path: Path) -> Make:
    return Make(tmp_path)


@pytest.fixture
def levels() -> Callable[[Any], list[int]]:
    """By what number each frame of a source is known."""

    def of(source: Any) -> list[int]:
        return [round(int(frame.image[0, 0, 0]) / 10) for frame in source.frames() if hasattr(frame, "image")]

    return of
