"""Rankings in constant memory against scikit-learn, on scores made to defeat any fixed way to count them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from densehybrid_ros.metrics.cells import (
    COARSE,
    FINE,
    GROWTH,
    HALF,
    MOST_EDGES,
    SHARES,
    Resolution,
    first_cells,
    grown,
    telling_ranks,
    thinned,
)
from densehybrid_ros.metrics.ranking import Ranking
from densehybrid_ros.metrics.score_sketch import ScoreSketch

PIXELS = 300_000
Case = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def tanh_sum(z: np.ndarray, anomalous: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As of RbA: nearly all pixels lie within a few steps of a float32 of −K."""
    return -np.tanh((3 - z)[None] * np.array([[1], [2], [5]])).sum(0)


def softmax_maximum(z: np.ndarray, anomalous: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As of MSP: nearly all pixels lie within a few steps of −1."""
    return -1 / (1 + np.exp(2 * z - 12))


def scales(z: np.ndarray, anomalous: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.sign(z) * 10.0 ** (rng.uniform(-30, 30, z.size) * np.abs(z) / 4)


def drift(z: np.ndarray, anomalous: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The first pixels spread over millions, all later ones over thousandths."""
    early = np.arange(z.size) < z.size // 8
    return np.where(early, z * 1e6, 1 + z * 1e-3)


CASES: dict[str, Case] = {
    "spread": lambda z, anomalous, rng: z,
    "tanh_sum": tanh_sum,
    "softmax_maximum": softmax_maximum,
    "constant": lambda z, anomalous, rng: np.full(z.size, 0.25),
    "ties": lambda z, anomalous, rng: np.round(4 * z),
    "saturated at both ends": lambda z, anomalous, rng: np.clip(z, -0.5, 1.5),
    "scales": scales,
    "drift": drift,
    "fine structure": lambda z, anomalous, rng: np.round(50 * z) / 50 + 1e-6 * anomalous,
    "around one": lambda z, anomalous, rng: 1 + 2e-6 * z,
    "rising": lambda z, anomalous, rng: z + np.arange(z.size) / 3e4,
    "perfect": lambda z, anomalous, rng: 0.01 * z + anomalous,
    "inverse": lambda z, anomalous, rng: 0.01 * z - anomalous,
    "largest floats": lambda z, anomalous, rng: np.where(np.abs(z) > 1.5, np.sign(z) * np.finfo(np.float32).max, z),
}


def ranking_of(sketch: ScoreSketch) -> Ranking:
    return Ranking.of(sketch.points())


def exact_ranking(scores: np.ndarray, anomalous: np.ndarray) -> Ranking:
    scores = scores.astype(np.float64)  # scikit-learn adds them up, to see whether they are finite
    fpr, tpr, _ = roc_curve(anomalous, scores, drop_intermediate=False)
    at = float(fpr[np.argmax(tpr >= 0.95)])
    return Ranking(float(average_precision_score(anomalous, scores)), at, float(roc_auc_score(anomalous, scores)))


def filled(scores: np.ndarray, anomalous: np.ndarray, parts: int = 40, resolution: Resolution = FINE) -> ScoreSketch:
    """In parts, of which every second one is counted in cells."""
    sketch = ScoreSketch(scores.size // parts, resolution)
    for chosen in np.array_split(np.arange(scores.size), parts):
        sketch.add(scores[chosen], anomalous[chosen])
    assert sketch._cells is not None
    return sketch


@pytest.mark.parametrize(("share", "resolution"), [(0.5, FINE), (0.03, FINE), (1e-4, FINE), (0.03, HALF)])
@pytest.mark.parametrize("case", CASES)
def test_every_score_is_ranked_as_scikit_learn_ranks_it(case: str, share: float, resolution: Resolution) -> None:
    rng = np.random.default_rng(3)
    anomalous = rng.random(PIXELS) < share
    z = rng.standard_normal(PIXELS) + 1.3 * anomalous
    scores = CASES[case](z, anomalous, rng).astype(np.float32)
    exact = exact_ranking(scores, anomalous)
    found = ranking_of(filled(scores, anomalous, resolution=resolution))
    assert found.ap == pytest.approx(exact.ap, abs=1e-4)
    assert found.auroc == pytest.approx(exact.auroc, abs=1e-4)
    assert found.fpr95 == pytest.approx(exact.fpr95, abs=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_a_coarse_one_keeps_to_a_thousandth_in_a_fraction_of_the_memory(case: str) -> None:
    rng = np.random.default_rng(7)
    anomalous = rng.random(PIXELS) < 0.1
    scores = CASES[case](rng.standard_normal(PIXELS) + 1.3 * anomalous, anomalous, rng).astype(np.float32)
    fine, coarse = (filled(scores, anomalous, resolution=each) for each in (FINE, COARSE))
    exact, found = exact_ranking(scores, anomalous), ranking_of(coarse)
    assert (found.ap, found.auroc, found.fpr95) == pytest.approx((exact.ap, exact.auroc, exact.fpr95), abs=1e-3)
    assert fine._cells is not None
    assert coarse._cells is not None
    if case == "spread":
        assert coarse._cells.edges.size < fine._cells.edges.size / 4


@pytest.mark.parametrize("place", [0, 5, 300, 40_000, PIXELS - 1])
def test_a_single_anomalous_pixel_has_its_rank(place: int) -> None:
    """Whether it is the highest, the lowest, or somewhere between."""
    scores = np.random.default_rng(0).standard_normal(PIXELS).astype(np.float32)
    anomalous = np.zeros(PIXELS, bool)
    anomalous[np.argsort(scores)[::-1][place]] = True
    exact, found = exact_ranking(scores, anomalous), ranking_of(filled(scores, anomalous))
    assert (found.ap, found.auroc, found.fpr95) == pytest.approx((exact.ap, exact.auroc, exact.fpr95), abs=1e-4)


def test_anomalies_that_come_late_are_ranked_among_inliers_that_are_in_cells() -> None:
    rng = np.random.default_rng(1)
    anomalous = (rng.random(PIXELS) < 0.03) & (np.arange(PIXELS) > 0.8 * PIXELS)
    scores = (rng.standard_normal(PIXELS) + 1.3 * anomalous).astype(np.float32)
    exact, found = exact_ranking(scores, anomalous), ranking_of(filled(scores, anomalous))
    assert (found.ap, found.auroc, found.fpr95) == pytest.approx((exact.ap, exact.auroc, exact.fpr95), abs=1e-4)


@pytest.mark.parametrize("case", ["ties", "saturated at both ends", "softmax_maximum", "fine structure", "spread"])
def test_a_threshold_finds_what_its_point_says(case: str) -> None:
    """Also that of a cell which begins just above a score that many pixels share: it must not find those."""
    rng = np.random.default_rng(4)
    anomalous = rng.random(PIXELS) < 0.1
    scores = CASES[case](rng.standard_normal(PIXELS) + anomalous, anomalous, rng).astype(np.float32)
    points = filled(scores, anomalous).points()
    for place in np.linspace(0, len(points.thresholds) - 1, 50).astype(int):
        found = (scores >= points.thresholds[place])[~anomalous].sum()
        assert points.false_positives[place] == pytest.approx(found, abs=1e-4 * PIXELS)


def test_memory_does_not_grow() -> None:
    rng = np.random.default_rng(0)
    sketch = ScoreSketch(kept_pixels=1 << 17)
    for number in range(40):  # ever new scores, of ever new sizes
        scores = (rng.standard_normal(1 << 17) * 1.5**number + number).astype(np.float32)
        sketch.add(scores, rng.random(scores.size) < 0.1)
        assert sum(each.size for kind in sketch._kept for each in kind) <= 1 << 17
        assert sketch._cells is None or sketch._cells.edges.size <= MOST_EDGES
    points = sketch.points()
    assert (points.true_positives[-1], points.false_positives[-1]) == (sketch.counts[1], sketch.counts[0])


@pytest.mark.parametrize("shift", [0.0, 0.3, 20.0], ids=["the same scores", "others", "beyond the edges"])
def test_new_pixels_are_counted_exactly_at_all_edges(shift: float) -> None:
    """Those that there were, and those of cells that are cut."""
    rng = np.random.default_rng(6)
    before, after = (
        [np.sort(rng.standard_normal(count).astype(np.float32) + each) for count in (90_000, 3_000)]
        for each in (0.0, shift)
    )
    cells = first_cells(before)
    found = grown(cells, after)
    new = np.stack([np.searchsorted(each, found.edges) for each in after])
    np.testing.assert_array_equal(found.below, np.rint(cells.below_others(found.edges) + new))
    assert (np.diff(found.edges) > 0).all()
    assert found.edges.size > cells.edges.size


def test_thinning_keeps_figures_and_counts() -> None:
    rng = np.random.default_rng(0)
    anomalous = rng.random(1_000_000) < 0.05
    scores = (rng.standard_normal(anomalous.size) + 1.3 * anomalous).astype(np.float32)
    sketch = filled(scores, anomalous, parts=4)
    before = ranking_of(sketch)
    assert sketch._cells is not None
    sketch._cells = thinned(sketch._cells)
    after = ranking_of(sketch)
    assert (after.ap, after.auroc, after.fpr95) == pytest.approx((before.ap, before.auroc, before.fpr95), abs=1e-4)
    assert sketch._cells.below[:, -1].sum() <= sketch.counts.sum()


def test_cells_left_after_thinning_are_far_fewer_than_there_may_be() -> None:
    """Else each addition would thin anew: an edge for each rank of two kinds."""
    assert 2 * telling_ranks(10**11).size < 0.9 * MOST_EDGES


def test_ranks_are_told_one_by_one_at_first_and_evenly_in_the_end() -> None:
    ranks = telling_ranks(10**9)
    assert ranks[:4096].tolist() == list(range(4096))
    assert ranks[-1] == 10**9 - 1
    steps = np.diff(ranks)
    assert (steps <= np.maximum(ranks[:-1] * GROWTH * 1.01, 1) + 1).all()
    assert steps.max() <= 10**9 / SHARES + 1
    assert telling_ranks(0).size == 0
    assert telling_ranks(3).tolist() == [0, 1, 2]


def test_few_pixels_are_ranked_exactly() -> None:
    rng = np.random.default_rng(0)
    anomalous = rng.random(5000) < 0.1
    scores = (rng.standard_normal(5000) + anomalous).astype(np.float32)
    sketch = ScoreSketch()
    sketch.add(scores[:2000], anomalous[:2000])
    sketch.add(scores[2000:], anomalous[2000:])
    exact, found = exact_ranking(scores, anomalous), ranking_of(sketch)
    assert (found.ap, found.auroc, found.fpr95) == pytest.approx((exact.ap, exact.auroc, exact.fpr95), abs=1e-12)


def test_reports_between_change_nothing() -> None:
    rng = np.random.default_rng(0)
    asked, silent = ScoreSketch(1000), ScoreSketch(1000)
    for _ in range(9):
        scores, anomalous = rng.standard_normal(700).astype(np.float32), rng.random(700) < 0.2
        for sketch in (asked, silent):
            sketch.add(scores, anomalous)
        asked.points()
    assert ranking_of(asked) == ranking_of(silent)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_refused_and_nothing_is_added(value: float) -> None:
    sketch = ScoreSketch()
    with pytest.raises(ValueError, match="not finite"):
        sketch.add(np.array([0, value], np.float32), np.array([False, True]))
    assert sketch.counts.tolist() == [0, 0]


@pytest.mark.parametrize("kind", [False, True])
def test_one_kind_alone_has_no_points(kind: bool) -> None:
    sketch = ScoreSketch(3)
    sketch.add(np.arange(5, dtype=np.float32), np.full(5, kind))
    with pytest.raises(ValueError, match="both kinds"):
        sketch.points()
