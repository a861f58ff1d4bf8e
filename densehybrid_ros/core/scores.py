"""Anomaly scores: pure functions of logits. One sign convention: higher = more anomalous.

Every score takes `logits` (B, K, H, W) and `dataset_logits` (B, 2, H, W; channel 1 is "outlier"), both already
upsampled to the output size, and gives (B, H, W). A score that does not need one of the two ignores it, so that all
of them can be exchanged at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from densehybrid_ros.errors import SetupError, chosen

Score = Callable[[Tensor, Tensor], Tensor]


class ClassLogits(Protocol):
    """What most scores need of logits, over their classes (dim 1)."""

    def logsumexp(self, dim: int) -> Tensor: ...

    def amax(self, dim: int) -> Tensor: ...


class SummedLogits(ClassLogits, Protocol):
    """All that scores in REDUCED need of logits, over their classes (dim 1)."""

    def entropy(self, dim: int) -> Tensor: ...

    def tanh_sum(self, dim: int) -> Tensor: ...


class Channels(Protocol):
    """Something of each channel (dim 1)."""

    def __getitem__(self, place: Any, /) -> Tensor: ...


class DatasetLogits(Channels, Protocol):
    """All that scores in REDUCED need of dataset logits."""

    def log_softmax(self, dim: int) -> Channels: ...


def hybrid(logits: ClassLogits, dataset_logits: DatasetLogits) -> Tensor:
    """ln P(d_out|x) − ln p̂(x), in nats, unbounded (DenseHybrid, eq. 8).

    log_softmax and never log(softmax), which reaches −inf for confident inliers.
    """
    return posterior(logits, dataset_logits) + likelihood(logits, dataset_logits)


def likelihood(logits: ClassLogits, dataset_logits: DatasetLogits) -> Tensor:
    """−ln p̂(x) = −LSE_k s_k, in nats, unbounded (DenseHybrid, eq. 5): the free energy of Liu et al. (2020) at T = 1."""
    return -logits.logsumexp(1)


def posterior(logits: ClassLogits, dataset_logits: DatasetLogits) -> Tensor:
    """ln P(d_out|x), in nats, at most 0: the outlier head (OH) of Bevandić et al. (2022)."""
    return dataset_logits.log_softmax(1)[:, 1]


def max_logit(logits: ClassLogits, dataset_logits: DatasetLogits) -> Tensor:
    """−max_k s_k, unbounded (Hendrycks et al., 2022)."""
    return -logits.amax(1)


def msp(logits: ClassLogits, dataset_logits: DatasetLogits) -> Tensor:
    """−max_k P(k|x), in [−1, −1/K] (Hendrycks & Gimpel, 2017)."""
    return -(logits.amax(1) - logits.logsumexp(1)).clamp(max=0).exp()


def entropy(logits: Tensor, dataset_logits: Tensor) -> Tensor:
    """Entropy of P(k|x), in nats, in [0, ln K]."""
    log_probability = logits.log_softmax(1)
    return -(log_probability.exp() * log_probability).sum(1)


def outlier_head_msp(logits: ClassLogits, dataset_logits: DatasetLogits) -> Tensor:
    """(1 − max_k P(k|x)) · P(d_out|x), in [0, 1] (Bevandić et al., 2022)."""
    return (1 + msp(logits, dataset_logits)) * posterior(logits, dataset_logits).exp()


def rejected_by_all(logits: Tensor, dataset_logits: Tensor) -> Tensor:
    """−Σ_k tanh(s_k), in [−K, K] (RbA, Nayal et al., 2023, with one-vs-all logits replaced by s)."""
    return -torch.tanh(logits).sum(1)


def outlier_class(logits: ClassLogits, dataset_logits: DatasetLogits) -> Tensor:
    """ln P(K+1|x), in nats, at most 0, of a classifier with a class for outliers (Bevandić et al., 2022).

    The outlier channel of the dataset logits is its logit: networks trained with the loss `outlier_class` have it so.
    """
    outlier = dataset_logits[:, 1]
    return outlier - torch.logaddexp(logits.logsumexp(1), outlier)


SCORES: dict[str, Score] = {
    "hybrid": hybrid,
    "likelihood": likelihood,
    "posterior": posterior,
    "msp": msp,
    "max_logit": max_logit,
    "entropy": entropy,
    "outlier_head_msp": outlier_head_msp,
    "rejected_by_all": rejected_by_all,
    "outlier_class": outlier_class,
}
REDUCED: Mapping[Score, Callable[[SummedLogits, DatasetLogits], Tensor]] = {
    **{score: score for score in (hybrid, likelihood, posterior, msp, max_logit, outlier_head_msp, outlier_class)},
    entropy: lambda logits, _: logits.entropy(1),
    rejected_by_all: lambda logits, _: -logits.tanh_sum(1),
}
"""Scores that need no more of the logits than their greatest and sums over them."""
_EVALUATED = "it is for densehybrid evaluate alone"
_NEEDS_STATISTICS = f"needs statistics of training pixels: {_EVALUATED}"
NOT_LIVE: dict[str, str] = {
    "energy": f"takes a temperature (at 1 it is likelihood): {_EVALUATED}",
    "sml": _NEEDS_STATISTICS,
    "sml_smoothed": _NEEDS_STATISTICS,
    "openmax": _NEEDS_STATISTICS,
    "react": _NEEDS_STATISTICS,
    "mahalanobis": _NEEDS_STATISTICS,
    "embedding_density": _NEEDS_STATISTICS,
    "gmm": _NEEDS_STATISTICS,
    "pre_logit_flow": _NEEDS_STATISTICS,
    "odin": f"needs gradients and two passes: {_EVALUATED}",
    "mc_dropout": f"needs several passes of the classifier: {_EVALUATED}",
}
"""Scores that `densehybrid evaluate` gives, and why nothing that runs live does."""


def live_score(name: str) -> Score:
    """
    Raises:
        SetupError: no such score, or none that logits alone give.
    """
    if name in NOT_LIVE:
        raise SetupError(f"score '{name}' {NOT_LIVE[name]}; choose one of {', '.join(SCORES)}")
    return chosen("score", name, SCORES)
