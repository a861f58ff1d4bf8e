"""Intervals: against all sets that can be drawn, against known populations, and drawn sets against their pixels."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest

from densehybrid_ros.metrics.bootstrap import draws, interval_of, intervals_of, percent_ends
from densehybrid_ros.metrics.components import ComponentOverlaps, Components, drawn_components
from densehybrid_ros.metrics.figures import Figures, figure
from densehybrid_ros.metrics.picture_scores import MEMORY, PictureScores
from densehybrid_ros.metrics.ranking import Ranking, operating_points
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.metrics.segmentation import ConfusionMatrix, drawn_confusions


@dataclass(frozen=True)
class Mean(Figures):
    mean: float = figure("mean", lambda values: float(np.mean(values)))


def test_as_many_pictures_are_drawn_as_there_are_and_the_same_ones_each_time() -> None:
    found = draws(7, 500)
    assert found.shape == (500, 7)
    assert (found.sum(1) == 7).all()
    np.testing.assert_array_equal(found, draws(7, 500))
    assert (found != draws(7, 500, seed=1)).any()


def test_an_interval_is_that_of_all_sets_that_can_be_drawn() -> None:
    """Of 1, 2 and 9 there are 27 ordered sets; the least mean, 1, has 1/27 = 3.7 %, the greatest, 9, as much."""
    values = np.array([1.0, 2.0, 9.0])
    every = sorted(np.mean(each) for each in itertools.product(values, repeat=3))
    assert np.quantile(every, [0.025, 0.975], method="inverted_cdf").tolist() == [1.0, 9.0]
    drawn = [Mean(float(often @ values / 3)) for often in draws(3, 20_000)]
    shares = [np.mean([each.mean <= edge + 1e-9 for each in drawn]) for edge in every]
    exact = [np.mean([mean <= edge + 1e-9 for mean in every]) for edge in every]
    assert shares == pytest.approx(exact, abs=0.01)
    assert (intervals_of(drawn)["mean"].low, intervals_of(drawn)["mean"].high) == (1.0, 9.0)


def test_an_interval_of_a_mean_is_as_wide_as_its_standard_error_says() -> None:
    values = np.random.default_rng(0).normal(0.5, 0.1, 400)
    drawn = [Mean(float(often @ values / 400)) for often in draws(400, 4000)]
    found, error = intervals_of(drawn)["mean"], values.std() / np.sqrt(400)
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_draws_that_do_not_define_a_figure_are_left_out() -> None:
    assert interval_of([0.2, float("nan"), 0.2]).percents() == [20.0, 20.0]
    assert interval_of([float("nan")]).percents() == [None, None]
    assert percent_ends([Mean(0.5), Mean(0.5)]) == {"mean": [50.0, 50.0]}


Picture = tuple[np.ndarray, np.ndarray]


def pictures(count: int, pixels: int, saturated: bool = False, most: float = 0.1) -> list[Picture]:
    """Scores and truth; how hard a picture is differs, and one has no anomalies; `most` is their greatest share."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(count):
        anomalous = (rng.random((1, pixels)) < rng.uniform(0.05 * most, most)) & (number != 1)
        score = rng.standard_normal(anomalous.shape) + rng.uniform(0.5, 3) * anomalous
        score = np.clip(score, -0.5, 2.0) if saturated else score
        truth = np.where(rng.random(anomalous.shape) < 0.1, 255, anomalous).astype(np.uint8)
        found.append((score.astype(np.float32), truth))
    return found


def filled(several: list[Picture], kept_pixels: int = 1 << 22) -> RankingPool:
    pool = RankingPool(kept_pixels, len(several))
    for each in several:
        pool.add(*each)
    return pool


def ranked(several: list[Picture], often: np.ndarray) -> Ranking:
    """Exactly, every pixel as often as its picture is drawn."""
    chosen = [place for place, count in enumerate(often) for _ in range(count)]
    score = np.concatenate([several[place][0].ravel() for place in chosen])
    truth = np.concatenate([several[place][1].ravel() for place in chosen])
    return Ranking.of(operating_points(score[truth != 255], truth[truth != 255] == 1))


@pytest.mark.parametrize("saturated", [False, True])
@pytest.mark.parametrize("kept_pixels", [1 << 22, 1 << 14])
def test_a_drawn_set_is_ranked_as_its_pixels_are(kept_pixels: int, saturated: bool) -> None:
    several = pictures(8, 20_000, saturated=saturated)
    chosen = draws(8, 6)
    for found, often in zip(filled(several, kept_pixels).drawn(chosen), chosen, strict=True):
        exact = ranked(several, often)
        assert found.ap == pytest.approx(exact.ap, abs=5e-4)
        assert found.auroc == pytest.approx(exact.auroc, abs=1e-4)
        assert found.fpr95 == pytest.approx(exact.fpr95, abs=3e-3)


def test_few_pixels_are_drawn_exactly() -> None:
    several = pictures(5, 25, most=0.8)
    chosen = draws(5, 20)
    for found, often in zip(filled(several).drawn(chosen), chosen, strict=True):
        exact = ranked(several, often)
        assert (found.ap, found.auroc, found.fpr95) == pytest.approx((exact.ap, exact.auroc, exact.fpr95), abs=1e-9)


def test_a_draw_without_anomalies_has_no_ranking() -> None:
    several = pictures(3, 500)
    found = filled(several).drawn(np.array([[0, 3, 0], [1, 1, 1]]))
    assert np.isnan(found[0].ap)
    assert 0 < found[1].ap < 1


def test_rates_at_a_threshold_are_those_of_the_pixels() -> None:
    several = pictures(4, 5000, saturated=True)
    pool, often = filled(several), np.array([2, 0, 1, 1])
    assert pool.pictures is not None
    for threshold in (-0.5, 0.3, 2.0, 2.5):
        score = np.concatenate([np.repeat(each, n, 0).ravel() for (each, _), n in zip(several, often, strict=True)])
        truth = np.concatenate([np.repeat(each, n, 0).ravel() for (_, each), n in zip(several, often, strict=True)])
        exact = [(score[truth == kind] >= threshold).mean() for kind in (0, 1)]
        assert pool.pictures.drawn_rates(often[None], threshold)[0] == pytest.approx(exact, abs=3e-3)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """AUROC of scores N(d, 1) against N(0, 1), d itself drawn for each picture: known by many pictures."""
    rng = np.random.default_rng(5)

    def population(count: int) -> list[Picture]:
        truth = np.tile(np.repeat(np.array([0, 1], np.uint8), [300, 100]), (count, 1))
        score = rng.standard_normal(truth.shape) + rng.normal(1.0, 0.5, (count, 1)) * truth
        return [(each[None].astype(np.float32), labels[None]) for each, labels in zip(score, truth, strict=True)]

    true = filled(population(4000), 1 << 30).result()
    hits = []
    for _ in range(60):
        several = population(40)
        ends = intervals_of(filled(several).drawn(draws(40, 200)))
        hits.append([ends[name].low <= getattr(true, name) <= ends[name].high for name in ("ap", "auroc")])
    shares = np.mean(hits, 0)
    assert (shares >= 0.85).all()
    assert (shares <= 1.0).all()


def test_the_classes_of_a_drawn_set_are_counted_as_often_as_its_pictures() -> None:
    rng = np.random.default_rng(0)
    several = [rng.integers(0, 3, (2, 6, 7)).astype(np.uint8) for _ in range(4)]
    counts = []
    for predicted, truth in several:
        matrix = ConfusionMatrix(3)
        matrix.add(predicted, truth)
        counts.append(matrix.counts)
    chosen = draws(4, 10)
    for found, often in zip(drawn_confusions(counts, chosen), chosen, strict=True):
        whole = ConfusionMatrix(3)
        for (predicted, truth), count in zip(several, often, strict=True):
            for _ in range(count):
                whole.add(predicted, truth)
        np.testing.assert_array_equal(found.counts, whole.counts)


def test_the_things_of_a_drawn_set_are_counted_as_often_as_its_pictures() -> None:
    one = ComponentOverlaps(np.array([0.9, 0.3]), np.array([1.0]))
    none, two = ComponentOverlaps(np.zeros(0), np.zeros(0)), ComponentOverlaps(np.array([0.5]), np.array([0.2, 0.6]))
    (found,) = drawn_components([one, none, two], np.array([[2, 1, 1]]))
    assert found == Components.of(ComponentOverlaps.together([one, one, none, two]))


def test_memory_does_not_grow_with_the_pictures() -> None:
    rng = np.random.default_rng(0)
    few, many = PictureScores(10), PictureScores(3000)
    scores, anomalous = rng.standard_normal(100_000).astype(np.float32), rng.random(100_000) < 0.1
    sizes = []
    for each in (few, many):
        each.add(scores, anomalous)
        sizes.append(each._spool.size)
    assert 10 * sizes[0] < MEMORY
    assert 3000 * sizes[1] < 1.2 * MEMORY
