"""Videos: the times of the file, how it lies, and where it ends."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from densehybrid_ros.playback.played import PlayedFrame
from densehybrid_ros.playback.sources import open_source

UNEVEN = [0, 33, 67, 100, 900, 933, 2400]
"""ms"""
SIZE = 32, 24


def element(identifier: int, *content: bytes) -> bytes:
    """Of a Matroska file: what it is, how long, what it holds."""
    data = b"".join(content)
    return (
        identifier.to_bytes((identifier.bit_length() + 7) // 8, "big") + (len(data) | 1 << 56).to_bytes(8, "big") + data
    )


def number(identifier: int, value: int) -> bytes:
    return element(identifier, value.to_bytes(4, "big"))


def matroska(milliseconds: list[int], duration: int, roll: float = 0.0, begin: int = 0) -> bytes:
    """A video of JPEG pictures that grow brighter, each at its own time.

    Args:
        duration: ms, as the header names it.
        roll: degrees by which players turn the pictures.
        begin: ms of the first picture.
    """
    width, height = SIZE
    turn = element(0x7670, number(0x7671, 0), element(0x7675, np.array([roll], ">f8").tobytes()))
    track = [number(0xD7, 1), number(0x73C5, 1), number(0x83, 1), element(0x86, b"V_MJPEG")]
    track.append(element(0xE0, number(0xB0, width), number(0xBA, height), turn))
    blocks = [
        element(0xA3, b"\x81", at.to_bytes(2, "big"), b"\x80", jpeg(20 + 30 * place))
        for place, at in enumerate(milliseconds)
    ]
    header = element(0x1A45DFA3, element(0x4282, b"matroska"), number(0x4287, 4), number(0x4285, 2))
    info = element(0x1549A966, number(0x2AD7B1, 1_000_000), element(0x4489, np.array([duration], ">f8").tobytes()))
    cluster = element(0x1F43B675, number(0xE7, begin), *blocks)
    return header + element(0x18538067, info, element(0x1654AE6B, element(0xAE, *track)), cluster)


def jpeg(level: int) -> bytes:
    """The upper half in that grey, the lower black."""
    picture = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    picture[: SIZE[1] // 2] = level
    return cv2.imencode(".jpg", picture)[1].tobytes()


def played(path: Path, told: list[str]) -> list[PlayedFrame]:
    return [each for each in open_source(str(path), told.append).frames() if isinstance(each, PlayedFrame)]


@pytest.mark.parametrize("begin", [0, 5000])
def test_frames_come_at_the_times_of_the_file(tmp_path: Path, begin: int) -> None:
    path, told = tmp_path / "uneven.mkv", []
    path.write_bytes(matroska(UNEVEN, 2500 + begin, begin=begin))
    frames = played(path, told)
    assert [frame.time for frame in frames] == pytest.approx([at / 1000 for at in UNEVEN], abs=1e-3)
    np.testing.assert_allclose([frame.image[:8].mean() for frame in frames], 20 + 30 * np.arange(len(UNEVEN)), atol=3)
    assert len(told) == (begin > 0)


def test_times_that_do_not_rise_are_made_and_that_is_said(tmp_path: Path) -> None:
    path, told = tmp_path / "equal.mkv", []
    path.write_bytes(matroska([0, 100, 100, 400], 500))
    times = [frame.time for frame in played(path, told)]
    assert times[0::3] == pytest.approx([0, 0.4], abs=1e-3)
    assert 0.1 < times[2] < 0.4
    assert [text.split(":")[0] for text in told] == [f"{path} has no time for frame 2"]


def test_a_turned_video_is_played_upright(tmp_path: Path) -> None:
    path, told = tmp_path / "turned.mkv", []
    path.write_bytes(matroska([0, 100], 200, roll=180.0))
    image = played(path, told)[1].image
    np.testing.assert_allclose([image[:8].mean(), image[-8:].mean()], [0, 50], atol=3)


def test_a_video_that_is_cut_off_is_played_and_that_is_said(tmp_path: Path) -> None:
    path, told = tmp_path / "cut.mkv", []
    path.write_bytes(matroska([100 * index for index in range(8)], 10_000))
    assert len(played(path, told)) == 8
    assert told == [f"{path} ends after 8 frames, 0.7 s of 10.0 s: cut off, unless its clock began late"]


@pytest.mark.parametrize("name", ["frame%04d.mkv", "100%d [x] straße.mkv", "http:__x.mkv", "DRIVE.MKV"])
def test_a_name_is_only_a_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_bytes(matroska([0, 100], 200))
    monkeypatch.chdir(tmp_path)
    assert len(played(Path(name), [])) == 2
