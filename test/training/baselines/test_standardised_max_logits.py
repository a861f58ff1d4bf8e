"""SML: its statistics, its formula, and what follows the formula in the paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import CLASSLESS, IGNORE
from densehybrid_ros.training.baselines.known_image import Extent
from densehybrid_ros.training.baselines.standardised_max_logits import (
    DILATION,
    MaxLogitMoments,
    boundaries_suppressed,
    smoothed,
    standardised_max_logit,
    suppressed_and_smoothed,
)


def test_a_max_logit_is_measured_by_its_own_class() -> None:
    """Class 1 has mean 10 and deviation 4, class 0 has 2 and 1/2."""
    logits = torch.tensor([[1.0, 3.0, 0.0], [12.0, 1.0, 6.0]], dtype=torch.float64).view(1, 2, 1, 3)
    mean, deviation = torch.tensor([2.0, 10.0]).double(), torch.tensor([0.5, 4.0]).double()
    found = standardised_max_logit(logits, mean, deviation)
    assert found.flatten().tolist() == [-(12 - 10) / 4, -(3 - 2) / 0.5, -(6 - 10) / 4]


def test_sml_equals_its_formula() -> None:
    rng = np.random.default_rng(2)
    logits, mean, deviation = rng.normal(0, 6, (2, 7, 5, 6)), rng.normal(5, 2, 7), rng.uniform(0.5, 3, 7)
    predicted = logits.argmax(1)
    expected = -(logits.max(1) - mean[predicted]) / deviation[predicted]
    found = standardised_max_logit(*map(torch.from_numpy, (logits, mean, deviation)))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_moments_are_those_of_inliers_by_the_class_that_is_predicted(known: Any) -> None:
    """Class 0 is predicted with 1, 3, 8 (mean 4, deviation √(26/3)); class 1 once, class 2 on ignored pixels alone."""
    logits = torch.tensor([[[1.0, 3, 8, 0, 0, 0]], [[0.0, 0, 0, 4, 0, 0]], [[0.0, 0, 0, 0, 70, 90]]])
    fitting = MaxLogitMoments(Extent(classes=3, pictures=2))
    fitting.add(known(logits[..., :2], [[0, 1]]))  # what is true does not matter
    fitting.add(known(logits[..., 2:], [[CLASSLESS, 2, IGNORE, 3]]))  # 3 = K is unknown
    found = fitting.result()
    every = [1.0, 3.0, 8.0, 4.0]
    assert found["mean"].tolist() == pytest.approx([4, np.mean(every), np.mean(every)])
    assert found["deviation"].tolist() == pytest.approx([np.sqrt(26 / 3), np.std(every), np.std(every)])


def test_without_inliers_there_are_no_moments(known: Any) -> None:
    fitting = MaxLogitMoments(Extent(classes=2, pictures=1))
    fitting.add(known(torch.ones(2, 1, 2), [[IGNORE, IGNORE]]))
    with pytest.raises(SetupError, match="no inlier pixel"):
        fitting.result()


def test_what_is_near_a_boundary_takes_the_value_from_beyond_it() -> None:
    """Columns 0–9 are class 0, 10–19 class 1: the boundary is the columns 9 and 10, its width of 8 ends at 6 and 13."""
    predicted = (torch.arange(20) >= 10).long().expand(1, 6, -1)
    score = torch.full((1, 6, 20), 9.0)
    score[..., :6], score[..., 14:] = 1.0, 5.0
    expected = torch.where(torch.arange(20) < 10, 1.0, 5.0).expand(1, 6, -1)
    torch.testing.assert_close(boundaries_suppressed(score, predicted), expected)
    score[..., 5] = 7.0  # lies just beyond the widest boundary, and stays
    assert (boundaries_suppressed(score, predicted)[..., 5] == 7.0).all()


def suppressed_by_loops(score: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """The same from its description, pixel by pixel."""
    height, width = score.shape
    places = [(row, column) for row in range(height) for column in range(width)]

    def around(row: int, column: int) -> list[tuple[int, int]]:
        return [place for place in places if max(abs(place[0] - row), abs(place[1] - column)) <= 1]

    edges = [place for place in places if len({predicted[each] for each in around(*place)}) > 1]
    distance = {place: min([abs(place[0] - r) + abs(place[1] - c) for r, c in edges], default=99) for place in places}
    for radius in (3, 2, 1, 0):
        before = score.copy()
        for place in places:
            beside = [before[each] for each in around(*place) if distance[each] > radius]
            if distance[place] <= radius and beside:
                score[place] = np.mean(beside)
    return score


@pytest.mark.parametrize("seed", range(4))
def test_suppression_equals_its_description(seed: int) -> None:
    rng = np.random.default_rng(seed)
    predicted = np.kron(rng.integers(0, 2 + seed, (2, 2)), np.ones((8, 9), np.int64))
    score = rng.normal(size=predicted.shape)
    found = boundaries_suppressed(torch.from_numpy(score)[None], torch.from_numpy(predicted)[None])[0]
    np.testing.assert_allclose(found.numpy(), suppressed_by_loops(score.copy(), predicted), rtol=1e-9)


def test_smoothing_is_a_gaussian_of_places_that_lie_apart() -> None:
    score = torch.zeros(1, 61, 61, dtype=torch.float64)
    score[0, 30, 30] = 1
    found = smoothed(score)[0]
    weights = np.exp(-(np.arange(-3, 4) ** 2) / 2)
    expected = np.outer(weights, weights) / weights.sum() ** 2
    reached = slice(30 - 3 * DILATION, 31 + 3 * DILATION, DILATION)
    np.testing.assert_allclose(found[reached, reached].numpy(), expected, rtol=1e-12)
    assert found.sum().item() == pytest.approx(1)
    torch.testing.assert_close(smoothed(torch.full((1, 5, 4), 3.0)), torch.full((1, 5, 4), 3.0))


def test_suppression_comes_before_smoothing() -> None:
    rng = np.random.default_rng(1)
    score, predicted = torch.from_numpy(rng.normal(size=(1, 30, 30))), torch.from_numpy(rng.integers(0, 2, (1, 30, 30)))
    expected = smoothed(boundaries_suppressed(score, predicted))
    assert torch.equal(suppressed_and_smoothed(score, predicted), expected)
