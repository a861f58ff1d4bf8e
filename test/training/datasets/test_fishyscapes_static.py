"""Fishyscapes Static as it is published: signed overlays, which make Cityscapes' pictures into those of the set."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.datasets import labelled_set

STEM = "frankfurt_000000_000294"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One picture with an object that is brighter at the left, darker at the right than what it hides."""
    base = np.full((8, 12, 3), (10, 100, 250), np.uint8)
    folder = tmp_path / "leftImg8bit/val/frankfurt"
    folder.mkdir(parents=True)
    cv2.imwrite(str(folder / f"{STEM}_leftImg8bit.png"), base[..., ::-1])
    write_overlay(tmp_path, np.int16)
    labels = np.zeros((8, 12), np.uint8)
    labels[2:4, :3], labels[0] = 1, 255
    cv2.imwrite(str(tmp_path / f"0007_{STEM}_labels.png"), labels)
    return tmp_path


def write_overlay(root: Path, kind: type) -> None:
    overlay = np.zeros((8, 12, 3), kind)
    overlay[2, :3], overlay[3, :3] = (30, 0, 30), (-30, -40, 0)
    np.savez_compressed(root / f"0007_{STEM}_rgb.npz", rgb=overlay)


@pytest.mark.parametrize("kind", [np.int16, np.int64, np.float32])
def test_an_overlay_is_added_to_the_picture_of_cityscapes_and_clipped(root: Path, kind: type) -> None:
    write_overlay(root, kind)
    image, truth = labelled_set("fishyscapes-static", root, "").read(0)
    assert image.dtype == np.uint8
    assert image[2, 0].tolist() == [40, 100, 255]
    assert image[3, 0].tolist() == [0, 60, 250]
    assert image[5, 5].tolist() == [10, 100, 250]
    assert sorted(set(truth.ravel().tolist())) == [0, 1, 255]


def test_without_the_picture_of_cityscapes_the_place_for_it_is_named(root: Path) -> None:
    (root / f"leftImg8bit/val/frankfurt/{STEM}_leftImg8bit.png").unlink()
    with pytest.raises(SetupError, match=rf"put that at {root}/leftImg8bit/\*/\*/{STEM}_leftImg8bit\.png"):
        labelled_set("fishyscapes-static", root, "").read(0)


def test_a_picture_of_another_size_is_refused(root: Path) -> None:
    np.savez_compressed(root / f"0007_{STEM}_rgb.npz", rgb=np.zeros((4, 12, 3), np.int16))
    with pytest.raises(SetupError, match=r"rgb\.npz is \(4, 12, 3\).*\(8, 12, 3\)"):
        labelled_set("fishyscapes-static", root, "").read(0)


def test_a_finished_picture_needs_none_of_cityscapes(root: Path) -> None:
    finished = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    np.savez_compressed(root / f"0007_{STEM}_rgb.npz", rgb=finished)
    (root / f"leftImg8bit/val/frankfurt/{STEM}_leftImg8bit.png").unlink()
    np.testing.assert_array_equal(labelled_set("fishyscapes-static", root, "").read(0)[0], finished)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_what_is_no_array_is_named(root: Path, content: bytes) -> None:
    (root / f"0007_{STEM}_rgb.npz").write_bytes(content)
    with pytest.raises(SetupError, match=r"rgb\.npz cannot be read as an \.npz"):
        labelled_set("fishyscapes-static", root, "").read(0)
