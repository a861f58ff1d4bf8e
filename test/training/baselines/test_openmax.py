"""OpenMax: the tails of the distances, and the unknown class."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import IGNORE
from densehybrid_ros.training.baselines.known_image import Extent
from densehybrid_ros.training.baselines.openmax import LogitTails, openmax, weibull_fit, weibull_tail
from densehybrid_ros.training.baselines.settings import ScoreSettings


def test_a_pixel_worked_by_hand() -> None:
    """s = (2, 1) lies on the mean of class 0, and 1 from that of class 1, where F(1) = 1 − 1/e.

    Class 1 is second of two: it is rejected by half of that, and the unknown class gets its share of the logit 1.
    """
    logits = torch.tensor([2.0, 1.0], dtype=torch.float64).view(1, 2, 1, 1)
    ones = torch.ones(2, dtype=torch.float64)
    means = torch.tensor([[2.0, 1.0], [1.0, 1.0]]).double()
    lost = (1 - math.exp(-1)) / 2
    expected = lost - math.log(math.exp(2) + math.exp(1 - lost) + math.exp(lost))
    assert openmax(logits, means, 0 * ones, ones, ones, rank=2).item() == pytest.approx(expected)
    nothing_lost = -math.log(math.exp(2) + math.exp(1) + 1)
    assert openmax(logits, means, 0 * ones, ones, ones, rank=1).item() == pytest.approx(nothing_lost)
    assert openmax(logits, means, ones, ones, ones, rank=2).item() == pytest.approx(nothing_lost)  # before the tail


def by_loops(logits: np.ndarray, means: np.ndarray, tails: np.ndarray, rank: int) -> float:
    """Of one pixel, after algorithm 2 and the authors' code."""
    revised, unknown = logits.copy(), 0.0
    for place, label in enumerate(np.argsort(-logits)[:rank]):
        location, scale, shape = tails[label]
        excess = max(0.0, np.linalg.norm(logits - means[label]) - location)
        rejected = 1 - math.exp(-((excess / scale) ** shape))
        kept = 1 - (rank - place) / rank * rejected
        revised[label] = logits[label] * kept
        unknown += logits[label] * (1 - kept)
    return float(unknown - math.log(np.exp(revised).sum() + math.exp(unknown)))


@pytest.mark.parametrize("rank", [1, 3, 6, 50])
def test_openmax_equals_its_formula(rank: int) -> None:
    rng = np.random.default_rng(8)
    logits, means = rng.normal(0, 3, (2, 6, 3, 4)), rng.normal(0, 3, (6, 6))
    tails = rng.uniform([2, 2, 0.5], [6, 8, 4], (6, 3))
    location, scale, shape = torch.from_numpy(tails).unbind(1)
    found = openmax(torch.from_numpy(logits), torch.from_numpy(means), location, scale, shape, rank)
    pixels = logits.transpose(0, 2, 3, 1).reshape(-1, 6)
    expected = [by_loops(each, means, tails, min(rank, 6)) for each in pixels]
    np.testing.assert_allclose(found.flatten().numpy(), expected, rtol=1e-12)


def log_likelihood(values: np.ndarray, scale: float, shape: float) -> float:
    powers = (values / scale) ** shape
    return float((np.log(shape / scale) + (shape - 1) * np.log(values / scale) - powers).sum())


@pytest.mark.parametrize(("scale", "shape"), [(3.0, 2.0), (0.01, 0.7), (500.0, 12.0)])
def test_no_weibull_distribution_beside_the_fitted_one_is_likelier(scale: float, shape: float) -> None:
    values = scale * np.random.default_rng(3).weibull(shape, 4000)
    found = weibull_fit(torch.from_numpy(values))
    assert found == pytest.approx((scale, shape), rel=0.05)
    best = log_likelihood(values, *found)
    for factor in (0.99, 1.01):
        assert log_likelihood(values, found[0] * factor, found[1]) < best
        assert log_likelihood(values, found[0], found[1] * factor) < best


def test_the_tail_begins_where_its_share_does() -> None:
    distances = torch.arange(1.0, 101).double()
    location, scale, shape = weibull_tail(distances[torch.randperm(100)], 0.1)
    assert location == 90
    assert (scale, shape) == weibull_fit(torch.arange(1.0, 11).double())
    assert weibull_tail(distances, 0.02) == (98, math.inf, 1)  # two are no tail
    assert weibull_tail(torch.ones(50).double(), 0.5) == (1, math.inf, 1)
    assert weibull_tail(distances, 1.0)[0] == 0


def test_means_and_tails_are_those_of_what_is_rightly_predicted(known: Any) -> None:
    """Class 0 has right logits (9, 0) and (5, 0), mean (7, 0), distances 2; the rest is wrong, void or unknown."""
    logits = torch.tensor([[[9.0, 5, 1, 8, 8]], [[0.0, 0, 3, 0, 0]]])
    fitting = LogitTails(Extent(classes=2, pictures=1))
    fitting.add(known(logits, [[0, 0, 0, IGNORE, 2]]))
    found = fitting.result()
    assert found["means"].tolist() == [[7, 0], [0, 0]]
    assert found["scale"].tolist() == [math.inf, math.inf]
    score = openmax(logits[None], **found, rank=2)
    assert torch.isfinite(score).all()  # nothing is rejected by classes without a tail


def test_the_tail_of_a_class_is_that_of_its_own_distances(known: Any) -> None:
    logits = torch.zeros(2, 1, 40)
    logits[0] = 50 + torch.randn(40, generator=torch.Generator().manual_seed(1))
    fitting = LogitTails(Extent(classes=2, pictures=1, settings=ScoreSettings(openmax_tail=0.25)))
    fitting.add(known(logits, np.zeros((1, 40))))
    found = fitting.result()
    distances = (logits[0, 0].double() - logits[0, 0].double().mean()).abs()
    expected = weibull_tail(distances, 0.25)
    assert [found[name][0].item() for name in ("location", "scale", "shape")] == pytest.approx(expected, rel=1e-5)


def test_without_a_right_prediction_there_is_nothing_to_fit(known: Any) -> None:
    fitting = LogitTails(Extent(classes=2, pictures=1))
    fitting.add(known(torch.tensor([[[1.0]], [[0.0]]]), [[1]]))
    with pytest.raises(SetupError, match="no labelled place is rightly predicted"):
        fitting.result()
