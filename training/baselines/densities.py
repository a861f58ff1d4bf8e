"""How likely pre-logits are under Gaussians of the training pre-logits."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from densehybrid_ros.core.seen_image import SeenImage
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.baselines.known_image import Extent, KnownImage

RIDGE = 1e-4
"""Of the mean variance of a channel, added to each: channels that are always 0 have none."""


class ClassMoments:
    """Count, sum and second moment of the pre-logits, by true class; exact over all labelled cells."""

    def __init__(self, extent: Extent) -> None:
        self._classes = extent.classes
        self.counts = torch.zeros(extent.classes, dtype=torch.float64)
        self.sums = self.seconds = torch.empty(0)

    def add(self, image: KnownImage) -> None:
        cells = image.cells()
        vectors, labels = cells.pre_logits.double().cpu(), cells.labels.cpu()
        if not self.sums.numel():
            channels = vectors.shape[1]
            self.sums = torch.zeros(self._classes, channels, dtype=torch.float64)
            self.seconds = torch.zeros(self._classes, channels, channels, dtype=torch.float64)
        for label in labels.unique().tolist():
            own = vectors[labels == label]
            self.counts[label] += len(own)
            self.sums[label] += own.sum(0)
            self.seconds[label] += own.T @ own

    def of(self, kept: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Counts (M,), means (M, C) and centred second moments (M, C, C), summed over the cells, of some classes.

        Raises:
            SetupError: of none.
        """
        if not kept.any():
            raise SetupError("too few labelled pixels for Gaussians; give more --pictures, or another set")
        counts, means = self.counts[kept], self.sums[kept] / self.counts[kept, None]
        return counts, means, self.seconds[kept] - counts[:, None, None] * _outer(means)


class TiedGaussians(ClassMoments):
    """A mean for each class, one covariance for all (Lee et al., 2018, section 2.1)."""

    def result(self) -> dict[str, Tensor]:
        """means (M, C) of the classes that occur, and whitening (1, C, C)."""
        counts, means, centred = self.of(self.counts > 0)
        covariance = centred.sum(0, keepdim=True) / counts.sum()
        return {"means": means.float(), "whitening": whitening(covariance).float()}


class ClassGaussians(ClassMoments):
    """Mean, covariance and share of each class with more cells than channels (Mukhoti et al., 2023, algorithm 1)."""

    def result(self) -> dict[str, Tensor]:
        """means (M, C), whitening (M, C, C), log_weights (M,)."""
        counts, means, centred = self.of(self.counts > self.sums.shape[-1])
        return gaussians(counts / counts.sum(), means, centred / counts[:, None, None])


def gaussians(weights: Tensor, means: Tensor, covariances: Tensor) -> dict[str, Tensor]:
    """Weights (M,), means (M, C) and covariances (M, C, C) as `mixture_log_density` takes them."""
    return {
        "means": means.float(),
        "whitening": whitening(covariances).float(),
        "log_weights": weights.log().float(),
    }


def whitening(covariances: Tensor) -> Tensor:
    """(M, C, C) W, lower triangular, with Wᵀ·W the inverse of each covariance, RIDGE added to it."""
    channels = covariances.shape[-1]
    variance = covariances.diagonal(dim1=1, dim2=2).mean(1).clamp(min=torch.finfo(covariances.dtype).tiny)
    identity = torch.eye(channels, dtype=covariances.dtype)
    factors = torch.linalg.cholesky(covariances + RIDGE * variance[:, None, None] * identity)
    return torch.linalg.solve_triangular(factors, identity.expand_as(factors), upper=False)


def squared_distances(vectors: Tensor, means: Tensor, whitening: Tensor) -> Tensor:
    """(N, M) (z − μ)ᵀ Σ⁻¹ (z − μ).

    Args:
        vectors: (N, C).
        means: (M, C).
        whitening: (M, C, C), or (1, C, C) for one covariance of all.
    """
    if len(whitening) == 1:
        exact = "donot_use_mm_for_euclid_dist"  # whose float32 loses small distances between long vectors
        return torch.cdist(vectors @ whitening[0].T, means @ whitening[0].T, compute_mode=exact).square()
    distances = [((vectors - mean) @ white.T).square().sum(1) for mean, white in zip(means, whitening, strict=True)]
    return torch.stack(distances, 1)


def mixture_log_densities(vectors: Tensor, means: Tensor, whitening: Tensor, log_weights: Tensor) -> Tensor:
    """(N, M) ln π_m + ln N(z; μ_m, Σ_m), in nats; the arguments as of `squared_distances`, weights (M,)."""
    log_volume = whitening.diagonal(dim1=1, dim2=2).log().sum(1) - vectors.shape[1] / 2 * math.log(2 * math.pi)
    return log_weights + log_volume - squared_distances(vectors, means, whitening) / 2


def mahalanobis(seen: SeenImage, means: Tensor, whitening: Tensor) -> Tensor:
    """min_c (z − μ_c)ᵀ Σ⁻¹ (z − μ_c), at least 0 (Lee et al., 2018, eq. 2); (1, H, W), bilinear between cells."""
    return seen.of_cells(squared_distances(seen.vectors(), means, whitening).amin(1))


def negative_log_density(seen: SeenImage, means: Tensor, whitening: Tensor, log_weights: Tensor) -> Tensor:
    """−ln Σ_m π_m N(z; μ_m, Σ_m), in nats, unbounded; (1, H, W), bilinear between cells."""
    return seen.of_cells(-mixture_log_densities(seen.vectors(), means, whitening, log_weights).logsumexp(1))


def _outer(vectors: Tensor) -> Tensor:
    return vectors[:, :, None] * vectors[:, None, :]
