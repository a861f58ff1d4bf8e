"""A mixture of Gaussians over pre-logits, without labels, by expectation and maximisation (Dempster et al., 1977)."""

from __future__ import annotations

import torch
from torch import Tensor

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.baselines.densities import gaussians, mixture_log_densities, whitening
from densehybrid_ros.training.baselines.known_image import PreLogitSample

ROUNDS, GAIN = 30, 1e-3
"""At most so many, until one gains less than that, in nats per sample."""
EMPTY = 1e-9
"""Share under which a component is."""


class PreLogitMixture(PreLogitSample):
    """Gaussians over a sample."""

    def result(self) -> dict[str, Tensor]:
        """means (M, C), whitening (M, C, C), log_weights (M,)."""
        vectors, components = self.vectors(), self._extent.settings.gmm_components or self._extent.classes
        if len(vectors) < 2 * components:
            raise SetupError(
                f"{len(vectors)} labelled places for {components} Gaussians; give more --pictures, or fewer"
                " gmm_components"
            )
        return gaussians(*fitted_mixture(vectors.double(), components, self._generator))


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
