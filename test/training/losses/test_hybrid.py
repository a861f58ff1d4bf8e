"""The hybrid loss against formulas written out, and its corner cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from densehybrid_ros.training.losses.hybrid import (
    HybridLossWeights,
    closed_set_loss,
    dataset_loss,
    dataset_loss_by_set,
    hybrid_loss,
    likelihood_loss,
    pixel_counts,
)
from densehybrid_ros.training.losses.likelihood_forms import LIKELIHOOD_FORMS

torch.manual_seed(0)
LOGITS = torch.randn(2, 4, 5, 6, dtype=torch.float64) * 3
DATASET = torch.randn(2, 2, 5, 6, dtype=torch.float64)
LABELS = torch.randint(0, 4, (2, 5, 6))
DATASET_LABELS = torch.zeros(2, 5, 6, dtype=torch.int64)
LABELS[0, 1:3, 1:4] = 255
DATASET_LABELS[0, 1:3, 1:4] = 1  # a pasted negative
LABELS[1, 4] = 255
DATASET_LABELS[1, 4] = 255  # void


def references() -> tuple[float, float, float]:
    """L_cls, L_d, L_x in NumPy."""
    s, d = LOGITS.numpy(), DATASET.numpy()
    lse = np.log(np.exp(s).sum(1))
    inlier, negative = DATASET_LABELS.numpy() == 0, DATASET_LABELS.numpy() == 1
    picked = np.take_along_axis(s, np.where(LABELS.numpy() == 255, 0, LABELS.numpy())[:, None], 1)[:, 0]
    closed = (lse - picked)[inlier].mean()
    log_posterior = d - np.log(np.exp(d).sum(1, keepdims=True))
    dataset = -np.concatenate([log_posterior[:, 0][inlier], log_posterior[:, 1][negative]]).mean()
    return closed, dataset, lse[negative].mean()


def test_the_loss_equals_its_formula() -> None:
    closed, dataset, likelihood = references()
    loss = hybrid_loss(LOGITS, DATASET.float().double(), LABELS, DATASET_LABELS, HybridLossWeights(0.3, 0.03))
    assert loss.closed_set.item() == pytest.approx(closed)
    assert loss.dataset.item() == pytest.approx(dataset, rel=1e-6)
    assert loss.likelihood.item() == pytest.approx(likelihood)
    assert loss.total.item() == pytest.approx(closed + 0.3 * dataset + 0.03 * likelihood, rel=1e-6)


def test_no_negatives_contribute_exactly_nothing() -> None:
    logits = LOGITS.clone().requires_grad_()
    value = likelihood_loss(logits, DATASET, torch.zeros_like(DATASET_LABELS), HybridLossWeights())
    assert value.item() == 0
    value.backward()
    assert logits.grad is not None
    assert not logits.grad.any()


def test_as_released_no_negatives_give_nan_and_void_counts_as_inlier() -> None:
    released = HybridLossWeights(as_released=True)
    empty = hybrid_loss(LOGITS, DATASET, LABELS, torch.zeros_like(DATASET_LABELS), released)
    assert torch.isnan(empty.likelihood)
    with_void = hybrid_loss(LOGITS, DATASET, LABELS, DATASET_LABELS, released).dataset
    counted = torch.where(DATASET_LABELS == 255, 0, DATASET_LABELS)
    expected = torch.nn.functional.cross_entropy(DATASET, counted)
    assert with_void.item() == pytest.approx(expected.item(), rel=1e-6)


def test_void_changes_nothing_by_default() -> None:
    disturbed, disturbed_dataset = LOGITS.clone(), DATASET.clone()
    disturbed[1, :, 4] += torch.randn(4, 6, dtype=torch.float64) * 50
    disturbed_dataset[1, :, 4] -= 30
    for weights in (HybridLossWeights(likelihood_form=form) for form in LIKELIHOOD_FORMS):
        first = hybrid_loss(LOGITS, DATASET, LABELS, DATASET_LABELS, weights).total
        second = hybrid_loss(disturbed, disturbed_dataset, LABELS, DATASET_LABELS, weights).total
        assert first.item() == pytest.approx(second.item())


@pytest.mark.parametrize("form", LIKELIHOOD_FORMS)
def test_the_mean_alone_is_unbounded(form: str) -> None:
    low = LOGITS - 1e4 * (DATASET_LABELS == 1)[:, None]
    value = likelihood_loss(low, DATASET, DATASET_LABELS, HybridLossWeights(likelihood_form=form)).item()
    assert value < -1e3 if form == "mean" else value >= 0


@pytest.mark.parametrize(
    "changes",
    [
        {},
        *({"likelihood_form": form} for form in LIKELIHOOD_FORMS),
        {"by_set": True},
        {"outlier": 3.0},
        {"as_released": True},
    ],
)
def test_the_parts_of_a_batch_add_up_to_it(changes: dict[str, object]) -> None:
    """Two pictures whose counts of inliers, negatives and void differ, each with the counts of both."""
    weights = replace(HybridLossWeights(0.3, 0.07), **changes)
    labels, dataset_labels = LABELS.clone(), DATASET_LABELS.clone()
    labels[1, 0, 0], dataset_labels[1, 0, 0] = 255, 1  # no part without a negative
    counts = pixel_counts(labels, dataset_labels)
    assert counts.tolist() == [60 - 6 - 6 - 1, 60 - 6 - 6 - 1, 7, 6]
    whole = hybrid_loss(LOGITS, DATASET, labels, dataset_labels, weights)
    tensors = (LOGITS, DATASET, labels, dataset_labels)
    parts = [hybrid_loss(*(each[part] for each in tensors), weights, None, counts) for part in ([0], [1])]
    for name in ("total", "closed_set", "dataset", "likelihood"):
        together = sum(getattr(part, name).item() for part in parts)
        assert together == pytest.approx(getattr(whole, name).item(), rel=1e-6), name


def test_classes_can_weigh_differently() -> None:
    """Each pixel's cross-entropy times the weight of its class, divided by the number of pixels."""
    class_weights = torch.tensor([1.0, 0.0, 2.0, 5.0], dtype=torch.float64)
    known = LABELS != 255
    own = torch.nn.functional.cross_entropy(LOGITS, LABELS, ignore_index=255, reduction="none")[known]
    expected = (own * class_weights[LABELS[known]]).sum() / known.sum()
    weights = HybridLossWeights()
    found = hybrid_loss(LOGITS, DATASET, LABELS, DATASET_LABELS, weights, class_weights).closed_set
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)


def test_the_released_likelihood_term_is_the_mean_over_negatives() -> None:
    released = hybrid_loss(LOGITS, DATASET, LABELS, DATASET_LABELS, HybridLossWeights(as_released=True))
    assert released.likelihood.item() == pytest.approx(references()[2], rel=1e-6)


def test_the_papers_weighting_can_be_chosen() -> None:
    """Eq. 17: L_cls + L_d(inlier) + β·(L_d(outlier) + L_x), each a mean over its own set."""
    beta = 0.03
    weights = HybridLossWeights(dataset=1.0, likelihood=beta, outlier=beta, by_set=True)
    closed, _, likelihood = references()
    log_posterior = DATASET.log_softmax(1)
    inlier = -log_posterior[:, 0][DATASET_LABELS == 0].mean().item()
    outlier = -log_posterior[:, 1][DATASET_LABELS == 1].mean().item()
    loss = hybrid_loss(LOGITS, DATASET, LABELS, DATASET_LABELS, weights)
    assert loss.total.item() == pytest.approx(closed + inlier + beta * (outlier + likelihood), rel=1e-6)
    none = hybrid_loss(LOGITS, DATASET, LABELS.clamp(max=3), torch.zeros_like(DATASET_LABELS), weights)
    assert none.dataset.item() == pytest.approx(-log_posterior[:, 0].mean().item(), rel=1e-6)


def test_outliers_can_weigh_more_than_inliers() -> None:
    weights = HybridLossWeights(dataset=1.0)
    plain = hybrid_loss(LOGITS, DATASET, LABELS, DATASET_LABELS, weights).dataset
    heavy = hybrid_loss(LOGITS, DATASET, LABELS, DATASET_LABELS, replace(weights, outlier=3.0)).dataset
    negatives = DATASET_LABELS == 1
    own = -DATASET.log_softmax(1)[:, 1][negatives].sum() * 2 / (DATASET_LABELS != 255).sum()
    assert (heavy - plain).item() == pytest.approx(own.item(), rel=1e-6)


def test_terms_by_themselves_weigh_nothing() -> None:
    closed, dataset, likelihood = references()
    log_posterior = DATASET.log_softmax(1)
    by_set = -log_posterior[:, 0][DATASET_LABELS == 0].mean() - log_posterior[:, 1][DATASET_LABELS == 1].mean()
    assert closed_set_loss(LOGITS, LABELS).item() == pytest.approx(closed)
    assert dataset_loss(DATASET, DATASET_LABELS).item() == pytest.approx(dataset)
    assert dataset_loss_by_set(DATASET, DATASET_LABELS).item() == pytest.approx(by_set.item())
    assert likelihood_loss(LOGITS, DATASET, DATASET_LABELS, HybridLossWeights()).item() == pytest.approx(likelihood)


def test_the_weights_are_those_of_the_released_code_unless_a_recipe_says_otherwise() -> None:
    expected = HybridLossWeights(
        0.3, 0.03, "mean", negative_margin=0.0, inlier_margin=0.0, outlier=1.0, by_set=False, as_released=False
    )
    assert HybridLossWeights() == expected
