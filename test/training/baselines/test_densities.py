"""Gaussians over pre-logits: their moments, distances and densities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import CLASSLESS, IGNORE
from densehybrid_ros.training.baselines.densities import (
    RIDGE,
    ClassGaussians,
    TiedGaussians,
    mahalanobis,
    mixture_log_densities,
    negative_log_density,
    squared_distances,
    whitening,
)
from densehybrid_ros.training.baselines.known_image import Extent

RNG = np.random.default_rng(4)
VECTORS, MEANS = RNG.normal(0, 3, (40, 5)), RNG.normal(0, 3, (3, 5))
FACTORS = RNG.normal(0, 1, (3, 5, 5))
COVARIANCES = FACTORS @ FACTORS.transpose(0, 2, 1) + np.eye(5)


def with_ridge(covariance: np.ndarray) -> np.ndarray:
    return covariance + RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))


def distances(vectors: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    columns = []
    for mean, covariance in zip(means, covariances, strict=True):
        centred = vectors - mean
        columns.append(np.einsum("nc,cd,nd->n", centred, np.linalg.inv(covariance), centred))
    return np.stack(columns, 1)


def test_distances_equal_their_formula() -> None:
    own = whitening(torch.from_numpy(COVARIANCES))
    ridged = np.stack([with_ridge(each) for each in COVARIANCES])
    found = squared_distances(torch.from_numpy(VECTORS), torch.from_numpy(MEANS), own)
    np.testing.assert_allclose(found.numpy(), distances(VECTORS, MEANS, ridged), rtol=1e-10)
    tied = squared_distances(torch.from_numpy(VECTORS), torch.from_numpy(MEANS), own[:1])
    np.testing.assert_allclose(tied.numpy(), distances(VECTORS, MEANS, ridged[[0, 0, 0]]), rtol=1e-10)


def test_densities_equal_their_formula() -> None:
    weights = np.array([0.2, 0.5, 0.3])
    found = mixture_log_densities(
        torch.from_numpy(VECTORS),
        torch.from_numpy(MEANS),
        whitening(torch.from_numpy(COVARIANCES)),
        torch.from_numpy(weights).log(),
    )
    ridged = np.stack([with_ridge(each) for each in COVARIANCES])
    volume = np.sqrt(np.linalg.det(2 * np.pi * ridged))
    expected = np.log(weights * np.exp(-distances(VECTORS, MEANS, ridged) / 2) / volume)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-10)


def test_scores_of_one_place_worked_by_hand(see: Any) -> None:
    """z = (3, 1); means (0, 0) and (4, 1); variances 1 and 4 in the first case, deviations 1 and 2 in the second."""
    seen = see(torch.tensor([3.0, 1.0]).view(2, 1, 1), [[1.0, 0.0], [0.0, 1.0]])
    means = torch.tensor([[0.0, 0.0], [4.0, 1.0]])
    white = torch.diag(torch.tensor([1.0, 0.5]))[None]
    assert mahalanobis(seen, means, white).item() == pytest.approx(min(9 + 1 / 4, 1))
    whites = torch.stack([torch.eye(2), torch.eye(2) / 2])
    densities = [math.exp(-(9 + 1) / 2) / (2 * math.pi), math.exp(-(1 / 4) / 2) / (2 * math.pi * 4)]
    found = negative_log_density(seen, means, whites, torch.tensor([0.25, 0.75]).log())
    assert found.item() == pytest.approx(-math.log(0.25 * densities[0] + 0.75 * densities[1]), rel=1e-5)


def pictures(known: Any) -> tuple[list[Any], np.ndarray, np.ndarray]:
    """Two pictures of 3 classes and 3 channels, with the vectors and classes of their labelled cells."""
    rng = np.random.default_rng(6)
    vectors = rng.normal(0, 2, (2, 3, 4, 6)).astype(np.float32)
    labels = np.stack([rng.choice([0, 1, IGNORE, CLASSLESS, 3], (4, 6)), rng.integers(0, 2, (4, 6))])
    labels[1, 0, :2] = 2  # two cells alone
    made = [known(torch.from_numpy(each), truth) for each, truth in zip(vectors, labels, strict=True)]
    flat, classes = vectors.transpose(0, 2, 3, 1).reshape(-1, 3), labels.ravel()
    return made, flat[classes < 3].astype(np.float64), classes[classes < 3]


def test_the_tied_covariance_is_that_about_the_means_of_the_classes(known: Any) -> None:
    made, vectors, labels = pictures(known)
    fitting = TiedGaussians(Extent(classes=3, pictures=2))
    for each in made:
        fitting.add(each)
    found = fitting.result()
    means = np.stack([vectors[labels == label].mean(0) for label in range(3)])
    centred = vectors - means[labels]
    np.testing.assert_allclose(found["means"].numpy(), means, rtol=1e-5, atol=1e-6)
    white = found["whitening"][0].double().numpy()
    expected = np.linalg.inv(with_ridge(centred.T @ centred / len(centred)))
    np.testing.assert_allclose(white.T @ white, expected, rtol=1e-4, atol=1e-6)


def test_each_class_with_enough_cells_has_a_gaussian_of_its_own(known: Any) -> None:
    made, vectors, labels = pictures(known)
    fitting = ClassGaussians(Extent(classes=3, pictures=2))
    for each in made:
        fitting.add(each)
    found = fitting.result()
    counts = np.bincount(labels)[:2]  # two cells of class 2 span no covariance of 3 channels
    np.testing.assert_allclose(found["log_weights"].exp().numpy(), counts / counts.sum(), rtol=1e-6)
    for label in range(2):
        own = vectors[labels == label]
        white = found["whitening"][label].double().numpy()
        expected = np.linalg.inv(with_ridge(np.cov(own.T, bias=True)))
        np.testing.assert_allclose(found["means"][label].numpy(), own.mean(0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(white.T @ white, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", [TiedGaussians, ClassGaussians])
def test_without_labels_there_are_no_gaussians(kind: Any, known: Any) -> None:
    fitting = kind(Extent(classes=2, pictures=1))
    fitting.add(known(torch.ones(2, 1, 2), [[IGNORE, IGNORE]]))
    with pytest.raises(SetupError, match="too few labelled pixels"):
        fitting.result()


def test_channels_that_never_change_do_no_harm(known: Any) -> None:
    fitting = TiedGaussians(Extent(classes=2, pictures=1))
    fitting.add(known(torch.stack([torch.randn(4, 4), torch.zeros(4, 4)]), np.zeros((4, 4))))
    assert all(torch.isfinite(each).all() for each in fitting.result().values())
