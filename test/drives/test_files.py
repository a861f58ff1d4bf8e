"""Camera JSON, disparity PNG and labels: there and back, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.drives.files import read_camera, read_disparity, write_camera, write_disparity
from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import TRAIN_ID_TABLES, lostandfound_truth
from densehybrid_ros.pictures import decode_png, read_labels

CITYSCAPES_CAMERA = """{
    "extrinsic": {"baseline": 0.209313, "pitch": 0.038, "roll": 0.0, "x": 1.7, "y": 0.1, "yaw": -0.0195, "z": 1.22},
    "intrinsic": {"fx": 2262.52, "fy": 2265.3017905988554, "u0": 1096.98, "v0": 513.137}
}"""
CAMERA = Pinhole(2262.52, 2265.3017905988554, 1096.98, 513.137, baseline=0.209313, pitch=0.038, height_above_road=1.22)


def test_a_camera_of_cityscapes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a_camera.json"
    path.write_text(CITYSCAPES_CAMERA)
    assert read_camera(path) == CAMERA


def test_a_camera_is_written_with_the_keys_of_the_data_sets(tmp_path: Path) -> None:
    path = tmp_path / "a_camera.json"
    write_camera(path, replace(CAMERA, pitch=-0.01))
    assert read_camera(path) == replace(CAMERA, pitch=-0.01)
    model, written = json.loads(CITYSCAPES_CAMERA), json.loads(path.read_text())
    assert {group: set(values) for group, values in written.items()} == {key: set(model[key]) for key in model}
    assert [each.name for each in tmp_path.iterdir()] == ["a_camera.json"]


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("{", "", "is no JSON"),
        (CITYSCAPES_CAMERA, "[1]", r"no intrinsic\.fx"),
        (CITYSCAPES_CAMERA, "\x00", "is no JSON"),
        (CITYSCAPES_CAMERA, "[" * 100_000, "nested|is no JSON"),
        ('"pitch"', '"pitsch"', r"no extrinsic\.pitch"),
        ("2262.52", "NaN", r"intrinsic\.fx = nan; wanted a finite"),
        ("2262.52", "Infinity", r"intrinsic\.fx = inf"),
        ("2262.52", "1" + "0" * 400, r"intrinsic\.fx = 1000"),
        ("2262.52", "true", r"intrinsic\.fx = True"),
        ("2262.52", '"wide"', r"intrinsic\.fx = 'wide'"),
        ("2262.52", "0", "fx = 0; wanted a number above 0"),
        ("2265.3017905988554", "0", "fy = 0; wanted a number above 0"),
        ("0.209313", "-0.2", r"baseline = -0\.2; wanted a number above 0"),
    ],
)
def test_a_malformed_camera_is_refused_by_name(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    path = tmp_path / "bad_camera.json"
    path.write_text(CITYSCAPES_CAMERA.replace(old, new))
    with pytest.raises(SetupError, match=f"(?s)bad_camera.json.*({complaint})"):
        read_camera(path)


@pytest.mark.parametrize("offset", [0.0, 1.0])
def test_disparity_comes_back_to_half_a_step(tmp_path: Path, offset: float) -> None:
    rng = np.random.default_rng(1)
    disparity = rng.uniform(0.01, 255, (24, 32)).astype(np.float32)
    disparity[0, :5] = [0, -3, np.nan, np.inf, 1000]
    path = tmp_path / "a_disparity.png"
    write_disparity(path, disparity, offset)
    assert decode_png(path.read_bytes(), path).dtype == np.uint16
    read = read_disparity(path, offset)
    assert read.dtype == np.float32
    assert read[0, :5].tolist() == [0, 0, 0, 0, (65_535 - offset) / 256]
    np.testing.assert_allclose(read[1:], disparity[1:], atol=1 / 512 + 1e-5)


def test_the_offset_shifts_valid_pixels_alone(tmp_path: Path) -> None:
    path = tmp_path / "a_disparity.png"
    cv2.imwrite(str(path), np.array([[0, 1, 257, 65_535]], np.uint16))
    assert read_disparity(path).tolist() == [[0, 1 / 256, 257 / 256, 65_535 / 256]]
    assert read_disparity(path, 1).tolist() == [[0, 0, 1, 65_534 / 256]]


def test_what_is_no_disparity_or_label_picture_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "odd.png"
    with pytest.raises(SetupError, match=r"odd\.png cannot be read"):
        read_disparity(path)
    for contents, complaint in ((b"", "no PNG"), (b"text", "no PNG"), (b"\x89PNG\r\n\x1a\nIEND\xaeB`\x82", "broken")):
        path.write_bytes(contents)
        with pytest.raises(SetupError, match=rf"odd\.png is .*{complaint}"):
            read_disparity(path)
    cv2.imwrite(str(path), np.zeros((8, 8), np.uint8))
    with pytest.raises(SetupError, match="8 bits in 1 channel; wanted 16 bits in one channel"):
        read_disparity(path)
    cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint16))
    with pytest.raises(SetupError, match="16 bits in 3 channels"):
        read_disparity(path)
    with pytest.raises(SetupError, match="16 bits in 3 channels; wanted 8 bits in one channel"):
        read_labels(path)
    cv2.imwrite(str(path), np.random.default_rng(2).integers(0, 9999, (64, 64), dtype=np.uint16))
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(SetupError, match="cut off"):
        read_disparity(path)


def test_lostandfound_ids_become_train_ids_and_truth() -> None:
    train_ids = TRAIN_ID_TABLES["lostandfound"][np.arange(256, dtype=np.uint8)]
    assert train_ids[[0, 1, 2, 30, 32, 35, 40, 43, 44, 255]].tolist() == [255, 1, 2, 2, 2, 2, 2, 2, 255, 255]
    assert np.flatnonzero(train_ids == 0).tolist() == [31, 33, 34, 36, 37, 38, 39]
    assert lostandfound_truth(np.array([[0, 1, 2, 3, 255]], np.uint8)).tolist() == [[255, 0, 1, 255, 255]]


def test_cityscapes_ids_become_19_classes() -> None:
    train_ids = TRAIN_ID_TABLES["cityscapes"][np.arange(256, dtype=np.uint8)]
    assert sorted(set(train_ids.tolist())) == [*range(19), 255]
    assert train_ids[[7, 8, 11, 17, 19, 24, 28, 31, 33]].tolist() == [0, 1, 2, 5, 6, 11, 15, 16, 18]
    assert train_ids[[0, 9, 10, 14, 18, 29, 30, 34, 255]].tolist() == [255] * 9
