"""The forms of L_x: what the logits of pasted negatives cost, and in some of them those of inliers.

Beside the paper's they are the losses of other papers: with `dataset: 0`, a recipe trains by such a loss alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from densehybrid_ros.labels import OUTLIER

Cost = Callable[[Tensor, Tensor, float], Tensor]
"""Logits (B, K, H, W), dataset logits (B, 2, H, W) and a margin → (B, H, W)."""


@dataclass(frozen=True)
class LikelihoodForm:
    """What pixels cost."""

    on_negatives: Cost
    on_inliers: Cost | None = None
    """None: nothing; the cross-entropy alone holds ln p̂ up there."""


def lse(logits: Tensor, dataset_logits: Tensor, margin: float) -> Tensor:
    """LSE_k s_k = ln p̂(x), in nats, unbounded below (DenseHybrid, eq. 14)."""
    return logits.logsumexp(1)


def lse_above(logits: Tensor, dataset_logits: Tensor, margin: float) -> Tensor:
    """max(0, LSE − m)."""
    return F.relu(logits.logsumexp(1) - margin)


def lse_below(logits: Tensor, dataset_logits: Tensor, margin: float) -> Tensor:
    """max(0, m − LSE)."""
    return F.relu(margin - logits.logsumexp(1))


def soft_lse_above(logits: Tensor, dataset_logits: Tensor, margin: float) -> Tensor:
    """softplus(LSE − m): the cross-entropy of an outlier class whose logit is m, where it is true."""
    return F.softplus(logits.logsumexp(1) - margin)


def soft_lse_below(logits: Tensor, dataset_logits: Tensor, margin: float) -> Tensor:
    """softplus(m − LSE): what that class adds to the cross-entropy where another is true."""
    return F.softplus(margin - logits.logsumexp(1))


def is_outlier_class(logits: Tensor, dataset_logits: Tensor, margin: float) -> Tensor:
    """−ln P(K+1|x) of K+1 classes, the last with the outlier channel of the dataset logits as its logit."""
    return F.softplus(logits.logsumexp(1) - dataset_logits[:, OUTLIER])


def is_no_outlier_class(logits: Tensor, dataset_logits: Tensor, margin: float) -> Tensor:
    """−ln (1 − P(K+1|x)): with the cross-entropy of K classes it makes that of K+1, −ln P(y|x)."""
    return F.softplus(dataset_logits[:, OUTLIER] - logits.logsumexp(1))


def from_uniform(logits: Tensor, dataset_logits: Tensor, margin: float) -> Tensor:
    """−1/K Σ_k ln P(k|x): the cross-entropy to the uniform posterior, at least ln K (Hendrycks et al., 2019)."""
    return logits.logsumexp(1) - logits.mean(1)


LIKELIHOOD_FORMS: dict[str, LikelihoodForm] = {
    "mean": LikelihoodForm(lse),
    "logistic": LikelihoodForm(soft_lse_above, soft_lse_below),
    "hinge": LikelihoodForm(lse_above),
    "squared": LikelihoodForm(
        lambda logits, dataset_logits, margin: lse_above(logits, dataset_logits, margin).square(),
        lambda logits, dataset_logits, margin: lse_below(logits, dataset_logits, margin).square(),
    ),
    "exposure": LikelihoodForm(from_uniform),
    "outlier_class": LikelihoodForm(is_outlier_class, is_no_outlier_class),
}
"""The mean is that of the paper: it has no lower bound, and with more than a tiny learning rate it runs away and drowns
the posterior. Squared is the term of energy fine-tuning (Liu et al., 2020, eq. 8; energy = −LSE), exposure that of
outlier exposure, outlier_class the K+1 classifier's (Bevandić et al., 2022)."""
