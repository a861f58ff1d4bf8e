"""Bags as people have them: names, compression, what is missing, what is broken. What can be played is played."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.playback.played import PlayedFrame, PlayedMessage
from densehybrid_ros.playback.sources import open_source

if TYPE_CHECKING:
    from conftest import Make

Levels = Callable[..., list[int]]
ALL = [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("storage", ["mcap", "db3"])
@pytest.mark.parametrize("mode", ["NONE", "FILE", "MESSAGE"])
@pytest.mark.parametrize("given", ["folder", "folder without metadata", "file", "file in upper case", "file with a #"])
def test_a_bag_is_played_however_it_is_stored_and_given(
    make: Make, levels: Levels, storage: str, mode: str, given: str
) -> None:
    told: list[str] = []
    path = make.file(make.colours("/cam/image_raw"), storage, mode)
    if given.startswith("folder"):
        if given != "folder":
            (path.parent / "metadata.yaml").unlink()
        path = path.parent
    elif given != "file":
        path = path.rename(path.with_name(path.name.upper() if "upper" in given else f"50%41#{path.name}"))
    source = open_source(str(path), told.append)
    assert levels(source) == levels(source) == ALL
    assert [frame.time for frame in source.frames()] == pytest.approx([0.1 * number for number in ALL])
    assert all("has no metadata.yaml" in text for text in told)
    assert bool(told) == (given == "folder without metadata")


def test_chunks_with_zstd_are_played(make: Make, levels: Levels) -> None:
    assert levels(open_source(str(make.file(make.colours("/cam/image_raw"), mode="STORAGE")), pytest.fail)) == ALL


def test_what_was_unpacked_is_gone_with_the_bag(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    source = open_source(str(make.file(make.colours("/cam/image_raw"), mode="FILE")), pytest.fail)
    next(iter(source.frames()))
    assert list(tmp_path.glob("bag_*"))
    del source
    assert not list(tmp_path.glob("bag_*"))


def test_the_files_of_a_split_bag_are_played_in_order_and_a_missing_one_is_named(make: Make, levels: Levels) -> None:
    paths = [
        make.bag(make.colours("/cam/image_raw", numbers), f"part{numbers[0]}") for numbers in ([0, 1], [2, 3], [4, 5])
    ]
    folder = make.root / "whole"
    folder.mkdir()
    for path, number in zip(paths, (2, 10, 11), strict=True):
        (file,) = path.glob("*.mcap")
        file.rename(folder / f"whole_{number}.mcap")
    told: list[str] = []
    assert levels(open_source(str(folder), told.append)) == ALL
    listed = "\n".join(f"  - whole_{number}.mcap" for number in (11, 10, 3))
    (folder / "metadata.yaml").write_text(f"rosbag2_bagfile_information:\n  relative_file_paths:\n{listed}\n")
    told.clear()
    assert levels(open_source(str(folder), told.append)) == [4, 5, 2, 3]
    assert any("lacks whole_3.mcap" in text for text in told)


@pytest.mark.parametrize("text", ["", "a: [", "[]", "rosbag2_bagfile_information: 3"])
def test_broken_metadata_are_done_without(make: Make, levels: Levels, text: str) -> None:
    folder, told = make.bag(make.colours("/cam/image_raw")), []
    (folder / "metadata.yaml").write_text(text)
    assert levels(open_source(str(folder), told.append)) == ALL
    assert len(told) == (text != "rosbag2_bagfile_information: 3")


@pytest.mark.parametrize("mode", ["NONE", "STORAGE"])
@pytest.mark.parametrize("part", [0.5, 0.9, -4, -60])
def test_of_an_mcap_that_is_cut_off_the_whole_part_is_played_and_the_rest_counted(
    make: Make, levels: Levels, mode: str, part: float
) -> None:
    noise = np.random.default_rng(1)
    items = []
    for number in range(20):  # of several blocks of zstd, which come back whole or not at all
        values = noise.integers(0, 256, (120, 160, 3)).astype(np.uint8)
        values[0, 0] = 10 * number
        items.append(make.pixels("/cam/image_raw", number, values, "rgb8"))
    path, told = make.file(items, mode=mode), []
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part) if part > 0 else int(part)])
    played = levels(open_source(str(path.parent), told.append))
    assert played == list(range(len(played)))
    assert len(played) == (20 if part < 0 else pytest.approx(20 * part, abs=3))
    assert f"{len(played)} messages can be read" in told[0]
    assert told[1:] == [f"/cam/image_raw: {20 - len(played)} of the 20 messages that were recorded are lost"] * (
        part > 0
    )


def test_a_damaged_chunk_is_passed_over_and_what_follows_is_played(make: Make, levels: Levels, tmp_path: Path) -> None:
    content = chunked([make.colours("/cam/image_raw", numbers) for numbers in ([0, 1], [2, 3], [4, 5])])
    place = content.index(bytes([20] * 200))
    path, told = tmp_path / "damaged.mcap", []
    path.write_bytes(content[:place] + bytes(50) + content[place + 50 :])
    assert levels(open_source(str(path), told.append)) == [0, 1, 4, 5]
    assert any("lost are 1 chunks (checksum mismatch)" in text for text in told)


def test_behind_bytes_that_are_no_record_the_index_leads_on(make: Make, levels: Levels, tmp_path: Path) -> None:
    content = chunked([make.colours("/cam/image_raw", numbers) for numbers in ([0, 1], [2, 3], [4, 5])])
    place = content.index(bytes([20] * 200)) - 300
    path, told = tmp_path / "damaged.mcap", []
    path.write_bytes(content[:place] + b"\x77" * 600 + content[place + 600 :])
    assert levels(open_source(str(path), told.append)) == [0, 1, 4, 5]
    assert any("is damaged" in text or "lost are" in text for text in told)


@pytest.mark.parametrize("damaged", [range(3, 6), range(12, 17)])
def test_rows_of_a_damaged_database_are_passed_over_and_counted(make: Make, levels: Levels, damaged: range) -> None:
    path, told = make.file(make.colours("/cam/image_raw", range(25)), "db3"), []
    content, page = bytearray(path.read_bytes()), 4096
    place = content.index(bytes([10 * damaged[0]] * 400)) // page * page
    content[place : place + page * len(damaged)] = b"\xff" * page * len(damaged)
    path.write_bytes(content)
    played = levels(open_source(str(path), told.append))
    assert 10 <= len(played) < 25
    assert sorted(set(played)) == played
    assert any(f"{25 - len(played)} of 25 messages are lost" in text for text in told), told


def test_a_journal_that_a_killed_recorder_has_left_is_read(make: Make, levels: Levels, tmp_path: Path) -> None:
    path = make.file(make.colours("/cam/image_raw"), "db3")
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA wal_autocheckpoint=0")
    database.execute("UPDATE messages SET topic_id = topic_id WHERE id > 3")
    row = database.execute("SELECT topic_id, timestamp + 100000000, data FROM messages WHERE id = 6").fetchone()
    database.execute("INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)", row)
    database.commit()
    killed = tmp_path / "killed"
    shutil.copytree(path.parent, killed)
    database.close()
    assert levels(open_source(str(killed / path.name), pytest.fail)) == [*ALL, 5]


@pytest.mark.parametrize("kind", ["cut zstd", "no zstd", "nothing", "empty", "only metadata", "several", "ros 1"])
def test_what_is_no_bag_is_named_in_one_line_with_a_remedy(make: Make, levels: Levels, kind: str) -> None:
    folder = make.bag(make.colours("/cam/image_raw"), mode="FILE" if "zstd" in kind else "NONE")
    (file,) = folder.glob("drive.mcap*")
    path = file
    if kind == "cut zstd":
        file.write_bytes(file.read_bytes()[:30])
    elif kind == "ros 1":
        path = file.rename(file.with_name("a.bag"))
        path.write_bytes(b"#ROSBAG V2.0\n" + bytes(100))
    elif kind in ("no zstd", "nothing", "empty"):
        file.write_bytes(b"" if kind == "empty" else b"nothing at all")
    else:
        path = folder
        if kind == "several":
            shutil.copy(file, folder / "other.mcap")
            (folder / "metadata.yaml").unlink()
        else:
            file.unlink()
    with pytest.raises(SetupError, match=";") as caught:
        levels(open_source(str(path), lambda text: None))
    assert str(path).removesuffix(".zstd") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_of_bags_lists_them(make: Make) -> None:
    make.bag(make.colours("/cam/image_raw"), "b")
    make.bag(make.colours("/cam/image_raw"), "a")
    with pytest.raises(SetupError, match="give one of what it holds: a, b"):
        open_source(str(make.root), pytest.fail)


def test_a_bag_of_ros_1_is_played_with_its_calibration(tmp_path: Path, levels: Levels) -> None:
    from rosbags.rosbag1 import Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS1_NOETIC)
    image, info = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
    with Writer(tmp_path / "old.bag") as writer:
        topics = {
            kind: writer.add_connection(name, kind, typestore=store)
            for name, kind in (("/c/image_raw", image), ("/c/camera_info", info))
        }
        for number in range(3):
            header = store.types["std_msgs/msg/Header"](
                number, store.types["builtin_interfaces/msg/Time"](7, number), "cam"
            )
            region = store.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
            values = np.arange(5.0), np.full(9, 2.0), np.full(9, 3.0), np.full(12, 4.0)
            camera = store.types[info](header, 2, 3, "plumb_bob", *values, 0, 0, region)
            writer.write(topics[info], 10**9 + number, store.serialize_ros1(camera, info))
            pixels = store.types[image](header, 2, 3, "rgb8", 0, 9, np.full(18, 10 * number, np.uint8))
            writer.write(topics[image], 10**9 + number, store.serialize_ros1(pixels, image))
    source = open_source(str(tmp_path / "old.bag"), pytest.fail)
    assert levels(source) == [0, 1, 2]
    first = next(each for each in source.frames() if isinstance(each, PlayedMessage))
    frames = [each for each in source.frames() if isinstance(each, PlayedFrame)]
    assert [(frame.stamp, frame.frame_id) for frame in frames] == [
        (7_000_000_000 + number, "cam") for number in range(3)
    ]
    message = get_typestore(Stores.LATEST).deserialize_cdr(first.data, info)
    assert (message.width, message.height, list(message.d), message.p[0]) == (3, 2, [0, 1, 2, 3, 4], 4.0)


def chunked(chunks: list[list], indexed: bool = True) -> bytes:
    """An MCAP file of uncompressed chunks with checksums and an index, as recorders write it and rosbags does not."""
    import struct
    from zlib import crc32

    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)

    def record(kind: int, *content: bytes) -> bytes:
        return struct.pack("<BQ", kind, sum(map(len, content))) + b"".join(content)

    def text(value: str) -> bytes:
        return struct.pack("<I", len(value)) + value.encode()

    topic, kind = chunks[0][0][:2]
    definition, _ = store.generate_msgdef(kind, ros_version=2)
    schema = record(3, struct.pack("<H", 1), text(kind), text("ros2msg"), text(definition))
    channel = record(4, struct.pack("<HH", 1, 1), text(topic), text("cdr"), struct.pack("<I", 0))
    body = b"\x89MCAP0\r\n" + record(1, text("ros2"), text("test"))
    index = schema + channel
    for items in chunks:
        entries = b"".join(struct.pack("<QQ", each[2], 0) for each in items) if indexed else b""
        messages = [
            record(5, struct.pack("<HIQQ", 1, 0, at, at), bytes(store.serialize_cdr(message, kind)))
            for _, _, at, message in items
        ]
        records = schema + channel + b"".join(messages)
        span = struct.pack("<QQ", items[0][2], items[-1][2])
        size = struct.pack("<Q", len(records))
        chunk = record(6, span, size, struct.pack("<I", crc32(records)), text(""), size, records)
        message_index = record(7, struct.pack("<HI", 1, len(entries)), entries) if indexed else b""
        places = struct.pack("<HQ", 1, len(body) + len(chunk)) if indexed else b""
        place = struct.pack("<QQI", len(body), len(chunk), len(places)) + places + struct.pack("<Q", len(message_index))
        index += record(8, span, place, text(""), size, size)
        body += chunk + message_index
    body += record(15, struct.pack("<I", 0))
    return body + index + record(2, struct.pack("<QQI", len(body), 0, 0)) + b"\x89MCAP0\r\n"


@pytest.mark.parametrize("indexed", [True, False])
def test_such_a_file_is_played_also_without_the_index_of_its_messages(
    make: Make, levels: Levels, tmp_path: Path, indexed: bool
) -> None:
    path, told = tmp_path / "whole.mcap", []
    path.write_bytes(chunked([make.colours("/cam/image_raw", numbers) for numbers in ([0, 1], [2, 3])], indexed))
    assert levels(open_source(str(path), told.append)) == [0, 1, 2, 3]
    assert len(told) == (not indexed)


@pytest.mark.parametrize(
    ("storage", "mode"), [("mcap", "NONE"), ("mcap", "STORAGE"), ("db3", "NONE"), ("db3", "MESSAGE")]
)
def test_damage_is_named_in_single_lines_and_never_a_traceback(
    make: Make, levels: Levels, storage: str, mode: str
) -> None:
    items = make.colours("/cam/image_raw") + [make.calibration("/cam/camera_info", number) for number in range(6)]
    path = make.file(items, storage, mode)
    content, random = path.read_bytes(), np.random.default_rng(7)
    played = 0
    for _ in range(60):
        damaged, place = bytearray(content), int(random.integers(len(content)))
        length = int(random.choice([1, 4, 30, 500, len(content)]))
        damaged[place : place + length] = random.bytes(length) if length < len(content) else b""
        path.write_bytes(damaged)
        told: list[str] = []
        try:
            played += len(levels(open_source(str(path), told.append)))
        except SetupError as error:
            told.append(str(error))
        assert not any("\n" in text for text in told)
    assert played > 60
