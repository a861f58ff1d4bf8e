"""The hybrid loss on mixed-content batches: L = L_cls + β_d·L_d + β_x·L_x."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from densehybrid_ros.labels import IGNORE, INLIER, OUTLIER
from densehybrid_ros.options import setting
from densehybrid_ros.training.losses.likelihood_forms import LIKELIHOOD_FORMS


@dataclass(frozen=True)
class HybridLossWeights:
    """How the three terms are weighted, and the form of L_x."""

    dataset: float = setting(0.3, "β_d, weight of the dataset posterior's NLL", low=0)
    likelihood: float = setting(0.03, "β_x, weight of the likelihood term", low=0)
    likelihood_form: str = setting("mean", "what the logits of negatives cost", choices=tuple(LIKELIHOOD_FORMS))
    negative_margin: float = setting(0.0, "nats; LSE from which on negatives cost (logistic, hinge, squared)")
    inlier_margin: float = setting(0.0, "nats; LSE up to which inliers cost (logistic, squared)")
    outlier: float = setting(1.0, "weight of pasted pixels against inlier pixels in L_d", low=0)
    by_set: bool = setting(False, "L_d is a mean over each set, instead of one over both")
    """With dataset 1 and outlier = likelihood = β that is the paper's eq. 17; one mean is what was released."""
    as_released: bool = setting(False, "void counts as inlier in L_d; nan without negatives")


@dataclass(frozen=True)
class HybridLoss:
    """The terms, unweighted, and their weighted sum `total`; all scalars, in nats."""

    total: Tensor
    closed_set: Tensor
    dataset: Tensor
    likelihood: Tensor


def pixel_counts(labels: Tensor, dataset_labels: Tensor) -> Tensor:
    """(4,) float: pixels with a class, inliers, negatives, and void; what the means of a whole batch divide by."""
    masks = (labels != IGNORE, dataset_labels == INLIER, dataset_labels == OUTLIER, dataset_labels == IGNORE)
    return torch.stack([mask.sum() for mask in masks]).float()


def hybrid_loss(
    logits: Tensor,
    dataset_logits: Tensor,
    labels: Tensor,
    dataset_labels: Tensor,
    weights: HybridLossWeights,
    class_weights: Tensor | None = None,
    counts: Tensor | None = None,
) -> HybridLoss:
    """The loss of one batch (DenseHybrid, eq. 14–17), or the share that a part of a batch has in it.

    Args:
        logits: (B, K, H, W).
        dataset_logits: (B, 2, H, W).
        labels: (B, H, W) int64, 0..K−1, 255 = ignore; 255 on pasted negatives.
        dataset_labels: (B, H, W) int64, 0 = inlier, 1 = outlier, 255 = ignore.
        class_weights: (K,) weights of the classes in the cross-entropy.
        counts: `pixel_counts` of the batch that this is a part of, over all processes: the parts' losses then add up
            to that of the batch. None = this is all of it.
    """
    if counts is None:
        counts = pixel_counts(labels, dataset_labels)
    labelled, inliers, negatives, void = counts.unbind()
    if weights.as_released:
        dataset_labels = torch.where(dataset_labels == IGNORE, INLIER, dataset_labels)
        inliers = inliers + void
    closed_set = closed_set_loss(logits, labels, class_weights, labelled)
    if weights.by_set:
        dataset = dataset_loss_by_set(dataset_logits, dataset_labels, weights.outlier, inliers, negatives)
    else:
        dataset = dataset_loss(dataset_logits, dataset_labels, weights.outlier, inliers + negatives)
    likelihood = likelihood_loss(logits, dataset_logits, dataset_labels, weights, inliers, negatives)
    total = closed_set + weights.dataset * dataset + weights.likelihood * likelihood
    return HybridLoss(total, closed_set, dataset, likelihood)


def closed_set_loss(
    logits: Tensor, labels: Tensor, class_weights: Tensor | None = None, count: Tensor | None = None
) -> Tensor:
    """Cross-entropy over labelled inlier pixels; exactly 0 where there are none."""
    per_pixel = F.cross_entropy(logits, labels, class_weights, ignore_index=IGNORE, reduction="none")
    return mean_over(per_pixel, labels != IGNORE, count)


def dataset_loss(
    dataset_logits: Tensor, dataset_labels: Tensor, outlier_weight: float = 1.0, count: Tensor | None = None
) -> Tensor:
    """NLL of the dataset posterior over inliers and negatives; exactly 0 where there are neither."""
    weights = dataset_logits.new_tensor([1.0, outlier_weight])
    per_pixel = F.cross_entropy(dataset_logits, dataset_labels, weights, ignore_index=IGNORE, reduction="none")
    return mean_over(per_pixel, dataset_labels != IGNORE, count)


def dataset_loss_by_set(
    dataset_logits: Tensor,
    dataset_labels: Tensor,
    outlier_weight: float = 1.0,
    inlier_count: Tensor | None = None,
    negative_count: Tensor | None = None,
) -> Tensor:
    """L_d(inlier) + outlier_weight·L_d(outlier), each a mean over its own pixels (DenseHybrid, eq. 17)."""
    log_posterior = dataset_logits.log_softmax(1)
    inlier = mean_over(-log_posterior[:, INLIER], dataset_labels == INLIER, inlier_count)
    outlier = mean_over(-log_posterior[:, OUTLIER], dataset_labels == OUTLIER, negative_count)
    return inlier + outlier_weight * outlier


def likelihood_loss(
    logits: Tensor,
    dataset_logits: Tensor,
    dataset_labels: Tensor,
    weights: HybridLossWeights,
    inlier_count: Tensor | None = None,
    negative_count: Tensor | None = None,
) -> Tensor:
    """What the form costs on negatives, and on inliers where it costs them, each a mean over its own pixels.

    In the paper, ln p̂ pushed down on negatives.
    """
    negatives = dataset_labels == OUTLIER
    if weights.as_released:
        count = negatives.sum() if negative_count is None else negative_count
        return (logits.logsumexp(1) * negatives).sum() / count
    form = LIKELIHOOD_FORMS[weights.likelihood_form]
    own = form.on_negatives(logits, dataset_logits, weights.negative_margin)
    cost = mean_over(own, negatives, negative_count)
    if form.on_inliers is None:
        return cost
    own = form.on_inliers(logits, dataset_logits, weights.inlier_margin)
    return cost + mean_over(own, dataset_labels == INLIER, inlier_count)


def mean_over(values: Tensor, mask: Tensor, count: Tensor | None = None) -> Tensor:
    """Mean of the masked values, or their sum over a given count; 0 with a gradient of 0 for an empty mask."""
    return (values * mask).sum() / (mask.sum() if count is None else count).clamp(min=1)
