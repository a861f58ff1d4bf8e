"""The table by range against the exact metrics, pixel by pixel."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from densehybrid_ros.metrics.by_range import RangeRow, RangeTable, range_of_disparity, table_dict, table_text
from densehybrid_ros.metrics.cells import EDGE_BYTES, FINE, HALF
from densehybrid_ros.metrics.ranking_pool import RankingPool

Frame = tuple[np.ndarray, np.ndarray, np.ndarray]


def frame(seed: int, ties: bool = False, shape: tuple[int, int] = (90, 120)) -> Frame:
    """Score, truth and metres; the farther, the harder."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([0, 1, 255], shape, p=[0.6, 0.1, 0.3]).astype(np.uint8)
    metres = rng.uniform(-3, 60, shape).astype(np.float32)
    metres[rng.random(shape) < 0.05] = np.nan
    metres[rng.random(shape) < 0.05] = np.inf
    metres[rng.random(shape) < 0.05] = 10.0  # an edge
    signal = np.where(truth == 1, 40 / np.maximum(np.nan_to_num(metres, posinf=60.0), 8), 0)
    score = (rng.normal(-2, 3, shape) + signal).astype(np.float32)
    if ties:
        score = np.round(score)
        score[score == 0] = rng.choice(np.array([0.0, -0.0], np.float32), shape)[score == 0]
    return score, truth, metres


def exact_rows(frames: list[Frame]) -> list[RangeRow]:
    rows = []
    for low, high in [(None, None), *((float(edge), edge + 5.0) for edge in range(5, 50, 5))]:
        pool, inliers, anomalous = RankingPool(), 0, 0
        for score, truth, metres in frames:
            inside = np.ones(truth.shape, bool) if low is None else (metres >= low) & (metres < high)
            kept = np.where(inside, truth, np.uint8(255))
            pool.add(score, kept)
            inliers, anomalous = inliers + int((kept == 0).sum()), anomalous + int((kept == 1).sum())
        rows.append(RangeRow(low, high, inliers, anomalous, pool.result() if pool.has_both_kinds() else None))
    return rows


def table_of(frames: list[Frame]) -> RangeTable:
    table = RangeTable()
    for each in frames:
        table.add(*each)
    return table


@pytest.mark.parametrize("ties", [False, True])
def test_every_row_equals_the_exact_metrics(ties: bool) -> None:
    frames = [frame(seed, ties) for seed in range(4)]
    found, expected = table_of(frames).rows(), exact_rows(frames)
    assert len(found) == 10
    for row, exact in zip(found, expected, strict=True):
        assert (row.low, row.high) == (exact.low, exact.high)
        assert (row.inlier_pixels, row.anomalous_pixels) == (exact.inlier_pixels, exact.anomalous_pixels)
        assert row.ranking is not None
        assert exact.ranking is not None
        assert row.ranking.ap == pytest.approx(exact.ranking.ap, abs=1e-12)
        assert row.ranking.auroc == pytest.approx(exact.ranking.auroc, abs=1e-12)
        assert row.ranking.fpr95 == pytest.approx(exact.ranking.fpr95, abs=1e-12)


def test_every_row_of_a_drawn_set_has_the_pixels_of_its_frames() -> None:
    frames = [frame(seed) for seed in range(4)]
    score, truth, _ = frames[3]
    frames[3] = score, truth, np.zeros_like(score)  # in no bin
    table = RangeTable(pictures=4)
    for each in frames:
        table.add(*each)
    found = table.drawn(np.array([[2, 0, 1, 1], [1, 1, 1, 1]]))
    assert len(found) == 10
    for draw, several in enumerate(([frames[0], frames[0], frames[2], frames[3]], frames)):
        for rankings, row in zip(found, exact_rows(several), strict=True):
            assert row.ranking is not None
            for name in ("ap", "fpr95", "auroc"):
                assert getattr(rankings[draw], name) == pytest.approx(getattr(row.ranking, name), abs=3e-3)


def test_a_row_shows_its_intervals_beside_its_figures() -> None:
    table = RangeTable(pictures=2)
    for flip in (0, 1):
        table.add(np.array([[3, 2, 1, 0]], np.float32), np.array([[1 - flip, flip, 0, 0]], np.uint8))
    overall, *bins = table.drawn(np.array([[2, 0], [0, 2]]))
    assert [ranking.ap for ranking in overall] == pytest.approx([1, 1 / 2])
    assert bins == [[]] * 9
    text = table_text(table.rows()[:1], [{"ap": [50.0, 100.0]}])
    assert text.splitlines()[1].split()[:4] == ["all", "50.00", "[50.00,", "100.00]"]


def test_pixels_without_range_count_in_the_overall_row_alone() -> None:
    score, truth, metres = frame(0)
    table = RangeTable()
    table.add(score, truth)
    table.add(score, truth, np.zeros_like(metres))
    overall, *bins = table.rows()
    assert overall.inlier_pixels == 2 * int((truth == 0).sum())
    assert all(row.inlier_pixels == row.anomalous_pixels == 0 and row.ranking is None for row in bins)


def test_a_row_with_one_kind_of_pixels_has_no_figures() -> None:
    table = RangeTable()
    assert table_dict(table.rows())["ap"] is None
    table.add(np.ones((1, 2), np.float32), np.zeros((1, 2), np.uint8), np.full((1, 2), 7, np.float32))
    rows = table.rows()
    assert rows[1] == RangeRow(5.0, 10.0, 2, 0, None)
    report = json.loads(json.dumps(table_dict(rows)))
    assert report["by_range"][0] == {
        "low": 5.0,
        "high": 10.0,
        "ap": None,
        "fpr95": None,
        "auroc": None,
        "inlier_pixels": 2,
        "anomalous_pixels": 0,
    }
    assert table_text(rows).splitlines()[2].split() == ["5-10", "-", "-", "-", "2", "0"]


def test_figures_are_percent_with_two_decimals() -> None:
    table = RangeTable()
    table.add(np.array([[3, 2, 1, 0]], np.float32), np.array([[1, 0, 1, 0]], np.uint8))
    report = table_dict(table.rows()[:1])
    assert (report["ap"], report["auroc"], report["fpr95"]) == (83.33, 75.0, 50.0)
    assert report["by_range"] == []
    assert table_text(table.rows()[:1]).splitlines()[1].split() == ["all", "83.33", "50.00", "75.00", "2", "2"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_finite_is_refused_unless_ignored(value: float) -> None:
    score, truth = np.array([[1, value]], np.float32), np.array([[0, 1]], np.uint8)
    table = RangeTable()
    with pytest.raises(ValueError, match="not finite"):
        table.add(score, truth)
    assert table.rows()[0].inlier_pixels == 0
    table.add(score, np.array([[0, 255]], np.uint8))
    assert table.rows()[0].inlier_pixels == 1


def test_wrong_arrays_are_refused() -> None:
    score, truth, metres = frame(0)
    table = RangeTable()
    for arrays in [
        (score.astype(np.float64), truth, metres),
        (score, truth[1:], metres),
        (score, truth, metres[:, 1:]),
        (score, truth.astype(np.int64), metres),
    ]:
        with pytest.raises(ValueError, match="must be"):
            table.add(*arrays)
    with pytest.raises(ValueError, match="but holds 11"):
        table.add(score, np.where(truth == 1, np.uint8(11), truth))
    assert table.rows()[0].inlier_pixels == 0


def test_range_is_focal_length_times_baseline_over_disparity() -> None:
    disparity = np.array([[50, 1, 0, -1, np.nan, np.inf, 2]], np.float32)
    found = range_of_disparity(disparity, 1000.0, 0.25)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array([[5, 250, 0, 0, 0, 0, 125]], np.float32))
    np.testing.assert_array_equal(range_of_disparity(disparity, 1000.0, 0.25, 2.0)[0], [5, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(range_of_disparity(disparity, 1000.0, 0.25, np.nan), found)


def test_a_large_frame_is_added_in_a_moment() -> None:
    rng = np.random.default_rng(0)
    shape = (1024, 2048)
    truth = rng.choice([0, 1, 255], shape, p=[0.18, 0.02, 0.8]).astype(np.uint8)
    score, metres = rng.normal(0, 5, shape).astype(np.float32), rng.uniform(0, 60, shape).astype(np.float32)
    table = RangeTable()
    durations = []
    for _ in range(5):
        begin = time.perf_counter()
        table.add(score, truth, metres)
        durations.append(time.perf_counter() - begin)
    assert min(durations) < 0.25  # measured: 0.03 s; the machine may be busy


def test_a_long_set_takes_the_memory_that_is_set_aside_and_no_more() -> None:
    """Frames whose scores spread ever more, so that no cells can stay as they are."""
    table, rng = RangeTable(kept_pixels=1 << 16), np.random.default_rng(0)
    shape = 256, 256
    for number in range(20):
        truth = (rng.random(shape) < 0.2).astype(np.uint8)
        score = (rng.standard_normal(shape) + truth) * 3.0**number
        table.add(score.astype(np.float32), truth, rng.uniform(5, 50, shape).astype(np.float32))
    for sketch, resolution in zip((table._all, *table._bins), (FINE, *[HALF] * 9), strict=True):
        assert sketch._cells is not None
        used = sketch._cells.edges.nbytes + sketch._cells.inside.nbytes
        assert 0.3 * EDGE_BYTES * resolution.most_edges < used <= EDGE_BYTES * resolution.most_edges
    twenty = 20 * EDGE_BYTES * (FINE.most_edges + 9 * HALF.most_edges)
    assert twenty < 350 * 2**20, "so much of 1.5 GB is left for the rest"
