"""Boxes that are pasted as negatives, and flat things in the ground that are none."""

from __future__ import annotations

import numpy as np

from densehybrid_ros.training.batches.boxes import box_cutout
from densehybrid_ros.training.batches.flat_things import with_flat_thing
from densehybrid_ros.training.batches.sample import sample_from_truth

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
