"""What holds of rankings and confusions whatever the pixels are, tried on many that hypothesis makes up."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="hypothesis is not installed")
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    jaccard_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from densehybrid_ros.metrics.open_set import OpenSet, open_set_counts
from densehybrid_ros.metrics.ranking import CONVENTIONS, OperatingPoints, Ranking, best_f1, fpr_at_tpr, operating_points
from densehybrid_ros.metrics.score_sketch import ScoreSketch

UNKNOWN = 3
TRIALS = settings(max_examples=150, deadline=None, derandomize=True, database=None)
SCORES = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.sampled_from([-1.0, 0.0, 0.25, 1.0]),  # ties
    st.floats(-1, float(np.nextafter(np.float32(-1), np.float32(0))), width=32),  # saturated: the last float32 steps
)
Pixels = tuple[np.ndarray, np.ndarray]


@st.composite
def pixels(draw: st.DrawFn) -> Pixels:
    """Scores and which are anomalous, both kinds among them."""
    count = draw(st.integers(2, 80))
    scores = draw(arrays(np.float32, count, elements=SCORES))
    anomalous = draw(arrays(bool, count))
    assume(0 < anomalous.sum() < count)
    return scores, anomalous


def streamed(scores: np.ndarray, anomalous: np.ndarray, kept: int) -> OperatingPoints:
    sketch = ScoreSketch(kept)
    for begin in range(0, scores.size, 7):
        sketch.add(scores[begin : begin + 7], anomalous[begin : begin + 7])
    return sketch.points()


@TRIALS
@given(pixels())
def test_figures_are_those_of_scikit_learn(given_pixels: Pixels) -> None:
    scores, anomalous = given_pixels
    exact = scores.astype(np.float64)  # scikit-learn adds them up, to see whether they are finite
    found = Ranking.of(operating_points(scores, anomalous))
    assert found.ap == pytest.approx(average_precision_score(anomalous, exact), abs=1e-6)
    assert found.auroc == pytest.approx(roc_auc_score(anomalous, exact), abs=1e-6)
    fpr, tpr, _ = roc_curve(anomalous, exact, drop_intermediate=False)
    assert found.fpr95 == pytest.approx(fpr[np.argmax(tpr >= 0.95)], abs=1e-6)
    precision, recall, _ = precision_recall_curve(anomalous, exact)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    assert best_f1(operating_points(scores, anomalous))[0] == pytest.approx(f1.max(), abs=1e-6)


@TRIALS
@given(pixels())
def test_streaming_gives_the_same(given_pixels: Pixels) -> None:
    """With so few pixels every rank is told, in cells as well."""
    exact, found = Ranking.of(operating_points(*given_pixels)), Ranking.of(streamed(*given_pixels, kept=10))
    assert (found.ap, found.auroc, found.fpr95) == pytest.approx((exact.ap, exact.auroc, exact.fpr95), abs=1e-4)


@TRIALS
@given(pixels(), st.permutations(range(12)))
def test_order_and_strictly_rising_maps_change_nothing(given_pixels: Pixels, order: list[int]) -> None:
    scores, anomalous = (each[:12] for each in given_pixels)
    assume(0 < anomalous.sum() < anomalous.size)
    ranks = np.unique(scores, return_inverse=True)[1].reshape(scores.shape).astype(np.float32)
    shuffled = [place for place in order if place < scores.size]
    expected = Ranking.of(operating_points(scores, anomalous))
    assert Ranking.of(operating_points(ranks**3 - 5, anomalous)) == expected
    assert Ranking.of(operating_points(scores[shuffled], anomalous[shuffled])) == expected


@TRIALS
@given(pixels())
def test_the_other_way_round_the_area_is_the_rest(given_pixels: Pixels) -> None:
    scores, anomalous = given_pixels
    areas = [Ranking.of(operating_points(sign * scores, anomalous)).auroc for sign in (1, -1)]
    assert sum(areas) == pytest.approx(1)


@TRIALS
@given(pixels(), st.floats(0.01, 1), st.floats(0.01, 1))
def test_to_find_more_never_costs_less(given_pixels: Pixels, one: float, other: float) -> None:
    points = operating_points(*given_pixels)
    for name in CONVENTIONS:
        low, high = (fpr_at_tpr(points, rate, name) for rate in sorted((one, other)))
        assert 0 <= low <= high <= 1
    assert fpr_at_tpr(points, one) <= fpr_at_tpr(points, one, "strict")


@TRIALS
@given(
    arrays(np.uint8, 40, elements=st.sampled_from([0, 1, 2, UNKNOWN, 255])),
    arrays(np.uint8, 40, elements=st.integers(0, 2)),
    arrays(bool, 40),
)
def test_open_set_figures_are_those_of_scikit_learn(truth: np.ndarray, seen: np.ndarray, unknown: np.ndarray) -> None:
    counted = truth <= UNKNOWN
    assume(counted.any())
    said, true = np.where(unknown, UNKNOWN, seen)[counted], truth[counted]
    found = OpenSet.of(open_set_counts(seen[None], truth[None], UNKNOWN, {"x": unknown[None]})["x"])
    there = [label for label in range(4) if label in true or label in said]
    f1 = f1_score(true, said, labels=there, average="macro", zero_division=0)
    assert found.mean_f1 == pytest.approx(f1)
    if known := [label for label in there if label != UNKNOWN]:
        iou = jaccard_score(true, said, labels=known, average="macro", zero_division=0)
        assert found.open_miou == pytest.approx(iou)
    else:
        assert np.isnan(found.open_miou)


@TRIALS
@given(
    arrays(np.uint8, 40, elements=st.sampled_from([0, 1, 2, UNKNOWN, 255])),
    arrays(np.uint8, 40, elements=st.integers(0, 2)),
)
def test_a_perfect_detector_leaves_the_closed_set_as_it_is(truth: np.ndarray, seen: np.ndarray) -> None:
    perfect = truth == UNKNOWN
    found = OpenSet.of(open_set_counts(seen[None], truth[None], UNKNOWN, {"x": perfect[None]})["x"])
    assume(not np.isnan(found.closed_miou))
    assert found.open_miou == found.closed_miou
    assert found.gap == 0
