"""Bags that are made to do harm: to fill memory or disk, never to end, to name files elsewhere."""

from __future__ import annotations

import shutil
import sqlite3
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("rosbags", reason="rosbags is not installed")
import yaml
from rosbags.rosbag1 import Writer as Ros1Writer

from densehybrid_ros.errors import SetupError
from densehybrid_ros.playback.bags import zstd
from densehybrid_ros.playback.bags.mcap_records import CHUNK, Remains
from densehybrid_ros.playback.bags.opening import open_bag
from densehybrid_ros.playback.bags.recorded import Recorded
from densehybrid_ros.playback.bags.unpacking import CHUNKS, CHUNKS_OF_ROS1
from densehybrid_ros.playback.sources import open_source

if TYPE_CHECKING:
    from conftest import Make

PIECE = 1 << 20


def packed_zeros(size: int) -> bytes:
    """A kilobyte or so."""
    return zstd.zstd.compress(bytes(size))


@pytest.mark.parametrize("name", ["zstd", "lz4"])
def test_a_chunk_that_unpacks_to_more_than_it_says_is_refused(name: str) -> None:
    import lz4.frame

    data = {"zstd": packed_zeros, "lz4": lambda size: lz4.frame.compress(bytes(size))}[name](PIECE)
    assert CHUNKS[name](data, PIECE) == bytes(PIECE)
    with pytest.raises(ValueError, match=f"unpacks to more than {PIECE // 2} bytes"):
        CHUNKS[name](data, PIECE // 2)


@pytest.mark.parametrize("name", ["bz2", "lz4"])
def test_chunks_of_ros_1_have_a_bound_though_they_name_no_size(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import bz2

    import lz4.frame

    data = {"bz2": bz2, "lz4": lz4.frame}[name].compress(bytes(PIECE))
    assert CHUNKS_OF_ROS1[name](data) == bytes(PIECE)
    monkeypatch.setattr("densehybrid_ros.playback.bags.unpacking.LARGEST_UNPACKED", PIECE // 2)
    with pytest.raises(ValueError, match="unpacks to more than"):
        CHUNKS_OF_ROS1[name](data)


def test_rosbags_unpacks_by_our_functions() -> None:
    from rosbags.rosbag1 import reader
    from rosbags.rosbag2 import storage_mcap

    assert storage_mcap.DECOMPRESSORS["zstd"] is CHUNKS["zstd"]
    assert reader.decompressors["bz2"] is CHUNKS_OF_ROS1["bz2"]
    assert Ros1Writer.CompressionFormat.BZ2


def test_a_packed_message_that_would_fill_the_memory_is_passed_over(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = make.colours("/cam/image_raw")
    items[2] = (*items[2][:3], packed_zeros(PIECE))
    monkeypatch.setattr(zstd.unpacked, "__defaults__", (PIECE // 2,))
    said: list[str] = []
    frames = [each for each in open_source(str(make.bag(items)), said.append).frames() if hasattr(each, "image")]
    assert len(frames) == 5
    assert any("unpacks to more than" in text for text in said)


def test_a_packed_file_leaves_room_on_the_disk(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (packed,) = make.bag(make.colours("/cam/image_raw"), storage="db3", mode="FILE").glob("*.zstd")
    free = shutil.disk_usage(tmp_path).free
    monkeypatch.setattr(zstd, "KEPT_FREE", free - 1000)
    with pytest.raises(SetupError, match=r"cannot be unpacked into .*unpacks to more than \d+ bytes"):
        open_bag(packed, lambda text: None)


def test_chunks_within_chunks_are_not_opened(tmp_path: Path) -> None:
    inner = b""
    for _ in range(3000):
        content = (
            struct.pack("<QQQI", 0, 0, len(inner), 0) + struct.pack("<I", 0) + struct.pack("<Q", len(inner)) + inner
        )
        inner = struct.pack("<BQ", CHUNK, len(content)) + content
    path = tmp_path / "a.mcap"
    path.write_bytes(b"\x89MCAP0\r\n" + inner)
    assert list(Remains(path).messages()) == []


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        (
            "CREATE VIEW messages AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
            "SELECT i AS id, 1 AS topic_id, i AS timestamp, x'00' AS data FROM n",
            "messages",
        ),
        (
            "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, "
            "data BLOB GENERATED ALWAYS AS (zeroblob(900000000)) VIRTUAL)",
            "messages",
        ),
    ],
    ids=["a query without end", "a column that is computed"],
)
def test_a_database_that_computes_is_refused(make: Make, statement: str, name: str) -> None:
    path = make.file(make.colours("/cam/image_raw"), "db3")
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE messages")
        database.execute(statement)
    database.close()
    with pytest.raises(SetupError, match=f"its {name} are no plain table"):
        open_source(str(path), lambda text: None)


def test_a_row_with_a_number_beyond_all_others_is_not_counted_up_to(make: Make) -> None:
    path = make.file([*make.colours("/cam/image_raw"), ("/x", make.image, make.at(9), bytes(9000))], "db3")
    with sqlite3.connect(path) as database:
        database.execute("UPDATE messages SET id = 4000000000000 WHERE id = (SELECT max(id) FROM messages)")
        (size,) = database.execute("PRAGMA page_size").fetchone()
    database.close()
    content = bytearray(path.read_bytes())
    content[-size // 2 :] = bytes(range(256)) * (
        size // 512
    )  # a page of the long message, so that it is read row by row
    content[-size : -size + 4] = b"\xff" * 4
    path.write_bytes(content)
    said: list[str] = []
    frames = [each for each in open_source(str(path), said.append).frames() if hasattr(each, "image")]
    assert len(frames) <= 6
    assert any("is damaged" in text for text in said)


ODD: dict[str, Callable[[dict[str, Any]], object]] = {
    "no list": lambda about: about.update(relative_file_paths=5),
    "no texts": lambda about: about.update(relative_file_paths=[[1], None, {"a": 2}, *about["relative_file_paths"]]),
    "no counts": lambda about: about.update(topics_with_message_count="many"),
    "no count": lambda about: about["topics_with_message_count"][0].update(message_count="many"),
    "no topic": lambda about: about["topics_with_message_count"][0].update(topic_metadata=["image"]),
    "no name": lambda about: about["topics_with_message_count"][0]["topic_metadata"].update(name=[["x"]]),
}


@pytest.mark.parametrize("change", ODD.values(), ids=ODD.keys())
def test_metadata_of_other_types_are_passed_over(
    make: Make, levels: Callable[[Any], list[int]], change: Callable[[dict[str, Any]], object]
) -> None:
    bag = make.bag(make.colours("/cam/image_raw"))
    content = yaml.safe_load((bag / "metadata.yaml").read_text())
    change(content["rosbag2_bagfile_information"])
    (bag / "metadata.yaml").write_text(yaml.safe_dump(content))
    assert levels(open_source(str(bag), lambda text: None)) == [*range(6)]


def test_messages_of_topics_and_types_that_were_not_asked_for_are_passed_over(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a ROS 1 bag in which two connections have one number."""
    bag = open_bag(make.bag(make.colours("/cam/image_raw")), lambda text: None)
    ((path, storage),) = bag.files
    other = Recorded("/other", make.image, 0, b""), Recorded("/cam/image_raw", make.info, 0, b"")

    def mixed(*arguments: Any) -> list[Recorded]:
        return [*other, *storage.messages(*arguments)]

    odd = replace(bag, files=[(path, replace(storage, messages=mixed))])
    assert {(each.topic, each.kind) for each in odd.messages(["/cam/image_raw"])} == {("/cam/image_raw", make.image)}


def test_no_file_outside_its_folder_is_read_as_a_part_of_a_bag(make: Make, tmp_path: Path) -> None:
    secret = make.bag(make.colours("/secret/image_raw"), "secret")
    bag = make.bag(make.colours("/cam/image_raw"), "drive")
    content = yaml.safe_load((bag / "metadata.yaml").read_text())
    about = content["rosbag2_bagfile_information"]
    about["relative_file_paths"] = ["../secret/secret.mcap", str(secret / "secret.mcap"), *about["relative_file_paths"]]
    (bag / "metadata.yaml").write_text(yaml.safe_dump(content))
    said: list[str] = []
    assert set(open_bag(bag, said.append).topics) == {"/cam/image_raw"}
    assert any("lacks secret.mcap" in text for text in said)
