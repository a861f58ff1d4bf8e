"""Boxes and machines that are pasted as negatives; flat things and paint on the ground, which are none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from densehybrid_ros.training.batches.made.boxes import box_cutout
from densehybrid_ros.training.batches.made.flat_things import with_flat_thing
from densehybrid_ros.training.batches.made.machines import machine_cutout
from densehybrid_ros.training.batches.made.paint import with_painted_lines
from densehybrid_ros.training.batches.made.shapes import shape_cutout
from densehybrid_ros.training.batches.negative_set import NegativeSet
from densehybrid_ros.training.batches.sample import Sample, sample_from_truth

ROAD, SKY = 3, 0
GROUND = np.arange(256) == ROAD


def test_boxes_stand_on_a_corner_and_differ() -> None:
    cutouts = [box_cutout(np.random.default_rng(seed)) for seed in range(60)]
    brightness = [float(each.image[each.alpha > 0.5].mean()) for each in cutouts]
    assert np.mean(np.array(brightness) < 60) > 0.2, "no dark crates"
    assert np.ptp(brightness) > 100
    for each in cutouts:
        solid = each.alpha > 0.5
        assert solid.sum() > 200
        assert each.image.shape[:2] == each.alpha.shape
        rows = np.flatnonzero(solid.any(1))
        assert solid[rows[-1]].sum() <= solid[(rows[0] + rows[-1]) // 2].sum(), "not on its corner"


def test_the_faces_of_a_box_lie_in_different_light() -> None:
    """Along a row that crosses both sides, brightness against its mean."""

    def contrast(seed: int) -> float:
        each = box_cutout(np.random.default_rng(seed))
        row = each.alpha.shape[0] * 2 // 3
        inside = each.image[row].mean(1)[each.alpha[row] > 0.5]
        return float(np.ptp([part.mean() for part in np.array_split(inside, 4)]) / inside.mean())

    assert np.median([contrast(seed) for seed in range(80)]) > 0.12


def test_the_outline_of_a_box_is_not_drawn() -> None:
    """A dark rim would give away what is pasted."""
    for seed in range(40):
        each = box_cutout(np.random.default_rng(seed))
        left = each.image[each.alpha.shape[0] * 2 // 3].mean(1)[each.alpha[each.alpha.shape[0] * 2 // 3] > 0.5]
        assert left[0] > 0.3 * left[:8].mean() - 12


@pytest.fixture
def negatives(tmp_path: Path) -> NegativeSet:
    """One picture of dark and bright stripes."""
    for kind, content in (
        ("images", np.tile(np.repeat([60, 180], 20), (80, 3))),
        ("annotations", np.ones((80, 120))),
    ):
        path = tmp_path / kind / "training" / "0.png"
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), content.astype(np.uint8))
    return NegativeSet([tmp_path])


def test_machines_are_built_in_many_ways(negatives: NegativeSet) -> None:
    machines = [machine_cutout(negatives, np.random.default_rng(seed)) for seed in range(80)]
    aspects = np.array([each.alpha.shape[1] / each.alpha.shape[0] for each in machines])
    assert (aspects < 0.7).mean() > 0.1, "no booths"
    assert (aspects > 1.8).mean() > 0.08, "no trailers"
    colours = np.array([each.image[each.alpha > 0.5].mean(0) for each in machines])
    assert np.ptp(colours.mean(1)) > 100
    grey = np.ptp(colours, axis=1) < 8
    assert 0.27 < grey.mean() < 0.5, "too few grey ones, or too many"
    filled = np.array([(each.alpha > 0.5).mean() for each in machines])
    assert filled.min() < 0.45, "no booms"
    assert filled.max() > 0.8, "no plain body"


def test_many_machines_stand_on_something_dark(negatives: NegativeSet) -> None:
    """Tyres and tracks: the foot is darker than what it carries."""

    def foot_against_middle(seed: int) -> float:
        each = machine_cutout(negatives, np.random.default_rng(seed))
        rows = each.image.mean(2), each.alpha > 0.5
        height = each.alpha.shape[0]
        foot, middle = np.s_[-height // 8 - 5 : -5], np.s_[height // 2 : 5 * height // 8]
        return float(rows[0][foot][rows[1][foot]].mean() / rows[0][middle][rows[1][middle]].mean())

    darker = np.array([foot_against_middle(seed) for seed in range(80)]) < 0.75
    assert 0.3 < darker.mean() < 0.8


def test_the_outline_of_a_machine_is_not_drawn(negatives: NegativeSet) -> None:
    """The black around it stays out of its edge; a frame of its own is as often lighter as darker."""
    ratios: list[float] = []
    for seed in range(60):
        each = machine_cutout(negatives, np.random.default_rng(seed))
        solid = (each.alpha > 0.5).astype(np.uint8)
        inner = cv2.erode(solid, np.ones((3, 3), np.uint8))
        brightness = each.image.mean(2)
        next_in = (inner > 0) & (cv2.erode(inner, np.ones((3, 3), np.uint8)) == 0)
        ratios.append(float(brightness[(solid > 0) & (inner == 0)].mean() / brightness[next_in].mean()))
    assert np.median(ratios) == pytest.approx(1, abs=0.04)


def test_machines_are_weathered_by_a_piece_of_a_picture(negatives: NegativeSet, tmp_path: Path) -> None:
    """The same machine out of an even picture and out of one of stripes."""
    even = tmp_path / "even"
    for kind, value in (("images", 120), ("annotations", 1)):
        path = even / kind / "training" / "0.png"
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), np.full((80, 120), value, np.uint8))
    differ = 0
    for seed in range(30):
        plain = machine_cutout(NegativeSet([even]), np.random.default_rng(seed))
        weathered = machine_cutout(negatives, np.random.default_rng(seed))
        assert np.array_equal(plain.alpha, weathered.alpha)
        differ += bool(np.abs(plain.image.astype(int) - weathered.image.astype(int)).max() > 20)
    assert 15 < differ < 30


@pytest.mark.parametrize(("height", "width", "whole"), [(40, 120, True), (48, 90, True), (52, 90, False)])
def test_a_small_negative_gives_a_piece_too(tmp_path: Path, height: int, width: int, whole: bool) -> None:
    """A user's cut-outs may be smaller than the smallest piece of a picture."""
    for kind in ("images", "annotations"):
        path = tmp_path / kind / "training" / "0.png"
        path.parent.mkdir(parents=True)
        cv2.imwrite(str(path), np.ones((height, width), np.uint8))
    negatives = NegativeSet([tmp_path])
    for seed in range(6):
        rng = np.random.default_rng(seed)
        assert (negatives.random_piece(rng).shape == (height, width, 3)) is whole
        assert machine_cutout(negatives, rng).alpha.max() == 1
        assert shape_cutout(negatives, rng).alpha.max() == 1


def test_flat_things_change_the_ground_alone_and_no_label() -> None:
    truth = np.full((128, 192), SKY, np.uint8)
    truth[64:] = ROAD
    before = sample_from_truth(np.full((128, 192, 3), 110, np.uint8), truth, 11)
    changed = np.zeros(truth.shape, bool)
    for seed in range(20):
        after = with_flat_thing(before, GROUND, np.random.default_rng(seed))
        assert np.array_equal(after.labels, before.labels)
        assert np.array_equal(after.dataset_labels, before.dataset_labels)
        changed |= (after.image != before.image).any(2)
    assert not changed[:64].any()
    assert changed[64:].mean() > 0.15


def test_a_picture_without_ground_stays_as_it_is() -> None:
    before = sample_from_truth(np.full((64, 64, 3), 110, np.uint8), np.full((64, 64), SKY, np.uint8), 11)
    assert with_flat_thing(before, GROUND, np.random.default_rng(0)) is before


def road_to_the_horizon() -> Sample:
    """Sky above, road below; its right half lies in shadow."""
    truth = np.full((160, 240), SKY, np.uint8)
    truth[60:] = ROAD
    image = np.full((160, 240, 3), 140, np.uint8)
    image[:, 120:] = 60
    return sample_from_truth(image, truth, 11)


def painted(seed: int) -> tuple[np.ndarray, Sample]:
    """How much each pixel's brightness is changed, and the sample."""
    before = road_to_the_horizon()
    after = with_painted_lines(before, GROUND, np.random.default_rng(seed))
    return np.abs(after.image.astype(int) - before.image).max(2), after


def test_painted_lines_lie_on_the_ground_alone_and_change_no_label() -> None:
    before, seen = road_to_the_horizon(), 0
    for seed in range(40):
        changed, after = painted(seed)
        assert np.array_equal(after.labels, before.labels)
        assert np.array_equal(after.dataset_labels, before.dataset_labels)
        assert not changed[:60].any()
        seen += bool((changed[60:] > 30).any())
    assert seen > 20


def test_painted_lines_get_thinner_towards_the_horizon() -> None:
    """Those 5 px and wider on the lowest rows, against the same ones further up."""
    ratios: list[float] = []
    for seed in range(150):
        paint = painted(seed)[0] > 15
        near, far = (
            paint[rows].sum() / max(1, (np.diff(paint[rows].astype(int), axis=1) == 1).sum())
            for rows in (np.s_[145:160], np.s_[75:90])
        )
        if near >= 5 and far > 0:
            ratios.append(float(near / far))
    assert len(ratios) > 15
    assert 1.6 < np.median(ratios) < 5


def test_paint_lies_in_the_shade_of_the_road_that_it_is_on() -> None:
    """As bright, against the road about it, in shadow as in light."""
    ratios: list[float] = []
    for seed in range(200):
        changed, after = painted(seed)
        paint = changed > 25
        halves = paint[:, :120], paint[:, 120:]
        if min(each.sum() for each in halves) < 60:
            continue
        light, dark = (
            after.image[:, part][each].mean() for part, each in zip((np.s_[:120], np.s_[120:]), halves, strict=True)
        )
        ratios.append(float(light / dark))
    assert len(ratios) > 8
    assert np.median(ratios) == pytest.approx(140 / 60, rel=0.25)


def test_paint_is_often_yellow() -> None:
    yellow = []
    for seed in range(60):
        changed, after = painted(seed)
        if (changed > 30).sum() > 30:
            red, green, blue = after.image[changed > 30].mean(0)
            yellow.append(red > 1.2 * blue and green > 1.1 * blue)
    assert 0.3 < np.mean(yellow) < 0.8


def test_a_picture_without_ground_is_not_painted() -> None:
    before = sample_from_truth(np.full((64, 64, 3), 110, np.uint8), np.full((64, 64), SKY, np.uint8), 11)
    assert with_painted_lines(before, GROUND, np.random.default_rng(0)) is before
