"""Batches: whose share is what, from which files they come, and what the cache of decoded pictures changes: nothing."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import CAMVID_CLASSES as CLASSES
from densehybrid_ros.training.batches.batches import Batches
from densehybrid_ros.training.batches.geometry import jittered_crop
from densehybrid_ros.training.datasets import dataset, labelled_set
from densehybrid_ros.training.datasets.cache import CachedSet
from densehybrid_ros.training.recipe.recipe import Pasting, Recipe, SetSource

PICTURES = 5


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """CamVid's layout, every picture of a colour of its own."""
    rng = np.random.default_rng(4)
    for kind in ("images", "labels"):
        (tmp_path / "camvid" / kind / "train").mkdir(parents=True)
    for number in range(PICTURES):
        labels = np.full((120, 160), 3, np.uint8)
        labels[:50], labels[60:90, 20:60] = 0, 8
        image = np.clip(40 * number + rng.integers(0, 20, (120, 160, 3)), 0, 255).astype(np.uint8)
        cv2.imwrite(str(tmp_path / "camvid" / "images" / "train" / f"{number}.png"), image)
        cv2.imwrite(str(tmp_path / "camvid" / "labels" / "train" / f"{number}.png"), labels)
    return tmp_path / "camvid"


def recipe(root: Path, **changes: object) -> Recipe:
    made = Recipe(
        architecture="ladder_lite0",
        train=[SetSource("camvid", str(root))],
        steps=4,
        batch=4,
        crop=[64, 96],
        ground_classes=["road"],
        pasting=Pasting(inlier_probability=1.0),
    )
    return replace(made, **changes)


def test_processes_share_the_batch_of_one(root: Path) -> None:
    whole = Batches(recipe(root))
    halves = [Batches(recipe(root), process, 2) for process in (0, 1)]
    for step in (0, 2):
        for part, shares in zip(whole[step], zip(*(half[step] for half in halves), strict=True), strict=True):
            assert torch.equal(part, torch.cat(shares))


def test_a_batch_that_cannot_be_divided_is_refused(root: Path) -> None:
    with pytest.raises(SetupError, match="batch 4 is no multiple of 3 processes x accumulate 1"):
        Batches(recipe(root), 0, 3)


def test_every_crop_costs_one_picture(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    genuine = dataset.read_rgb
    monkeypatch.setattr(dataset, "read_rgb", lambda path: read.append(path) or genuine(path))
    batches = Batches(recipe(root))
    read.clear()
    for step in range(3):
        batches[step]
    assert len(read) == 3 * 4


def hold(root: Path, picture: int, label: int, where: tuple[slice, slice]) -> None:
    path = root / "labels" / "train" / f"{picture}.png"
    labels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    labels[where] = label
    cv2.imwrite(str(path), labels)


def test_a_class_of_one_picture_is_shown_as_often_as_one_of_all(root: Path) -> None:
    pedestrian, bicyclist = CLASSES.index("pedestrian"), CLASSES.index("bicyclist")
    for picture in range(PICTURES):
        hold(root, picture, pedestrian, (slice(90, 120), slice(100, 160)))
    hold(root, 3, bicyclist, (slice(50, 70), slice(0, 30)))
    hold(root, 4, bicyclist, (slice(50, 51), slice(0, 1)))  # too little of it to be held
    rare = recipe(
        root, rare_classes=["pedestrian", "bicyclist", "sign"], rare_evenly=True, scale=[0.9, 1.1], reference_height=120
    )
    batches = Batches(rare)
    assert [list(each) for each in batches.holding] == [[pedestrian, bicyclist]]
    drawn = [batches._drawn(step, index) for step in range(200) for index in range(4)]
    shares = [sum(each.wanted == wanted for each in drawn) / len(drawn) for wanted in (pedestrian, bicyclist, None)]
    np.testing.assert_allclose(shares, [0.25, 0.25, 0.5], atol=0.05)
    assert {each.picture for each in drawn if each.wanted == bicyclist} == {3}
    assert {each.picture for each in drawn if each.wanted != bicyclist} == set(range(PICTURES))
    rng = np.random.default_rng(1)
    image, truth = batches.sets[0].read(3)
    shown = [(batches._crop(image, truth, rng, bicyclist)[1] == bicyclist).any() for _ in range(40)]
    assert np.mean(shown) > 0.5  # crops lie up to 60 px beside it
    centred = [(batches._crop(image, truth, rng, pedestrian)[1] == bicyclist).any() for _ in range(40)]
    assert np.mean(centred) < 0.25


def test_without_rare_classes_nothing_is_looked_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Batches(recipe(root, rare_classes=["sign"]))
    even = Batches(recipe(root, rare_classes=["sign"], rare_evenly=True))
    assert plain.holding == even.holding == [{}]
    for step in range(3):
        assert all(each.wanted is None for each in (even._drawn(step, index) for index in range(4)))


def test_the_cache_changes_nothing(root: Path, tmp_path: Path) -> None:
    plain, cached = Batches(recipe(root)), Batches(recipe(root), cache=tmp_path / "cache")
    for step in (0, 1, 0):  # written, and read
        for one, other in zip(plain[step], cached[step], strict=True):
            assert torch.equal(one, other)
    assert not list((tmp_path / "cache").glob("*.part"))


def test_a_changed_picture_is_decoded_anew(root: Path, tmp_path: Path) -> None:
    source = labelled_set("camvid", root, "train")
    cached = CachedSet(source, tmp_path / "cache")
    before = np.array(cached.read(0)[0])
    path = source.pairs[0][0]
    cv2.imwrite(str(path), 255 - before)
    os.utime(path, ns=(1, 1))
    assert np.array_equal(cached.read(0)[0], source.read(0)[0])
    assert not np.array_equal(cached.read(0)[0], before)


def test_a_missing_picture_is_named_with_a_cache_too(root: Path, tmp_path: Path) -> None:
    source = labelled_set("camvid", root, "train")
    source.pairs[0][0].unlink()
    with pytest.raises(SetupError, match=r"0\.png cannot be read"):
        CachedSet(source, tmp_path / "cache").read(0)


def test_a_cache_that_cannot_be_written_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match=r"file/.* cannot be written: .*; free the disk or give another folder"):
        CachedSet(labelled_set("camvid", root, "train"), tmp_path / "file").read(0)


@pytest.mark.parametrize(("reference", "expected"), [(0, 1.0), (120, 1.0), (240, 2.0)])
def test_scales_are_relative_to_the_reference_height(root: Path, reference: int, expected: float) -> None:
    """Of pictures 120 px high; what a crop of 64x96 shows of a row of 160 px tells its scale."""
    batches = Batches(recipe(root, reference_height=reference, scale=[1.0, 1.0], photometric=0.0))
    truth = np.tile(np.arange(160, dtype=np.uint8) % 250, (120, 1))
    image = np.repeat(truth[..., None], 3, 2)
    _, cropped = batches._crop(image, truth, np.random.default_rng(1))
    shown = int(cropped.max()) - int(cropped.min())
    assert shown == pytest.approx(96 / expected, rel=0.15)


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_picture_and_labels_of_a_window_lie_where_they_were(scale: float, seed: int) -> None:
    """A picture whose red is its row and whose green is its column, at a scale that changes neither."""
    rows, columns = np.mgrid[0:700, 0:900]
    image = np.stack([rows // 3, columns // 4, 0 * rows], -1).astype(np.uint8)
    for channel, labels in ((0, rows // 3), (1, columns // 4)):
        truth = labels.astype(np.uint8)
        crop, cropped = jittered_crop(image, truth, (64, 96), (scale, scale), np.random.default_rng(seed))
        assert (cropped != 255).all()
        assert np.ptp(cropped) > 3
        assert np.abs(crop[..., channel].astype(int) - cropped).max() <= 1
