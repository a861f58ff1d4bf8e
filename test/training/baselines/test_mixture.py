"""Expectation and maximisation of a mixture of Gaussians."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.baselines.densities import mixture_log_densities, whitening
from densehybrid_ros.training.baselines.known_image import Extent
from densehybrid_ros.training.baselines.mixture import PreLogitMixture, fitted_mixture, maximised
from densehybrid_ros.training.baselines.settings import ScoreSettings


def two_clouds() -> torch.Tensor:
    rng = np.random.default_rng(1)
    near, far = rng.normal(0, 1, (600, 2)), rng.normal(0, 1, (200, 2)) * [0.5, 2] + [12, -3]
    return torch.from_numpy(np.concatenate([near, far]))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(2)


def test_one_gaussian_has_the_mean_and_the_covariance_of_all() -> None:
    vectors = two_clouds()
    weights, means, covariances = fitted_mixture(vectors, 1, seeded())
    assert weights.tolist() == [1.0]
    torch.testing.assert_close(means[0], vectors.mean(0))
    np.testing.assert_allclose(covariances[0].numpy(), np.cov(vectors.numpy().T, bias=True), rtol=1e-9)


def test_two_clouds_are_told_apart() -> None:
    weights, means, covariances = fitted_mixture(two_clouds(), 2, seeded())
    order = means[:, 0].argsort()
    np.testing.assert_allclose(weights[order].numpy(), [0.75, 0.25], atol=1e-6)
    np.testing.assert_allclose(means[order].numpy(), [[0, 0], [12, -3]], atol=0.3)
    deviations = covariances[order].diagonal(dim1=1, dim2=2).sqrt().numpy()
    np.testing.assert_allclose(deviations, [[1, 1], [0.5, 2]], rtol=0.1)


def test_a_round_worked_by_hand() -> None:
    """Values 0, 2, 6, of which the middle one is shared: (0 + 2/2) / 1.5 = 2/3, and (2/2 + 6) / 1.5 = 14/3."""
    vectors = torch.tensor([[0.0], [2.0], [6.0]]).double()
    shares = torch.tensor([[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0]]).double()  # nothing is left for the third
    weights, means, covariances = maximised(vectors, shares)
    assert weights.tolist() == [0.5, 0.5]
    assert means.flatten().tolist() == pytest.approx([2 / 3, 14 / 3])
    assert covariances.flatten().tolist() == pytest.approx([8 / 9, ((8 / 3) ** 2 / 2 + (4 / 3) ** 2) / 1.5])


def test_no_round_lowers_the_likelihood() -> None:
    vectors = two_clouds()
    fit = maximised(vectors, torch.rand(len(vectors), 3, generator=seeded(), dtype=torch.float64))
    found = []
    for _ in range(25):
        joint = mixture_log_densities(vectors, fit[1], whitening(fit[2]), fit[0].log())
        found.append(joint.logsumexp(1).mean().item())
        fit = maximised(vectors, joint.softmax(1))
    assert min(np.diff(found)) > -1e-3  # the ridge is not in the likelihood
    assert found[-1] > found[0] + 0.5


def test_cells_are_taken_evenly_from_all_pictures(known: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("densehybrid_ros.training.baselines.known_image.PreLogitSample.SAMPLES", 10)
    fitting = PreLogitMixture(Extent(classes=2, pictures=2, settings=ScoreSettings(gmm_components=1)))
    for value in (1.0, 5.0):
        fitting.add(known(torch.full((2, 8, 8), value), np.zeros((8, 8))))
    found = fitting.result()
    assert found["means"].tolist() == [[3.0, 3.0]]
    assert found["log_weights"].tolist() == [0.0]


def test_too_few_cells_are_refused(known: Any) -> None:
    fitting = PreLogitMixture(Extent(classes=2, pictures=1))
    fitting.add(known(torch.ones(2, 1, 3), [[0, 1, 1]]))
    with pytest.raises(SetupError, match="3 labelled places for 2 Gaussians"):
        fitting.result()
