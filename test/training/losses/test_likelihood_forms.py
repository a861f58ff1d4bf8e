"""The forms of L_x, term by term."""

from __future__ import annotations

import math

import pytest
import torch

from densehybrid_ros.core.scores import outlier_class
from densehybrid_ros.training.losses.hybrid import HybridLossWeights, closed_set_loss, hybrid_loss, likelihood_loss
from densehybrid_ros.training.losses.likelihood_forms import LIKELIHOOD_FORMS

NO_DATASET_LOGITS = torch.empty(0)
"""The forms of LSE alone do not read them."""
LOGISTIC = HybridLossWeights(likelihood_form="logistic")


def logits_of(*log_likelihoods: float) -> torch.Tensor:
    """(1, 3, 1, N) with these LSE, spread unevenly over the classes."""
    shares = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64).log()
    return (torch.tensor(log_likelihoods, dtype=torch.float64)[None] + shares[:, None])[None, :, None]


def loss_of(log_likelihoods: list[float], ids: list[int], weights: HybridLossWeights = LOGISTIC) -> float:
    return likelihood_loss(logits_of(*log_likelihoods), NO_DATASET_LOGITS, torch.tensor([[ids]]), weights).item()


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


@pytest.mark.parametrize(
    ("form", "value", "negative", "inlier"),
    [
        ("mean", 3.0, 3.0, 0.0),
        ("mean", -2.5, -2.5, 0.0),
        ("logistic", 3.0, softplus(3.0 - 1.0), softplus(5.0 - 3.0)),
        ("logistic", -2.5, softplus(-2.5 - 1.0), softplus(5.0 + 2.5)),
        ("hinge", 3.0, 2.0, 0.0),
        ("hinge", -2.5, 0.0, 0.0),
        ("squared", 3.0, 2.0**2, 2.0**2),
        ("squared", -2.5, 0.0, 7.5**2),
        ("squared", 6.0, 5.0**2, 0.0),
    ],
)
def test_each_form_costs_what_its_formula_says(form: str, value: float, negative: float, inlier: float) -> None:
    """Negatives cost from LSE = 1 on, inliers up to 5; void never does."""
    weights = HybridLossWeights(likelihood_form=form, negative_margin=1.0, inlier_margin=5.0)
    assert loss_of([value], [1], weights) == pytest.approx(negative)
    assert loss_of([value], [0], weights) == pytest.approx(inlier)
    assert loss_of([value], [255], weights) == 0


def test_each_term_is_a_mean_over_its_own_pixels() -> None:
    found = loss_of([2.0, -1.0, 3.0, 0.5, 7.0], [1, 1, 0, 255, 1])
    negatives = (softplus(2.0) + softplus(-1.0) + softplus(7.0)) / 3
    assert found == pytest.approx(negatives + softplus(-3.0))


def test_the_counts_of_the_whole_batch_divide_each_term() -> None:
    labels = torch.tensor([[[1, 0]]])
    counts = torch.tensor(10.0), torch.tensor(4.0)
    found = likelihood_loss(logits_of(2.0, 3.0), NO_DATASET_LOGITS, labels, LOGISTIC, *counts).item()
    assert found == pytest.approx(softplus(2.0) / 4 + softplus(-3.0) / 10)


@pytest.mark.parametrize("form", [name for name in LIKELIHOOD_FORMS if name != "exposure"])
def test_its_gradient_pushes_negatives_down_and_inliers_up(form: str) -> None:
    logits = logits_of(1.0, 1.0).requires_grad_()
    weights = HybridLossWeights(likelihood_form=form, negative_margin=0.0, inlier_margin=2.0)
    likelihood_loss(logits, torch.zeros(1, 2, 1, 2).double(), torch.tensor([[[1, 0]]]), weights).backward()
    assert logits.grad is not None
    assert (logits.grad[..., 0] > 0).all()
    assert (logits.grad[..., 1] < 0).all() or form in ("mean", "hinge")


def test_outlier_exposure_is_the_cross_entropy_to_the_uniform_posterior() -> None:
    """P = (1/8, 1/4, 5/8) on a negative: −(ln 1/8 + ln 1/4 + ln 5/8) / 3; at P = 1/3 the least, ln 3."""
    logits = torch.tensor([[1.0, 7.0], [2.0, 7.0], [5.0, 7.0]], dtype=torch.float64).log()[None, :, None]
    weights = HybridLossWeights(likelihood_form="exposure")
    for ids, expected in (([1, 255], (math.log(8) + math.log(4) + math.log(8 / 5)) / 3), ([0, 1], math.log(3))):
        found = likelihood_loss(logits, NO_DATASET_LOGITS, torch.tensor([[ids]]), weights)
        assert found.item() == pytest.approx(expected)


def test_the_outlier_class_makes_the_cross_entropy_of_one_class_more() -> None:
    """With as many negatives as inliers, L_cls + L_x is twice the mean cross-entropy of K+1 classes."""
    generator = torch.Generator().manual_seed(3)
    logits, dataset_logits = (torch.randn(1, each, 1, 8, generator=generator).double() * 3 for each in (4, 2))
    labels, negatives = torch.tensor([[[0, 1, 2, 3, 255, 255, 255, 255]]]), torch.tensor([[[0] * 4 + [1] * 4]])
    weights = HybridLossWeights(dataset=0, likelihood=1, likelihood_form="outlier_class")
    found = hybrid_loss(logits, dataset_logits, labels, negatives, weights).total
    classes = torch.cat([logits, dataset_logits[:, 1:]], 1)
    expected = torch.nn.functional.cross_entropy(classes, torch.where(negatives == 1, 4, labels))
    assert found.item() == pytest.approx(2 * expected.item())
    own = -outlier_class(logits, dataset_logits)[negatives == 1].mean()
    alone = likelihood_loss(logits, dataset_logits, torch.where(negatives == 1, 1, 255), weights)
    assert alone.item() == pytest.approx(own.item())  # the score is what the loss trains
    assert found.item() > closed_set_loss(logits, labels).item() + own.item()


def test_energy_fine_tuning_has_its_margins_on_both_sides() -> None:
    """m_in = −15, m_out = −5 on the energy, −LSE: inliers cost below LSE 15, negatives above 5 (Liu et al., eq. 8)."""
    weights = HybridLossWeights(likelihood_form="squared", negative_margin=5.0, inlier_margin=15.0)
    for value in (2.0, 9.0, 20.0):
        energy = -value
        assert loss_of([value], [0], weights) == pytest.approx(max(0.0, energy + 15) ** 2)
        assert loss_of([value], [1], weights) == pytest.approx(max(0.0, -5 - energy) ** 2)
