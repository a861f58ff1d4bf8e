"""Drives into bags: nothing is lost, wrong files are named, and a killed run goes on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rosbags", reason="rosbags is not installed")
from rosbags.highlevel import AnyReader

from densehybrid_ros.cli import main
from densehybrid_ros.drives.files import read_camera, read_disparity
from densehybrid_ros.drives.layout import DriveFrame, find_frames
from densehybrid_ros.drives.render import render_lostandfound
from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import TRAIN_ID_TABLES, lostandfound_truth
from densehybrid_ros.pictures import decode_png, read_labels
from densehybrid_ros.playback.packing import command, parts
from densehybrid_ros.playback.packing.bag_writer import RawMessage

WIDTH, HEIGHT = 160, 96
REPOSITORY = Path(__file__).resolve().parents[3]
TOPICS = (
    "/camera/camera_info",
    "/camera/right/camera_info",
    "/camera/right/image_raw/compressed",
    "/camera/disparity",
    "/camera/ground_truth/label_ids/image_raw",
    "/camera/ground_truth/train_ids/image_raw",
    "/camera/ground_truth/anomaly/image_raw",
    "/camera/image_raw/compressed",
)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2 drives of 3 frames."""
    root = tmp_path_factory.mktemp("rendered")
    render_lostandfound(root, "test", [20_003, 20_004], 3, WIDTH, HEIGHT, first_frame=10)
    return root


@pytest.fixture
def drive(rendered: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(rendered, tmp_path / "drive"))


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by the sequence of every frame that is converted."""
    sequences: list[str] = []
    original = parts.frame_messages

    def recorded(frame: DriveFrame, *rest: Any) -> list[RawMessage]:
        sequences.append(frame.sequence)
        return original(frame, *rest)

    monkeypatch.setattr(parts, "frame_messages", recorded)
    return sequences


def convert(*arguments: object) -> None:
    command.main([str(each) for each in arguments])


def read_bag(path: Path) -> Iterator[tuple[str, int, Any]]:
    with AnyReader([path]) as reader:
        for connection, stamp, raw in reader.messages():
            yield connection.topic, stamp, reader.deserialize(raw, connection.msgtype)


def raw_bag(path: Path) -> list[tuple[str, int, bytes]]:
    with AnyReader([path]) as reader:
        return [(connection.topic, stamp, bytes(raw)) for connection, stamp, raw in reader.messages()]


def image_of(message: Any) -> np.ndarray:
    kind = np.dtype({"mono8": "u1", "rgb8": "u1", "32FC1": "<f4"}[message.encoding])
    assert message.step == message.width * kind.itemsize * (3 if message.encoding == "rgb8" else 1)
    shape = (message.height, message.width, 3)[: 3 if message.encoding == "rgb8" else 2]
    return message.data.view(kind).reshape(shape)


def stamp_of(message: Any) -> int:
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def frames_of(root: Path) -> list[DriveFrame]:
    return find_frames(root, "test", lambda text: None)


def find_one(root: Path, pattern: str) -> Path:
    (path,) = root.rglob(pattern)
    return path


@pytest.mark.parametrize("suffix", [".mcap", ".db3"])
def test_a_bag_holds_every_file_of_every_frame(
    rendered: Path, tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"drive{suffix}"
    main(["convert", "lostandfound", str(rendered), str(out)])
    assert "6 frames, 48 messages, 0 files skipped" in capsys.readouterr().out
    assert [each.name for each in tmp_path.iterdir()] == [out.name]
    messages = list(read_bag(out))
    for number, frame in enumerate(frames_of(rendered)):
        group = messages[number * len(TOPICS) : (number + 1) * len(TOPICS)]
        assert tuple(topic for topic, _, _ in group) == TOPICS
        assert len({stamp for _, stamp, _ in group} | {stamp_of(message) for _, _, message in group}) == 1
        assert {message.header.frame_id for _, _, message in group} == {"camera"}
        check_frame(frame, {topic: message for topic, _, message in group})


def check_frame(frame: DriveFrame, messages: dict[str, Any]) -> None:
    assert frame.right
    assert frame.camera
    assert frame.disparity
    assert frame.label_ids
    assert frame.label_train_ids
    for topic, path in (("/camera/image_raw/compressed", frame.left), (TOPICS[2], frame.right)):
        assert messages[topic].format == "png"
        assert messages[topic].data.tobytes() == path.read_bytes()
    camera, info = read_camera(frame.camera), messages[TOPICS[0]]
    assert (info.width, info.height, info.distortion_model, info.d.tolist()) == (WIDTH, HEIGHT, "plumb_bob", [0] * 5)
    assert info.k.tolist() == [camera.fx, 0, camera.cx, 0, camera.fy, camera.cy, 0, 0, 1]
    assert info.r.tolist() == [1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert info.p.tolist() == [camera.fx, 0, camera.cx, 0, 0, camera.fy, camera.cy, 0, 0, 0, 1, 0]
    right = messages[TOPICS[1]]
    assert right.p[3] == -camera.fx * camera.baseline
    assert np.delete(right.p, 3).tolist() == np.delete(info.p, 3).tolist()
    disparity = messages["/camera/disparity"]
    assert (disparity.f, disparity.t) == pytest.approx((camera.fx, camera.baseline))
    assert (disparity.min_disparity, disparity.max_disparity, disparity.delta_d) == (0, 65_535 / 256, 1 / 256)
    assert (disparity.valid_window.width, disparity.valid_window.height) == (WIDTH, HEIGHT)
    assert disparity.image.header == disparity.header
    np.testing.assert_array_equal(image_of(disparity.image), read_disparity(frame.disparity))
    train_ids = read_labels(frame.label_train_ids)
    truths = {
        "label_ids": read_labels(frame.label_ids),
        "train_ids": train_ids,
        "anomaly": lostandfound_truth(train_ids),
    }
    for name, values in truths.items():
        message = messages[f"/camera/ground_truth/{name}/image_raw"]
        assert message.encoding == "mono8"
        np.testing.assert_array_equal(image_of(message), values)


def test_raw_images_have_the_same_pixels_under_another_prefix_and_frame(rendered: Path, tmp_path: Path) -> None:
    out = tmp_path / "drive.mcap"
    convert(
        "lostandfound",
        rendered,
        out,
        "--raw",
        "--prefix",
        "/front/cam",
        "--frame-id",
        "eye",
        "--sequences",
        "02_Roadworld",
    )
    messages = list(read_bag(out))
    assert len(messages) == 24
    assert all(topic.startswith("/front/cam/") and not topic.endswith("compressed") for topic, _, _ in messages)
    assert {message.header.frame_id for _, _, message in messages} == {"eye"}
    frame = frames_of(rendered)[3]
    for topic, path in (("image_raw", frame.left), ("right/image_raw", frame.right)):
        first = next(message for name, _, message in messages if name == f"/front/cam/{topic}")
        assert path
        np.testing.assert_array_equal(image_of(first), decode_png(path.read_bytes(), path)[..., ::-1])


def test_cityscapes_gives_19_classes_and_no_anomaly(drive: Path, tmp_path: Path) -> None:
    for path in list(drive.rglob("*_gtCoarse_labelTrainIds.png")):
        path.unlink()
    for path in list(drive.rglob("*_gtCoarse_labelIds.png")):
        cv2.imwrite(str(path), np.full((HEIGHT, WIDTH), 24, np.uint8))
    out = tmp_path / "city.mcap"
    convert("cityscapes", drive, out)
    truths = {topic: image_of(message) for topic, _, message in read_bag(out) if "ground_truth" in topic}
    assert {topic.split("/")[3]: int(values.max()) for topic, values in truths.items()} == {
        "label_ids": 24,
        "train_ids": 11,
    }


def test_train_ids_come_from_the_table_where_their_file_is_absent(drive: Path, tmp_path: Path) -> None:
    expected = TRAIN_ID_TABLES["lostandfound"][read_labels(find_one(drive, "01_*10_gtCoarse_labelIds.png"))]
    for path in list(drive.rglob("*_gtCoarse_labelTrainIds.png")):
        path.unlink()
    convert("lostandfound", drive, tmp_path / "drive.mcap")
    messages = {topic: message for topic, _, message in reversed(list(read_bag(tmp_path / "drive.mcap")))}
    np.testing.assert_array_equal(image_of(messages[TOPICS[5]]), expected)
    np.testing.assert_array_equal(image_of(messages[TOPICS[6]]), lostandfound_truth(expected))


def test_stamps_follow_the_timestamp_files_and_sequences_follow_one_another(drive: Path, tmp_path: Path) -> None:
    for name, time in zip(("10", "11", "12"), (5_000_000_007, 5_200_000_007, 5_250_000_009), strict=True):
        find_one(drive, f"01_*{name}_timestamp.txt").write_text(f"{time}\n")
    convert("lostandfound", drive, tmp_path / "drive.mcap")
    stamps = sorted({stamp for _, stamp, _ in read_bag(tmp_path / "drive.mcap")})
    differences = [0, 200_000_000, 250_000_002, 1_250_000_002, 1_350_000_002, 1_450_000_002]
    assert stamps == [1_000_000_000 + difference for difference in differences]


@pytest.mark.parametrize("contents", ["noon", "3", "-5", "", "9" * 30])
def test_a_sequence_whose_times_are_wrong_is_spaced_by_the_rate(
    drive: Path, tmp_path: Path, contents: str, capsys: pytest.CaptureFixture[str]
) -> None:
    find_one(drive, "01_*11_timestamp.txt").write_text(contents)
    convert("lostandfound", drive, tmp_path / "drive.mcap", "--rate", 4)
    stamps = sorted({stamp for _, stamp, _ in read_bag(tmp_path / "drive.mcap")})
    assert [stamp / 1e9 for stamp in stamps] == pytest.approx([1, 1.25, 1.5, 2.5, 2.6, 2.7])
    assert "000011_timestamp.txt" in capsys.readouterr().err


def test_wrong_files_are_named_and_only_they_are_left_out(
    drive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truncated = find_one(drive, "01_*11_leftImg8bit.png")
    truncated.write_bytes(truncated.read_bytes()[:-100])
    find_one(drive, "01_*10_camera.json").write_text("{")
    cv2.imwrite(str(find_one(drive, "01_*12_disparity.png")), np.zeros((8, 8), np.uint16))
    find_one(drive, "02_*10_gtCoarse_labelIds.png").unlink()
    find_one(drive, "02_*11_rightImg8bit.png").write_bytes(b"")
    cv2.imwrite(str(find_one(drive, "02_*12_gtCoarse_labelTrainIds.png")), np.zeros((9, 9), np.uint8))
    convert("lostandfound", drive, tmp_path / "drive.mcap")
    told = capsys.readouterr()
    assert "5 frames, 32 messages, 7 files skipped" in told.out
    for name, complaint in (
        ("01_Roadworld_020003_000011_leftImg8bit.png", "cut off"),
        ("01_Roadworld_020003_000010_camera.json", "no JSON"),
        ("01_Roadworld_020003_000010_disparity.png", "needs a camera"),
        ("01_Roadworld_020003_000012_disparity.png", "is 8x8"),
        ("02_Roadworld_020004_000010_gtCoarse_labelIds.png", "missing"),
        ("02_Roadworld_020004_000011_rightImg8bit.png", "no PNG"),
        ("02_Roadworld_020004_000012_gtCoarse_labelTrainIds.png", "is 9x9"),
    ):
        lines = [line for line in told.err.splitlines() if name in line]
        assert len(lines) == 1, told.err
        assert complaint in lines[0]
    counts = Counter(topic for topic, _, _ in read_bag(tmp_path / "drive.mcap"))
    assert [counts[topic] for topic in TOPICS] == [4, 4, 4, 3, 4, 4, 4, 5]


def test_a_drive_without_a_usable_frame_is_refused(drive: Path, tmp_path: Path) -> None:
    for path in drive.rglob("*_leftImg8bit.png"):
        path.write_bytes(b"nothing")
    with pytest.raises(SetupError, match="none of 6 frames can be used"):
        convert("lostandfound", drive, tmp_path / "drive.mcap")
    assert [each.name for each in tmp_path.iterdir()] == ["drive"]


@pytest.mark.parametrize("suffix", [".mcap", ".db3"])
@pytest.mark.parametrize(
    ("victim", "calls", "finished"),
    [("parts.frame_messages", 5, 1), ("bag_writer.OpenBag.write", 48 + 20, 2), ("parts._remove", 1, None)],
    ids=["in the second sequence", "while joining", "in the end"],
)
def test_a_killed_run_goes_on(
    rendered: Path,
    tmp_path: Path,
    suffix: str,
    victim: str,
    calls: int,
    finished: int | None,
    converted: list[str],
) -> None:
    out, whole = tmp_path / f"killed{suffix}", tmp_path / f"whole{suffix}"
    module, _, function = victim.partition(".")
    code = f"""
import itertools, os, signal
from densehybrid_ros.playback.packing import {module}, command
count, original = itertools.count(1), {module}.{function}
def killed(*arguments):
    if next(count) == {calls}:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)
{module}.{function} = killed
command.main(["lostandfound", {str(rendered)!r}, {str(out)!r}])
"""
    killed = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, timeout=120)
    assert killed.returncode == -9, killed.stderr
    convert("lostandfound", rendered, whole)
    if finished is None:
        assert raw_bag(out) == raw_bag(whole)
        with pytest.raises(SetupError, match=r"exists already; remove it \(.*killed.*parts can go too\)"):
            convert("lostandfound", rendered, out)
        return
    assert not out.exists()
    converted.clear()
    convert("lostandfound", rendered, out)
    assert len(converted) == 3 * (2 - finished)
    assert raw_bag(out) == raw_bag(whole)
    assert not parts.parts_folder(out).exists()


def test_a_part_of_other_options_or_files_is_made_anew(
    drive: Path,
    tmp_path: Path,
    converted: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "drive.mcap"
    find_one(drive, "02_*11_rightImg8bit.png").write_bytes(b"")

    def stopped(*arguments: object) -> None:
        raise KeyboardInterrupt

    for options in ([], ["--frame-id", "eye"]):
        with monkeypatch.context() as patch:
            patch.setattr(parts, "_join", stopped)
            with pytest.raises(KeyboardInterrupt):
                convert("lostandfound", drive, out, *options)
    assert len(converted) == 12
    label = find_one(drive, "01_*11_gtCoarse_labelIds.png")
    cv2.imwrite(str(label), np.ones((HEIGHT, WIDTH), np.uint8))
    capsys.readouterr()
    (out.with_name("drive.mcap.parts") / "mine.txt").touch()
    convert("lostandfound", drive, out, "--frame-id", "eye")
    assert converted[12:] == ["01_Roadworld"] * 3
    # a part that is used again tells again what it lacks, and what is not ours stays
    assert "02_Roadworld_020004_000011_rightImg8bit.png" in capsys.readouterr().err
    assert [each.name for each in out.with_name("drive.mcap.parts").iterdir()] == ["mine.txt"]
    assert len(raw_bag(out)) == 47


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["drive.bag"], "ends in .mcap or .db3"),
        (["drive"], "ends in .mcap or .db3"),
        (["drive.mcap", "--split", "val"], "it has test"),
        (["drive.mcap", "--sequences", "03_Roadworld"], "no sequence 03_Roadworld"),
        (["drive.mcap", "--prefix", "camera/"], "begins no topic"),
        (["drive.mcap", "--rate", "0"], "rate of 0 Hz"),
        (["drive.mcap", "--rate", "nan"], "rate of nan Hz"),
        (["drive.mcap", "--disparity-offset", "nan"], "offset of nan"),
        (["file/drive.mcap"], "cannot be made"),
        (["old.mcap"], "exists already"),
    ],
)
def test_what_cannot_be_converted_is_refused(
    rendered: Path, tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "old.mcap").write_bytes(b"old")
    with pytest.raises(SetupError, match=complaint):
        convert("lostandfound", rendered, tmp_path / arguments[0], *arguments[1:])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "old.mcap"]
    assert (tmp_path / "old.mcap").read_bytes() == b"old"


def test_neither_ros_nor_torch_is_imported(rendered: Path, tmp_path: Path) -> None:
    code = f"""
import sys
from densehybrid_ros.cli import main
main(["convert", "lostandfound", {str(rendered)!r}, {str(tmp_path / "drive.db3")!r}])
print([name for name in ("torch", "rclpy", "sensor_msgs") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
