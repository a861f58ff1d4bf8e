"""Anomaly scores: pure functions of logits. One sign convention: higher = more anomalous.

Every score takes `logits` (B, K, H, W) and `dataset_logits` (B, 2, H, W; channel 1 is "outlier"), both already
upsampled to the output size, and gives (B, H, W). A score that does not need one of the two ignores it, so that all
of them can be exchanged at run time.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Score = Callable[[Tensor, Tensor], Tensor]


def hybrid(logits: Tensor, dataset_logits: Tensor) -> Tensor:
    """ln P(d_out|x) − ln p̂(x), in nats, unbounded (DenseHybrid, eq. 8).

    log_softmax and never log(softmax), which reaches −inf for confident inliers.
    """
    return posterior(logits, dataset_logits) + likelihood(logits, dataset_logits)


def likelihood(logits: Tensor, dataset_logits: Tensor) -> Tensor:
    """−ln p̂(x) = −LSE_k s_k, in nats, unbounded (DenseHybrid, eq. 5): the free energy of Liu et al. (2020) at T = 1."""
    return -logits.logsumexp(1)


def posterior(logits: Tensor, dataset_logits: Tensor) -> Tensor:
    """ln P(d_out|x), in nats, at most 0."""
    return dataset_logits.log_softmax(1)[:, 1]


def max_logit(logits: Tensor, dataset_logits: Tensor) -> Tensor:
    """−max_k s_k, unbounded (Hendrycks et al., 2022)."""
    return -logits.amax(1)


def msp(logits: Tensor, dataset_logits: Tensor) -> Tensor:
    """−max_k P(k|x), in [−1, −1/K] (Hendrycks & Gimpel, 2017)."""
    return -logits.softmax(1).amax(1)


def entropy(logits: Tensor, dataset_logits: Tensor) -> Tensor:
    """Entropy of P(k|x), in nats, in [0, ln K]."""
    log_probability = logits.log_softmax(1)
    return -(log_probability.exp() * log_probability).sum(1)


def outlier_head_msp(logits: Tensor, dataset_logits: Tensor) -> Tensor:
    """(1 − max_k P(k|x)) · P(d_out|x), in [0, 1] (Bevandić et al., 2022)."""
    return (1 + msp(logits, dataset_logits)) * posterior(logits, dataset_logits).exp()


def rejected_by_all(logits: Tensor, dataset_logits: Tensor) -> Tensor:
    """−Σ_k tanh(s_k), in [−K, K] (RbA, Nayal et al., 2023, with one-vs-all logits replaced by s)."""
    return -torch.tanh(logits).sum(1)


SCORES: dict[str, Score] = {
    "hybrid": hybrid,
    "likelihood": likelihood,
    "posterior": posterior,
    "msp": msp,
    "max_logit": max_logit,
    "entropy": entropy,
    "outlier_head_msp": outlier_head_msp,
    "rejected_by_all": rejected_by_all,
}
