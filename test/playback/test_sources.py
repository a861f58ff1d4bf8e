"""Sources of played frames: order, times, ground truth, and what is passed over or refused."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import binary_truth
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.metrics.segmentation import ConfusionMatrix
from densehybrid_ros.metrics.summary import summarise, summary_table
from densehybrid_ros.nodes.player.settings import PlayerSettings
from densehybrid_ros.playback.sources import open_source
from densehybrid_ros.topics import TRUTH


def no_warning(text: str) -> None:
    raise AssertionError(text)


def make_folder(root: Path, names: list[str]) -> Path:
    folder = root / "images"
    folder.mkdir()
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((24, 32, 3), (0, 0, 40 * number), np.uint8))
    return folder


def test_a_folder_is_played_by_name_in_rgb(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, ["a.png", "b.png", "c.bmp"])
    (folder / "notes.txt").write_text("no picture")
    frames = list(open_source(str(folder), no_warning).frames())
    assert [frame.name for frame in frames] == ["a.png", "b.png", "c.bmp"]
    assert [frame.image[0, 0].tolist() for frame in frames] == [[0, 0, 0], [40, 0, 0], [80, 0, 0]]
    assert [frame.time for frame in frames] == pytest.approx([0, 0.1, 0.2])
    assert all(frame.truth is None for frame in frames)


def test_sibling_labels_are_ground_truth(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, ["a.png", "b.png"])
    (tmp_path / "labels").mkdir()
    labels = np.zeros((24, 32), np.uint8)
    labels[0], labels[1], labels[2] = 10, 11, 12
    cv2.imwrite(str(tmp_path / "labels" / "a.png"), labels)
    told: list[str] = []
    source = open_source(str(folder), told.append)
    first, second = source.frames()
    assert TRUTH.name in source.topics
    assert first.truth is not None
    assert first.truth[:4, 0].tolist() == [10, 255, 11, 0]
    assert second.truth is None
    assert len(told) == 1
    assert "b.png" in told[0]


def test_a_folder_played_with_a_players_settings_names_no_topics(tmp_path: Path) -> None:
    # they are derived from BagTopics, and equal to none
    folder = str(make_folder(tmp_path, ["a.png"]))
    open_source(folder, no_warning, topics=PlayerSettings(input=folder, loop=True))
    told: list[str] = []
    open_source(folder, told.append, topics=PlayerSettings(input=folder, depth_topic="none"))
    assert told == [f"{folder} is no bag: the topics that are named are not looked at"]


def test_pictures_of_formats_that_are_not_read_are_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, ["a.png", "b.TIF", "c.ppm"])
    (folder / "._d.tif").write_bytes(b"no picture")
    told: list[str] = []
    frames = list(open_source(str(folder), told.append).frames())
    assert [frame.name for frame in frames] == ["a.png"]
    formats = "of formats that are not read (.ppm, .tif): 2, the first is b.TIF; convert to PNG"
    assert told == [f"passed over: pictures in {folder} {formats}"]


def test_pictures_without_labels_are_played_upright_and_by_number(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    folder, exif = make_folder(tmp_path, ["a10.png", "._a3.png"]), image.Exif()
    exif[0x0112] = 6
    image.new("RGB", (32, 24)).save(folder / "a2.jpg", exif=exif)
    frames = list(open_source(str(folder), no_warning).frames())
    assert [(frame.name, frame.image.shape[:2]) for frame in frames] == [("a2.jpg", (32, 24)), ("a10.png", (24, 32))]


def test_an_unreadable_picture_is_named_and_passed_over(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, ["a.png"])
    (folder / "b.png").write_bytes(b"broken")
    told: list[str] = []
    assert len(list(open_source(str(folder), told.append).frames())) == 1
    assert "b.png" in told[0]


def test_a_video_is_played_at_its_rate(tmp_path: Path) -> None:
    path = tmp_path / "drive.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (32, 24))
    for level in (0, 120, 240):
        writer.write(np.full((24, 32, 3), level, np.uint8))
    writer.release()
    frames = list(open_source(str(path), no_warning).frames())
    assert [frame.time for frame in frames] == pytest.approx([0, 0.05, 0.1])
    np.testing.assert_allclose([frame.image.mean() for frame in frames], [0, 120, 240], atol=4)


@pytest.mark.parametrize("storage", ["sqlite3", "mcap"])
def test_a_bag_is_played_with_its_times(tmp_path: Path, storage: str) -> None:
    pytest.importorskip("rclpy", reason="rclpy is not installed")
    rosbag2 = pytest.importorskip("rosbags.rosbag2", reason="rosbags is not installed")
    from rosbags.typesys import Stores, get_typestore

    types = get_typestore(Stores.ROS2_JAZZY).types
    store = get_typestore(Stores.ROS2_JAZZY)
    kind = "sensor_msgs/msg/Image"
    plugin = rosbag2.StoragePlugin.SQLITE3 if storage == "sqlite3" else rosbag2.StoragePlugin.MCAP
    with rosbag2.Writer(tmp_path / "bag", version=9, storage_plugin=plugin) as writer:
        connection = writer.add_connection("/cam/image_raw", kind, typestore=store)
        for number in range(3):
            stamp = types["builtin_interfaces/msg/Time"](sec=number, nanosec=0)
            header = types["std_msgs/msg/Header"](stamp=stamp, frame_id="cam")
            pixels = np.full(2 * 3 * 3, 10 * number, np.uint8)
            encoding = "rgb8" if number != 1 else "unheard_of"
            message = types[kind](header, 2, 3, encoding, 0, 9, pixels)
            writer.write(connection, 10**9 * (50 + number), store.serialize_cdr(message, kind))
    told: list[str] = []
    frames = list(open_source(str(tmp_path / "bag"), told.append).frames())
    assert [frame.time for frame in frames] == [0.0, 2.0]
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [0, 20]
    assert "unheard_of" in told[0]


def test_a_bag_of_compressed_pictures_is_played_although_a_depth_topic_comes_first(tmp_path: Path) -> None:
    pytest.importorskip("rclpy", reason="rclpy is not installed")
    rosbag2 = pytest.importorskip("rosbags.rosbag2", reason="rosbags is not installed")
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    image, compressed = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
    stamp = store.types["builtin_interfaces/msg/Time"](sec=1, nanosec=0)
    header = store.types["std_msgs/msg/Header"](stamp=stamp, frame_id="cam")
    picture = np.full((8, 10, 3), (200, 20, 10), np.uint8)
    coded = cv2.imencode(".png", picture)[1].ravel()
    with rosbag2.Writer(tmp_path / "bag", version=9) as writer:
        depth = writer.add_connection("/a_depth/image", image, typestore=store)
        camera = writer.add_connection("/cam/image/compressed", compressed, typestore=store)
        values = store.types[image](header, 2, 2, "16UC1", 0, 4, np.zeros(8, np.uint8))
        writer.write(depth, 1, store.serialize_cdr(values, image))
        writer.write(camera, 2, store.serialize_cdr(store.types[compressed](header, "png", coded), compressed))
    told: list[str] = []
    source = open_source(str(tmp_path / "bag"), told.append)
    assert "its size is 2x2" in told[0]
    assert "/cam/image/compressed" in source.description
    (frame,) = source.frames()
    np.testing.assert_array_equal(frame.image, picture[..., ::-1])


def test_roadworld_is_endless_and_has_truth() -> None:
    source = open_source("roadworld:4", no_warning, (64, 48))
    frames = list(itertools.islice(source.frames(), 2))
    assert TRUTH.name in source.topics
    assert frames[0].image.shape == (48, 64, 3)
    assert frames[1].truth is not None
    assert frames[1].time == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["nowhere", "roadworld:x"])
def test_what_cannot_be_played_is_refused(name: str) -> None:
    with pytest.raises(SetupError, match=name):
        open_source(name, no_warning)


def test_an_empty_folder_and_a_false_video_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no pictures"):
        open_source(str(tmp_path), no_warning)
    false = tmp_path / "false.mp4"
    false.write_bytes(b"nothing")
    with pytest.raises(SetupError, match="no video"):
        open_source(str(false), no_warning)


def test_the_summary_has_the_agreed_keys() -> None:
    ranking, confusion = RankingPool(), ConfusionMatrix(11)
    without = summarise(5, [10.0, 20.0, 30.0], 0.5, ranking, confusion)
    assert without == {
        "frames_in": 5,
        "frames_out": 3,
        "frames_dropped": 2,
        "latency_ms": {"p50": 20.0, "p95": 29.0},
        "threshold": 0.5,
    }
    truth = np.array([[0, 11], [1, 255]], np.uint8)
    ranking.add(np.array([[0.0, 9.0], [1.0, 99.0]], np.float32), binary_truth(truth, 11))
    confusion.add(np.array([[0, 0], [0, 0]], np.uint8), truth)
    summary = summarise(1, [10.0], 0.5, ranking, confusion)
    assert (summary["ap"], summary["fpr95"], summary["auroc"]) == (100.0, 0.0, 100.0)
    assert summary["miou"] == 25.0
    printed = [line.split()[-2:] for line in summary_table(summary).splitlines()]
    assert printed[-4:] == [["100.00", "%"], ["0.00", "%"], ["100.00", "%"], ["25.00", "%"]]
    assert [line.split()[0] for line in summary_table(summary).splitlines()[-4:]] == ["AP", "FPR95", "AUROC", "mIoU"]


def test_no_answer_at_all_still_makes_a_summary() -> None:
    summary = summarise(3, [], None, RankingPool(), ConfusionMatrix(11))
    assert summary["frames_dropped"] == 3
    assert summary["latency_ms"] == {"p50": None, "p95": None}
    summary_table(summary)
