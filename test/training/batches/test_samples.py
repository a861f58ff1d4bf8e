"""Crops, cut-outs, pasting and batches: labels stay true to the pixels, and a step is always the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from unittest.mock import ANY

import cv2
import numpy as np
import pytest
import torch

from densehybrid_ros.training.batches.batches import Batches, class_weights
from densehybrid_ros.training.batches.cutouts import CutOut
from densehybrid_ros.training.batches.geometry import jittered_crop
from densehybrid_ros.training.batches.inliers import inlier_cutout
from densehybrid_ros.training.batches.made.shapes import shape_cutout
from densehybrid_ros.training.batches.negative_set import NegativeSet
from densehybrid_ros.training.batches.negatives import (
    LARGEST_MACHINE,
    STYLES,
    Mixture,
    Negatives,
    Released,
    Several,
    Sometimes,
    Standing,
    negatives_of,
)
from densehybrid_ros.training.batches.pasting import (
    LARGEST,
    Placement,
    label_pasted,
    paste_as_released,
    paste_naturally,
    random_placement,
)
from densehybrid_ros.training.batches.photometric import EFFECTS, photometric_change
from densehybrid_ros.training.batches.released import released_patch
from densehybrid_ros.training.batches.sample import sample_from_truth
from densehybrid_ros.training.batches.segments import segment_cutout
from densehybrid_ros.training.recipe.recipe import Pasting, Recipe, SetSource


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny CamVid and a tiny set of negatives."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(4)
    for split, count in (("train", 4), ("val", 2)):
        for kind in ("images", "labels"):
            (root / "camvid" / kind / split).mkdir(parents=True)
        for number in range(count):
            labels = np.full((120, 160), 3, np.uint8)
            labels[:50] = 0
            labels[30:70, 20:60] = 8
            labels[100:110, 100:140] = 11
            image = (labels[..., None] * 20 + rng.integers(0, 20, (120, 160, 3))).astype(np.uint8)
            cv2.imwrite(str(root / "camvid" / "images" / split / f"{number}.png"), image)
            cv2.imwrite(str(root / "camvid" / "labels" / split / f"{number}.png"), labels)
    for kind in ("images", "annotations"):
        (root / "negatives" / kind / "training").mkdir(parents=True)
    for number in range(3):
        segments = np.ones((90, 130), np.uint8)
        cv2.circle(segments, (60, 45), 25, (2,), -1)
        segments[20:70, 85:110] = 3
        image = rng.integers(0, 256, (90, 130, 3), dtype=np.uint8)
        cv2.imwrite(str(root / "negatives/images/training" / f"{number}.png"), image)
        cv2.imwrite(str(root / "negatives/annotations/training" / f"{number}.png"), segments)
    return root


def recipe(data: Path, **changes: object) -> Recipe:
    values: dict = {
        "architecture": "ladder_lite0",
        "train": [SetSource("camvid", str(data / "camvid"))],
        "steps": 4,
        "batch": 2,
        "crop": [64, 96],
        "pasting": Pasting(root=str(data / "negatives"), negative_probability=1.0, inlier_probability=1.0),
        "ground_classes": ["road"],
        "rare_classes": ["car"],
    }
    return Recipe(**{**values, **changes})


def test_a_crop_moves_picture_and_labels_together() -> None:
    rng = np.random.default_rng(0)
    truth = cv2.resize(rng.integers(0, 11, (9, 12), dtype=np.uint8), (160, 120), interpolation=cv2.INTER_NEAREST)
    image = np.repeat((truth * 20)[..., None], 3, 2)
    for seed in range(10):
        crop, labels = jittered_crop(image, truth, (64, 96), (1.0, 2.0), np.random.default_rng(seed))
        inner = cv2.erode(np.ones_like(labels), None) * (cv2.Laplacian(labels.astype(np.float32), -1, ksize=3) == 0)
        agree = np.abs(crop[..., 0].astype(int) - labels.astype(int) * 20) <= 1
        assert agree[inner.astype(bool)].mean() > 0.98


def test_released_crops_are_placed_and_scaled_evenly() -> None:
    """Of a picture 200 px high and wide, by crops of 100; natural ones show the borders more often."""
    rows = np.repeat(np.arange(200, dtype=np.uint8)[:, None], 200, 1)
    image = np.repeat(rows[..., None], 3, 2)
    at_the_top = {}
    for style in ("natural", "released"):
        crops = [
            jittered_crop(image, rows, (100, 100), (1.0, 1.0), np.random.default_rng(seed), style=style)[1]
            for seed in range(300)
        ]
        at_the_top[style] = np.mean([crop.min() <= 5 for crop in crops])
    assert at_the_top["released"] < 0.12
    assert at_the_top["natural"] > 0.15
    heights, rng = [], np.random.default_rng(0)
    for _ in range(600):
        crop = jittered_crop(image, rows, (64, 64), (0.5, 2.0), rng, style="released")[1]
        heights.append(64 / (float(np.ptp(crop[crop < 255])) + 1))
    assert np.mean(np.array(heights) < 0.99) == pytest.approx(1 / 3, abs=0.06)


@pytest.mark.parametrize("side", [192, 384])
def test_released_patches_keep_their_proportions(tmp_path: Path, side: int) -> None:
    """A picture of circles on a grid; LDN's patches of 384 px are not jittered, DeepLab's of 192 are."""
    for kind in ("images", "annotations"):
        (tmp_path / kind / "training").mkdir(parents=True)
    segments = np.ones((150, 300), np.uint8)
    rows, columns = np.mgrid[0:150, 0:300]
    ramps = np.stack([columns * 0.8, rows * 1.6, 0 * rows], -1).astype(np.uint8)  # BGR
    cv2.imwrite(str(tmp_path / "images/training/0.png"), ramps)
    cv2.imwrite(str(tmp_path / "annotations/training/0.png"), segments)
    negatives, scales = NegativeSet([tmp_path]), []
    for seed in range(12):
        patch = released_patch(negatives, side, np.random.default_rng(seed)).image.astype(float)
        down, across = np.ptp(patch[..., 1][:, 0]) / 1.6 / side, np.ptp(patch[..., 2][0]) / 0.8 / side
        assert down == pytest.approx(across, rel=0.06)
        scales.append(1 / down)
    assert (np.ptp(scales) < 0.15) == (side == 384)


def test_what_lies_outside_the_picture_is_ignored() -> None:
    image, truth = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8)
    _, labels = jittered_crop(image, truth, (64, 96), (1.0, 1.0), np.random.default_rng(0))
    assert 0.5 < (labels == 255).mean() < 0.8


def test_truth_splits_into_both_label_maps() -> None:
    truth = np.array([[0, 10, 11, 255]], np.uint8)
    sample = sample_from_truth(np.zeros((1, 4, 3), np.uint8), truth, 11)
    assert sample.labels.tolist() == [[0, 10, 255, 255]]
    assert sample.dataset_labels.tolist() == [[0, 0, 1, 255]]


@pytest.mark.parametrize("make", [segment_cutout, shape_cutout])
def test_cutouts_are_whole_and_not_empty(data: Path, make: object) -> None:
    negatives = NegativeSet([data / "negatives"])
    for seed in range(20):
        cutout = make(negatives, np.random.default_rng(seed))
        assert cutout.image.shape[:2] == cutout.alpha.shape
        assert cutout.alpha.max() == 1
        assert cutout.labels is None


def blank_sample() -> tuple[np.ndarray, np.ndarray]:
    return np.full((96, 128, 3), 120, np.uint8), np.full((96, 128), 3, np.uint8)


def test_a_negative_is_outlier_where_it_is_seen_and_nowhere_else() -> None:
    image, truth = blank_sample()
    sample = sample_from_truth(image, truth, 11)
    cutout = CutOut(np.full((30, 30, 3), 250, np.uint8), np.pad(np.ones((22, 22), np.float32), 4))
    for seed in range(12):
        pasted = paste_naturally(sample, cutout, Placement(30, 70, 64), np.random.default_rng(seed))
        outlier = pasted.dataset_labels == 1
        assert 100 < outlier.sum() < 1500
        assert (pasted.labels[outlier] == 255).all()
        untouched = pasted.labels == 3
        assert (pasted.dataset_labels[untouched] == 0).all()
        # shadows darken inlier pixels, but only the negative may brighten anything
        assert (pasted.image[untouched].astype(int) <= 121 + 60).all()


@pytest.mark.parametrize("kind", [np.asarray, lambda values: torch.from_numpy(np.asarray(values))])
def test_pixels_of_an_edge_have_no_label(kind: Callable) -> None:
    """Of cut-outs and of the flow's samples alike."""
    alpha = kind(np.array([[0.0, 0.25, 0.26, 0.5, 0.74, 0.75, 1.0]], np.float32))
    labels, dataset_labels = kind(np.full((1, 7), 3, np.uint8)), kind(np.zeros((1, 7), np.uint8))
    label_pasted(labels, dataset_labels, alpha)
    assert labels.tolist() == [[3, 3, 255, 255, 255, 255, 255]]
    assert dataset_labels.tolist() == [[0, 0, 255, 255, 255, 1, 1]]
    own = kind(np.array([[8, 8, 8, 8, 8, 255, 8]], np.uint8))
    labels, dataset_labels = kind(np.full((1, 7), 3, np.uint8)), kind(np.ones((1, 7), np.uint8))
    label_pasted(labels, dataset_labels, alpha, own)
    assert labels.tolist() == [[3, 3, 255, 255, 255, 255, 8]]
    assert dataset_labels.tolist() == [[1, 1, 255, 255, 255, 255, 0]]


def test_a_naturally_pasted_negative_has_a_band_without_labels_about_it() -> None:
    image, truth = blank_sample()
    cutout = CutOut(np.full((30, 30, 3), 250, np.uint8), np.pad(np.ones((22, 22), np.float32), 4))
    sample = sample_from_truth(image, truth, 11)
    shares = []
    for seed in range(12):
        pasted = paste_naturally(sample, cutout, Placement(30, 70, 64), np.random.default_rng(seed))
        outlier = (pasted.dataset_labels == 1).astype(np.uint8)
        ring = cv2.dilate(outlier, np.ones((3, 3), np.uint8)).astype(bool) & (outlier == 0)
        shares.append((pasted.dataset_labels[ring] == 255).mean())
        assert (pasted.labels[pasted.dataset_labels == 255] == 255).all()
    assert np.mean(shares) > 0.5


def test_an_inlier_segment_keeps_its_class_and_stays_inlier() -> None:
    image, truth = blank_sample()
    source_truth = truth.copy()
    source_truth[20:60, 30:80] = 8
    rng = np.random.default_rng(3)
    cutout = None
    while cutout is None or 8 not in cutout.labels:
        cutout = inlier_cutout(image, source_truth, 11, rng)
    sample = paste_naturally(sample_from_truth(image, truth, 11), cutout, Placement(40, 80, 60), rng)
    assert (sample.labels == 8).sum() > 100
    assert not (sample.dataset_labels == 1).any()


@pytest.mark.parametrize(("bottom", "centre"), [(-500, 60), (60, -500), (2000, 60), (3, 3), (96, 128)])
def test_pasting_at_or_beyond_the_border_is_harmless(bottom: float, centre: float) -> None:
    image, truth = blank_sample()
    cutout = CutOut(np.full((30, 30, 3), 250, np.uint8), np.ones((30, 30), np.float32))
    sample = sample_from_truth(image, truth, 11)
    pasted = paste_naturally(sample, cutout, Placement(40, bottom, centre), np.random.default_rng(0))
    assert pasted.image.shape == image.shape


@pytest.mark.parametrize("side", [192, 384])
def test_the_released_pasting_has_hard_edges_and_unchanged_pixels(data: Path, side: int) -> None:
    image, truth = np.full((512, 512, 3), 120, np.uint8), np.full((512, 512), 3, np.uint8)
    rng = np.random.default_rng(1)
    patch = released_patch(NegativeSet([data / "negatives"]), side, rng)
    assert patch.alpha.shape == (side, side)
    pasted = paste_as_released(sample_from_truth(image, truth, 11), patch, rng)
    outlier = pasted.dataset_labels == 1
    assert outlier.sum() == (patch.alpha > 0.5).sum()
    assert not (pasted.dataset_labels == 255).any()
    assert (pasted.image[~outlier] == 120).all()


@pytest.mark.parametrize(("style", "sources"), [("natural", 1), ("released", 1), ("squares", 2)])
def test_only_a_style_that_needs_no_files_pastes_without_a_set(
    monkeypatch: pytest.MonkeyPatch, style: str, sources: int
) -> None:
    square = CutOut(np.full((8, 8, 3), 9, np.uint8), np.ones((8, 8), np.float32))
    monkeypatch.setitem(STYLES, "squares", lambda pasting: Released(lambda rng: square))
    assert len(negatives_of(Pasting(style=style), 2)) == sources


def test_things_stand_on_the_ground_more_often_than_not() -> None:
    _, truth = blank_sample()
    truth[:48] = 0
    ground = np.zeros(256, bool)
    ground[3] = True
    sample = sample_from_truth(np.zeros((96, 128, 3), np.uint8), truth, 11)
    rng = np.random.default_rng(0)
    feet = [random_placement(sample, ground, rng).bottom for _ in range(300)]
    assert np.mean([foot >= 48 for foot in feet]) > 0.7


@pytest.mark.parametrize("largest", [0.6, 1.5])
def test_things_are_as_large_as_asked_for(largest: float) -> None:
    image, truth = blank_sample()
    sample, rng = sample_from_truth(image, truth, 11), np.random.default_rng(0)
    nowhere = np.zeros(256, bool)
    heights = [random_placement(sample, nowhere, rng, largest).height for _ in range(400)]
    assert 10 <= min(heights) < 11
    assert 0.95 * largest * 96 < max(heights) <= largest * 96


def test_a_recipe_says_how_large_segments_get(data: Path) -> None:
    _, negatives = negatives_of(Pasting(root=str(data / "negatives"), made_share=0.0, largest=1.5), 11)
    assert isinstance(negatives, Sometimes)
    assert isinstance(negatives.what, Several)
    assert isinstance(negatives.what.each, Mixture)
    assert negatives.what.each.second == Standing(ANY, 1.5)


def test_a_recipe_says_how_many_drawn_negatives_are_machines_and_boxes(data: Path) -> None:
    pasting = Pasting(root=str(data / "negatives"), made_share=1.0, machine_share=0.6, box_share=0.5)
    _, negatives = negatives_of(pasting, 11)
    counts = {"machines": 0, "boxes": 0, "shapes": 0}
    rng = np.random.default_rng(0)
    assert isinstance(negatives, Sometimes)
    assert isinstance(negatives.what, Several)
    for _ in range(400):
        chosen: Negatives = negatives.what.each
        while isinstance(chosen, Mixture):
            chosen = chosen.first if rng.random() < chosen.share else chosen.second
        assert isinstance(chosen, Standing)
        name = getattr(chosen.cutout, "func", chosen.cutout).__name__
        counts[{"machine_cutout": "machines", "box_cutout": "boxes", "shape_cutout": "shapes"}[name]] += 1
        assert chosen.largest == (LARGEST_MACHINE if name == "machine_cutout" else LARGEST)
    assert counts["machines"] == pytest.approx(240, abs=30)
    assert counts["boxes"] == pytest.approx(80, abs=25)


def test_what_is_wide_and_flat_does_not_fill_the_crop() -> None:
    """30 px high it would be 600 px wide; it becomes 0.68 of 128 px."""
    image, truth = blank_sample()
    car = np.full((20, 400), 8, np.uint8)
    cutout = CutOut(np.full((20, 400, 3), 250, np.uint8), np.ones((20, 400), np.float32), car)
    widths: list[int] = []
    for seed in range(20):
        sample = sample_from_truth(image, truth, 11)
        pasted = paste_naturally(sample, cutout, Placement(30, 60, 64), np.random.default_rng(seed))
        widths.append(int((pasted.labels == 8).any(0).sum()))
    assert np.median(widths) == pytest.approx(0.68 * 128, abs=6)


@pytest.mark.parametrize("effect", [effect for _, effect in EFFECTS], ids=lambda effect: effect.__name__)
def test_every_photometric_effect_keeps_shape_and_dtype_and_changes_something(
    effect: object, picture: np.ndarray
) -> None:
    changed = [effect(picture, np.random.default_rng(seed)) for seed in range(4)]
    assert all(each.shape == picture.shape and each.dtype == np.uint8 for each in changed)
    assert any((each != picture).any() for each in changed)


def test_strength_zero_changes_nothing(picture: np.ndarray) -> None:
    assert photometric_change(picture, np.random.default_rng(0), 0.0) is picture


def test_a_step_gives_the_same_batch_again_and_steps_differ(data: Path) -> None:
    first, again = Batches(recipe(data)), Batches(recipe(data))
    for step in (0, 3):
        for one, other in zip(first[step], again[step], strict=True):
            assert torch.equal(one, other)
    assert not torch.equal(first[0][0], first[1][0])


def test_batches_hold_negatives_and_only_known_ids(data: Path) -> None:
    batches = Batches(recipe(data))
    seen = 0
    for step in range(4):
        images, labels, dataset_labels = batches[step]
        assert images.shape == (2, 3, 64, 96)
        assert images.dtype == torch.uint8
        assert set(labels.unique().tolist()) <= {0, 3, 8, 255}
        assert set(dataset_labels.unique().tolist()) <= {0, 1, 255}
        assert (labels[dataset_labels == 1] == 255).all()
        seen += int((dataset_labels == 1).sum())
    assert seen > 0


def test_rare_classes_weigh_more(data: Path) -> None:
    weights = class_weights(Batches(recipe(data)).sets, 0.5)
    assert weights.mean() == pytest.approx(1)
    assert weights[8] > weights[3]
