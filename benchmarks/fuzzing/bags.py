"""Bags of every kind, their metadata, and the messages in them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from densehybrid_ros.camera import MAX_IMAGE_PIXELS
from densehybrid_ros.convert.calibration import why_no_places
from densehybrid_ros.convert.compressed import rgb_from_compressed
from densehybrid_ros.convert.compressed_depth import depth_from_compressed
from densehybrid_ros.convert.images import FrameError, rgb_from_image
from densehybrid_ros.convert.ranges import depth_from_image, disparity_from_message, projection_of
from densehybrid_ros.playback.bags.recorded import Recorded, deserialised
from densehybrid_ros.playback.sources import open_source
from densehybrid_ros.topics import CAMERA_INFO, DISPARITY, IMAGE
from fuzzing.changes import changed_bytes, changed_text
from fuzzing.target import Target, contents

STORE, ROS1 = get_typestore(Stores.ROS2_JAZZY), get_typestore(Stores.ROS1_NOETIC)
COMPRESSED = IMAGE.compressed.kind
SIZE = 14, 9
MOST_FRAMES = 50
Message = tuple[str, str, Any]
"""Topic, kind, and what it says."""


def _messages(store: Any = STORE) -> list[Message]:
    """Pictures of each transport, depths, a calibration and a disparity of one moment."""
    types, (width, height) = store.types, SIZE
    time = types["builtin_interfaces/msg/Time"](1, 2)
    ros1 = (1,) if store is ROS1 else ()
    header = types["std_msgs/msg/Header"](*ros1, time, "cam")
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    metres, millimetres = np.full((height, width), 2, np.float32), np.full((height, width), 2000, np.uint16)

    def image(values: np.ndarray, encoding: str) -> Any:
        data = values.reshape(-1).view(np.uint8)
        return types[IMAGE.kind](header, height, width, encoding, 0, values[0].nbytes, data)

    def packed(suffix: str, values: np.ndarray, form: str, before: bytes = b"") -> Any:
        data = before + cv2.imencode(suffix, values, [])[1].tobytes()
        return types[COMPRESSED](header, form, np.frombuffer(data, np.uint8))

    window = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    eye, matrix = np.eye(3).ravel(), np.array([[9.0, 0, 7, 0], [0, 9, 4, 0], [0, 0, 1, 0]])
    numbers = np.array([0.1, 0, 0, 0, 0]), matrix[:, :3].ravel(), eye, matrix.ravel()
    disparity = image(metres, "32FC1"), 9.0, 0.5, window, 0.0, 64.0, 0.1
    return [
        (f"/cam/{IMAGE.name}", IMAGE.kind, image(rgb, "rgb8")),
        (f"/cam/{IMAGE.compressed.name}", COMPRESSED, packed(".jpg", rgb, "rgb8; jpeg compressed bgr8")),
        ("/cam/png/compressed", COMPRESSED, packed(".png", rgb, "png")),
        ("/cam/depth", IMAGE.kind, image(millimetres, "16UC1")),
        ("/cam/depth/compressedDepth", COMPRESSED, packed(".png", millimetres, "32FC1; compressedDepth", bytes(12))),
        (
            f"/cam/{CAMERA_INFO.name}",
            CAMERA_INFO.kind,
            types[CAMERA_INFO.kind](header, height, width, "plumb_bob", *numbers, 0, 0, window),
        ),
        (f"/cam/{DISPARITY.name}", DISPARITY.kind, types[DISPARITY.kind](header, *disparity)),
    ]


def _written(folder: Path, plugin: StoragePlugin, mode: CompressionMode, store: Any = STORE) -> Path:
    """The folder of a bag."""
    bag = folder / f"{plugin.name}_{mode.name}"
    writer = Writer(bag, version=9, storage_plugin=plugin)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        for topic, kind, message in _messages():
            connection = writer.add_connection(topic, kind, typestore=store)
            for number in range(2):
                writer.write(connection, number * 10**8, bytes(store.serialize_cdr(message, kind)))
    return bag


def _files(plugin: StoragePlugin, *modes: CompressionMode) -> Callable[[Path], list[bytes]]:
    def made(folder: Path) -> list[bytes]:
        bags = [_written(folder, plugin, mode) for mode in modes]
        return contents([path for bag in bags for path in bag.iterdir() if path.suffix != ".yaml"])

    return made


def _ros1_files(folder: Path) -> list[bytes]:
    paths = [folder / f"{name}.bag" for name in ("plain", *(each.name for each in Ros1Writer.CompressionFormat))]
    for path in paths:
        writer = Ros1Writer(path)
        if path.stem != "plain":
            writer.set_compression(Ros1Writer.CompressionFormat[path.stem])
        with writer:
            for topic, kind, message in _messages(ROS1):
                connection = writer.add_connection(topic, kind, typestore=ROS1)
                writer.write(connection, 10**8, bytes(ROS1.serialize_ros1(message, kind)))
    return contents(paths)


def _metadata(folder: Path) -> list[bytes]:
    return contents([_written(folder, StoragePlugin.SQLITE3, CompressionMode.NONE) / "metadata.yaml"])


def _play(path: Path) -> None:
    """Every frame and message, as the player takes them."""
    said: list[str] = []
    source = open_source(str(path), said.append)
    for _ in itertools.islice(source.frames(), MOST_FRAMES):
        pass


def _play_beside(path: Path) -> None:
    """The bag in whose folder the metadata lie."""
    folder = path.parent / "bag"
    if not folder.is_dir():
        path.with_name("again").mkdir()
        _written(path.with_name("again"), StoragePlugin.SQLITE3, CompressionMode.NONE).rename(folder)
    (folder / "metadata.yaml").write_bytes(path.read_bytes())
    _play(folder)


def _cdr(folder: Path) -> list[bytes]:
    """A message behind the number of its kind."""
    made = _messages()
    return [bytes([number, *STORE.serialize_cdr(made[number][2], made[number][1])]) for number in range(len(made))]


def _take(path: Path) -> None:
    """A message as the player and the node turn it into arrays."""
    data = path.read_bytes()
    kinds = [(topic, kind) for topic, kind, _ in _messages()]
    topic, kind = kinds[data[0] % len(kinds)] if data else kinds[0]
    message = deserialised(Recorded(topic, kind, 0, data[1:]))
    for take in TAKEN[kind]:
        take(message)


def _info(message: Any) -> None:
    for rectified in (False, True):
        why_no_places(message, *SIZE, rectified)
    projection_of(message, *SIZE)


def _either(*takes: Callable[[Any], object]) -> list[Callable[[Any], object]]:
    """All of them, whatever the others say of the message."""

    def without_refusal(take: Callable[[Any], object]) -> Callable[[Any], object]:
        def taken(message: Any) -> None:
            try:
                take(message)
            except FrameError:
                return

        return taken

    return [without_refusal(take) for take in takes]


TAKEN: dict[str, list[Callable[[Any], object]]] = {
    IMAGE.kind: _either(rgb_from_image, depth_from_image),
    COMPRESSED: _either(lambda message: rgb_from_compressed(message, MAX_IMAGE_PIXELS), depth_from_compressed),
    CAMERA_INFO.kind: [_info],
    DISPARITY.kind: [disparity_from_message],
}
PLAIN, PACKED = CompressionMode.NONE, CompressionMode.MESSAGE
TARGETS = {
    "bag sqlite3": Target(".db3", _files(StoragePlugin.SQLITE3, PLAIN, PACKED), _play),
    "bag mcap": Target(".mcap", _files(StoragePlugin.MCAP, PLAIN, CompressionMode.STORAGE), _play),
    "bag of ROS 1": Target(".bag", _ros1_files, _play),
    "bag packed": Target(".db3.zstd", _files(StoragePlugin.SQLITE3, CompressionMode.FILE), _play),
    "bag metadata": Target(".yaml", _metadata, _play_beside, changed_text),
    "message": Target(".cdr", _cdr, _take, changed_bytes, refusals=(FrameError,)),
}
