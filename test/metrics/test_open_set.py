"""Open-mIoU, its gap and F1 over K+1 classes: worked by hand, and against counting pixel by pixel."""

from __future__ import annotations

import math

import numpy as np
import pytest

from densehybrid_ros.metrics.open_set import OpenSet, OpenSetCounts, drawn_open_sets, open_set_counts
from densehybrid_ros.metrics.segmentation import ConfusionMatrix, mean_iou

ROAD, CAR, UNKNOWN, VOID = 0, 1, 2, 255
TRUTH = np.array([[ROAD, ROAD, ROAD, ROAD, CAR, CAR, UNKNOWN, UNKNOWN, VOID]], np.uint8)
SEEN = np.array([[ROAD, ROAD, ROAD, CAR, CAR, CAR, CAR, ROAD, ROAD]], np.uint8)


def counts(unknown: list[int], seen: np.ndarray = SEEN, truth: np.ndarray = TRUTH, classes: int = 2) -> OpenSetCounts:
    return open_set_counts(seen, truth, classes, {"x": np.array([unknown], bool)})["x"]


def test_a_small_picture_is_worked_by_hand() -> None:
    """One road pixel is taken for unknown, one unknown pixel is found, the other is seen as car; void counts nowhere.

    Road: 2 hits, 2 misses (one as car, one as unknown), no false alarm. Car: 2 hits, 2 false alarms (road and unknown).
    Unknown: 1 hit, 1 miss, 1 false alarm. Closed: road 3 of 4, car 2 of 3.
    """
    found = OpenSet.of(counts([1, 0, 0, 0, 0, 0, 0, 1, 1]))
    assert found.closed_miou == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert found.open_miou == pytest.approx((2 / 4 + 2 / 4) / 2)
    assert found.gap == pytest.approx(found.closed_miou - 1 / 2)
    assert found.mean_f1 == pytest.approx((4 / 6 + 4 / 6 + 2 / 4) / 3)


def test_a_perfect_detector_leaves_the_closed_set_as_it_is() -> None:
    perfect = OpenSet.of(counts([0, 0, 0, 0, 0, 0, 1, 1, 0]))
    assert perfect.open_miou == perfect.closed_miou == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert perfect.gap == 0.0


def test_missed_and_imagined_unknown_things_both_cost() -> None:
    nothing_found, all_unknown = OpenSet.of(counts([0] * 9)), OpenSet.of(counts([1] * 9))
    assert nothing_found.open_miou == pytest.approx((3 / 5 + 2 / 4) / 2)
    assert nothing_found.mean_f1 == pytest.approx((6 / 8 + 4 / 6 + 0) / 3)
    assert all_unknown.open_miou == 0.0
    assert all_unknown.mean_f1 == pytest.approx(4 / (4 + 6) / 3)


def test_a_class_that_does_not_occur_has_no_part_in_the_means() -> None:
    found = OpenSet.of(counts([0, 0, 0, 0, 0, 0, 1, 1, 0], classes=2))
    more = open_set_counts(
        SEEN, np.where(TRUTH == UNKNOWN, np.uint8(4), TRUTH), 4, {"x": np.array([[0] * 6 + [1, 1, 0]], bool)}
    )["x"]
    assert OpenSet.of(more) == found


def test_what_the_weights_see_beyond_the_classes_of_the_set_hits_nothing_and_is_not_unknown() -> None:
    seen = np.array([[ROAD, 254, ROAD, ROAD, CAR, CAR, 2, UNKNOWN, 3]], np.uint8)
    found = OpenSet.of(counts([0] * 9, seen))
    assert found.closed_miou == pytest.approx((3 / 4 + 1) / 2)
    assert found.open_miou == pytest.approx((3 / 4 + 1) / 2), "a pixel of another class was taken for unknown"
    assert found.mean_f1 == pytest.approx((6 / 7 + 1 + 0) / 3)


def test_nothing_is_defined_without_pixels() -> None:
    found = OpenSet.of(counts([0] * 9, truth=np.full_like(TRUTH, VOID)))
    assert all(map(math.isnan, (found.closed_miou, found.open_miou, found.gap, found.mean_f1)))


@pytest.mark.parametrize("seed", range(8))
def test_they_follow_the_equations_pixel_by_pixel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.choice([0, 1, 2, 3, 4, 255], (20, 30)).astype(np.uint8)  # 4 = unknown
    seen, unknown = rng.integers(0, 4, truth.shape).astype(np.uint8), rng.random(truth.shape) < 0.3
    said = np.where(unknown, 4, seen)
    iou, f1 = [], []
    for label in range(5):
        hit = int(((truth == label) & (said == label)).sum())
        miss = int(((truth == label) & (said != label)).sum())
        false = int(((truth != label) & (truth != 255) & (said == label)).sum())
        iou.append(hit / (hit + miss + false))
        f1.append(2 * hit / (2 * hit + miss + false))
    pictures = [
        open_set_counts(seen[rows], truth[rows], 4, {"x": unknown[rows]})["x"] for rows in np.split(np.r_[:20], 4)
    ]
    together = OpenSetCounts(sum(each.pixels for each in pictures), sum(each.unknown for each in pictures))
    closed = ConfusionMatrix(4)
    closed.add(seen, truth)
    found = OpenSet.of(together)
    assert found.open_miou == pytest.approx(np.mean(iou[:4]))
    assert found.mean_f1 == pytest.approx(np.mean(f1))
    assert found.closed_miou == pytest.approx(mean_iou(closed))
    assert drawn_open_sets(pictures, np.array([[1, 1, 1, 1], [0, 0, 0, 0]]))[0] == found


def test_a_picture_that_is_drawn_twice_counts_twice() -> None:
    first, second = counts([1] + [0] * 8), counts([0] * 7 + [1, 1])
    (found,) = drawn_open_sets([first, second], np.array([[2, 1]]))
    assert found == OpenSet.of(OpenSetCounts(2 * first.pixels + second.pixels, 2 * first.unknown + second.unknown))
