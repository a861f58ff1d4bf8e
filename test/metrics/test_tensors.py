"""Every metric takes NumPy arrays and torch tensors, wherever they are, and says the same of both."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from densehybrid_ros.metrics import tensors
from densehybrid_ros.metrics.by_range import RangeTable
from densehybrid_ros.metrics.components import ComponentSizes, component_overlaps
from densehybrid_ros.metrics.open_set import open_set_counts
from densehybrid_ros.metrics.ranking import operating_points
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.metrics.segmentation import ConfusionMatrix
from densehybrid_ros.metrics.tensors import FEWEST_BY_DIGITS, rising

CLASSES = 3
Given = Callable[[np.ndarray], Any]


def on_cpu(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values.copy())


def on_cuda(values: np.ndarray) -> torch.Tensor:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    return on_cpu(values).cuda()


@pytest.fixture
def picture() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    truth = rng.integers(0, CLASSES + 1, (40, 60)).astype(np.uint8)
    binary = np.where(truth == CLASSES, 1, 0).astype(np.uint8)
    score = (rng.integers(-6, 6, truth.shape) / 2 + binary).astype(np.float32)  # with ties
    truth[:4], binary[:4] = 255, 255
    return {
        "score": score,
        "truth": truth,
        "binary": binary,
        "seen": rng.integers(0, CLASSES, truth.shape).astype(np.uint8),
        "metres": rng.uniform(0, 60, truth.shape).astype(np.float32),
    }


def of_points(given: Given, of: dict[str, np.ndarray]) -> list[Any]:
    points = operating_points(given(of["score"].ravel()), given(of["binary"].ravel() == 1))
    return [points.thresholds.tolist(), points.true_positives.tolist(), points.false_positives.tolist()]


def of_pool(given: Given, of: dict[str, np.ndarray]) -> list[Any]:
    pool = RankingPool(kept_pixels=500)
    pool.add(given(of["score"]), given(of["binary"]))
    return [pool.result()]


def of_range_table(given: Given, of: dict[str, np.ndarray]) -> list[Any]:
    table = RangeTable()
    table.add(given(of["score"]), given(of["binary"]), given(of["metres"]))
    return list(table.rows())


def of_confusion(given: Given, of: dict[str, np.ndarray]) -> list[Any]:
    matrix = ConfusionMatrix(CLASSES)
    matrix.add(given(of["seen"]), given(of["truth"]))
    return matrix.counts.tolist()


def of_open_set(given: Given, of: dict[str, np.ndarray]) -> list[Any]:
    unknown = {"score": given(of["score"] >= 1)}
    counts = open_set_counts(given(of["seen"]), given(of["truth"]), CLASSES, unknown)["score"]
    return [counts.pixels.tolist(), counts.unknown.tolist()]


def of_components(given: Given, of: dict[str, np.ndarray]) -> list[Any]:
    overlaps = component_overlaps(given(of["score"] >= 1), given(of["binary"]), ComponentSizes(3, 2))
    return [overlaps.truth.tolist(), overlaps.predicted.tolist()]


@pytest.mark.parametrize("given", [on_cpu, on_cuda])
@pytest.mark.parametrize("metric", [of_points, of_pool, of_range_table, of_confusion, of_open_set, of_components])
def test_tensors_give_what_arrays_give(metric: Callable[..., list[Any]], given: Given, picture: Any) -> None:
    assert metric(given, picture) == metric(np.asarray, picture)


def test_tensors_of_half_precision_and_with_gradients_are_ranked(picture: dict[str, np.ndarray]) -> None:
    """The scores are halves, which bfloat16 holds."""
    score = on_cpu(picture["score"].ravel()).bfloat16().requires_grad_()
    anomalous = on_cpu(picture["binary"].ravel() == 1)
    expected = operating_points(picture["score"].ravel(), picture["binary"].ravel() == 1)
    assert operating_points(score, anomalous).true_positives.tolist() == expected.true_positives.tolist()
    pool = RankingPool()
    pool.add(score.reshape(40, 60), on_cpu(picture["binary"]))
    assert pool.points().thresholds.dtype == np.float32


@pytest.mark.parametrize("given", [np.asarray, on_cpu])
def test_what_cannot_be_ranked_is_refused(given: Given) -> None:
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match="not finite"):
            operating_points(given(np.array([0, bad, 1], np.float32)), given(np.array([True, False, False])))
    for kind, pixels in ((True, 3), (False, 3), (False, 0)):
        with pytest.raises(ValueError, match=f"{pixels * kind} of {pixels} pixels are anomalous"):
            operating_points(given(np.zeros(pixels, np.float32)), given(np.full(pixels, kind)))


def test_one_pixel_of_each_kind_is_enough() -> None:
    for scores, found in (([1, 0], ([1, 0], [1, 1], [0, 1])), ([0, 0], ([0], [1], [1]))):
        points = operating_points(on_cpu(np.array(scores, np.float32)), on_cpu(np.array([True, False])))
        kinds = (points.thresholds.tolist(), points.true_positives.tolist(), points.false_positives.tolist())
        assert kinds == found


def of_all_sizes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Any finite float32: both signs, zeros of both, subnormal and largest numbers."""
    bits = rng.integers(0, 1 << 32, count, dtype=np.uint32)
    scores = bits.view(np.float32).copy()
    scores[~np.isfinite(scores)] = np.finfo(np.float32).max
    scores[:4] = [0.0, -0.0, 1e-45, -1e-45]
    return scores


SCORES_TO_SORT: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "both signs": lambda rng, count: rng.standard_normal(count).astype(np.float32),
    "negative": lambda rng, count: -rng.exponential(1, count).astype(np.float32),
    "positive": lambda rng, count: rng.exponential(1e-9, count).astype(np.float32),
    "ties": lambda rng, count: rng.integers(-3, 3, count).astype(np.float32),
    "all sizes": of_all_sizes,
}


@pytest.mark.parametrize("part", [1 << 15, 50_000, 1 << 20], ids=["whole parts", "a rest", "one part"])
@pytest.mark.parametrize("case", SCORES_TO_SORT)
def test_many_scores_are_sorted_by_their_digits_as_numpy_sorts_them(
    case: str, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "fbgemm" not in torch.backends.quantized.supported_engines:
        pytest.skip("torch without FBGEMM sorts no quicker than NumPy")
    scores = SCORES_TO_SORT[case](np.random.default_rng(1), 4 * FEWEST_BY_DIGITS)
    given, sizes, by_digits = scores.copy(), [], torch.Tensor.sort

    def noted(values: torch.Tensor) -> Any:
        sizes.append(len(values))
        return by_digits(values)

    monkeypatch.setattr(tensors, "PART", part)
    monkeypatch.setattr(torch.Tensor, "sort", noted)
    found = rising(scores)
    np.testing.assert_array_equal(found, np.sort(scores))
    assert found.dtype == np.float32
    assert sizes == [min(part, scores.size - begin) for begin in range(0, scores.size, part)]
    np.testing.assert_array_equal(scores, given, "what is sorted stays as it was")


def test_few_scores_and_those_without_torch_are_sorted_by_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = of_all_sizes(np.random.default_rng(2), FEWEST_BY_DIGITS)
    monkeypatch.setattr(torch.Tensor, "sort", None)
    np.testing.assert_array_equal(rising(scores[:-1]), np.sort(scores[:-1]))
    monkeypatch.delitem(sys.modules, "torch")
    np.testing.assert_array_equal(rising(scores), np.sort(scores))
