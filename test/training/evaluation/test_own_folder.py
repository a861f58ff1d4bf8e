"""Anybody's own pictures: with masks, without, and with what real folders hold beside pictures."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from densehybrid_ros.core.drawing.draw import overlay
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.pictures import read_rgb
from densehybrid_ros.training.commands import evaluate


@pytest.fixture
def own(tmp_path: Path, picture: np.ndarray) -> Path:
    """Three pictures with masks."""
    root = tmp_path / "own"
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    mask = np.zeros(picture.shape[:2], np.uint8)
    mask[10:30, 20:50], mask[:5] = 1, 255
    for number in (2, 10, 11):
        cv2.imwrite(str(root / f"images/f{number}.png"), np.roll(picture, number, 1)[..., ::-1])
        cv2.imwrite(str(root / f"masks/f{number}.png"), mask)
    return root


def run(tmp_path: Path, weights: Path, *options: str) -> dict:
    out = tmp_path / "report.json"
    evaluate.main(["folder", "--weights", str(weights), "--device", "cpu", "--json", str(out), *options])
    return json.loads(out.read_text())


def test_pictures_with_masks_are_ranked_by_weights_of_any_classes(
    tmp_path: Path, own: Path, random_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = run(tmp_path, random_weights, "--root", str(own), "--scores", "hybrid,msp")
    assert set(report["scores"]) == {"hybrid", "msp"}
    assert 0 < report["scores"]["hybrid"]["ap"] < 100
    assert report["miou"] is None
    assert "overlays" not in report
    assert capsys.readouterr().out.startswith("folder, weights")


def test_pictures_of_formats_that_are_not_read_are_named(
    tmp_path: Path, own: Path, random_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(own / "images/scan.tiff"), np.zeros((24, 32, 3), np.uint8))
    reason = f"pictures in {own / 'images'} of formats that are not read (.tiff): 1, the first is scan.tiff; convert"
    report = run(tmp_path, random_weights, "--root", str(own / "images"), "--overlays", str(tmp_path / "drawn"))
    assert report["overlays"] == 3
    assert reason in capsys.readouterr().err
    run(tmp_path, random_weights, "--root", str(own), "--scores", "hybrid")
    assert reason in capsys.readouterr().err


def test_overlays_are_drawn_beside_the_figures(tmp_path: Path, own: Path, random_weights: Path) -> None:
    out = tmp_path / "drawn"
    report = run(tmp_path, random_weights, "--root", str(own), "--scores", "hybrid", "--overlays", str(out))
    assert (report["overlays"], report["passed_over"]) == (3, [])
    assert "ap" in report["scores"]["hybrid"]
    assert sorted(path.name for path in out.iterdir()) == ["f10.jpg", "f11.jpg", "f2.jpg"]
    segmenter = Segmenter.load(random_weights, "cpu", "fp32")
    image = read_rgb(own / "images/f2.png")
    wanted = overlay(image, segmenter(image), segmenter.info.palette)
    assert np.abs(read_rgb(out / "f2.jpg").astype(int) - wanted).mean() < 6, "JPEG changes no more"


@pytest.mark.parametrize("inside", ["images", "."])
def test_pictures_alone_become_overlays_and_what_is_none_is_named(
    tmp_path: Path, own: Path, random_weights: Path, capsys: pytest.CaptureFixture[str], inside: str
) -> None:
    root = tmp_path / "alone"
    (root / inside).mkdir(parents=True, exist_ok=True)
    for path in (own / "images").iterdir():
        path.rename(root / inside / path.name)
    (root / inside / "._f2.png").write_bytes(b"\0\5\x16\7")
    (root / inside / "cut.png").write_bytes((root / inside / "f2.png").read_bytes()[:200])
    (root / inside / "f2.jpg").write_bytes(cv2.imencode(".jpg", np.zeros((40, 60, 3), np.uint8))[1].tobytes())
    out = tmp_path / "drawn"
    report = run(tmp_path, random_weights, "--root", str(root), "--overlays", str(out))
    assert (report["overlays"], report["passed_over"]) == (4, ["cut.png"])
    assert sorted(path.name for path in out.iterdir()) == ["f10.jpg", "f11.jpg", "f2.jpg.jpg", "f2.png.jpg"]
    printed = capsys.readouterr()
    assert printed.err.count("cut.png is cut off") == 1
    assert "4 overlays in" in printed.out


def test_pictures_alone_without_overlays_are_refused(tmp_path: Path, own: Path, random_weights: Path) -> None:
    (own / "masks").rename(tmp_path / "elsewhere")
    with pytest.raises(SetupError, match=r"has no masks/ to judge by; add them, or ask for --overlays"):
        run(tmp_path, random_weights, "--root", str(own))


def test_a_folder_without_pictures_or_with_broken_ones_alone_is_refused(tmp_path: Path, random_weights: Path) -> None:
    root = tmp_path / "empty"
    root.mkdir()
    options = ("--root", str(root), "--overlays", str(tmp_path / "drawn"))
    with pytest.raises(SetupError, match="holds no pictures"):
        run(tmp_path, random_weights, *options)
    (root / "a.png").write_bytes(b"none")
    with pytest.raises(SetupError, match="none of the 1 pictures can be read"):
        run(tmp_path, random_weights, *options)


def test_black_and_white_masks_are_no_figures(
    tmp_path: Path, own: Path, random_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (own / "masks").iterdir():
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert mask is not None
        cv2.imwrite(str(path), np.where(mask == 1, 255, 0).astype(np.uint8))
    with pytest.raises(SetupError, match="pixels of one kind alone"):
        run(tmp_path, random_weights, "--root", str(own))
    assert "suspected to be black and white" in capsys.readouterr().err
