"""A mixture of Gaussians over pre-logits, without labels, by expectation and maximisation (Dempster et al., 1977)."""

from __future__ import annotations

import torch
from torch import Tensor

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.baselines.densities import gaussians, mixture_log_densities, whitening
from densehybrid_ros.training.baselines.known_image import Extent, KnownImage

SAMPLES = 20_000
ROUNDS, GAIN = 30, 1e-3
"""At most so many, until one gains less than that, in nats per sample."""
EMPTY = 1e-9
"""Share under which a component is."""


class PreLogitMixture:
    """Pre-logits of labelled cells, sampled evenly over the pictures."""

    def __init__(self, extent: Extent) -> None:
        self._share = extent.share(SAMPLES)
        self._components = extent.settings.gmm_components or extent.classes
        self._generator = torch.Generator().manual_seed(0)
        self._sampled: list[Tensor] = []

    def add(self, image: KnownImage) -> None:
        self._sampled.append(image.cells().sample(self._share, self._generator).pre_logits.cpu())

    def result(self) -> dict[str, Tensor]:
        """means (M, C), whitening (M, C, C), log_weights (M,)."""
        vectors = torch.cat(self._sampled) if self._sampled else torch.empty(0, 1)
        if len(vectors) < 2 * self._components:
            raise SetupError(
                f"{len(vectors)} labelled places for {self._components} Gaussians; give more --pictures, or fewer"
                " gmm_components"
            )
        return gaussians(*fitted_mixture(vectors.double(), self._components, self._generator))


def fitted_mixture(vectors: Tensor, components: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (M,), means (M, C) and covariances (M, C, C) of (N, C) float64 vectors.

    It begins with the nearest of M vectors taken at random.
    """
    seeds = vectors[torch.randperm(len(vectors), generator=generator)[:components]]
    nearest = torch.cdist(vectors, seeds).argmin(1)
    shares = torch.nn.functional.one_hot(nearest, components).to(vectors.dtype)
    before = -torch.inf
    weights, means, covariances = maximised(vectors, shares)
    for _ in range(ROUNDS):
        joint = mixture_log_densities(vectors, means, whitening(covariances), weights.log())
        likelihood = joint.logsumexp(1).mean().item()
        weights, means, covariances = maximised(vectors, joint.softmax(1))
        if likelihood - before < GAIN:
            break
        before = likelihood
    return weights, means, covariances


def maximised(vectors: Tensor, shares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, means and covariances of vectors (N, C), each shared (N, M) among the components, without empty ones."""
    shares = shares[:, shares.mean(0) > EMPTY]
    totals = shares.sum(0)
    means = (shares.T @ vectors) / totals[:, None]
    covariances = []
    for share, total, mean in zip(shares.T, totals, means, strict=True):
        centred = vectors - mean
        covariances.append((centred * share[:, None]).T @ centred / total)
    return totals / totals.sum(), means, torch.stack(covariances)
