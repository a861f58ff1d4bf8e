"""The bounded L_x, term by term: softplus(LSE) over negatives + softplus(−LSE) over inliers."""

from __future__ import annotations

import math

import pytest
import torch

from densehybrid_ros.training.losses.hybrid import HybridLossWeights, likelihood_loss

BOUNDED = HybridLossWeights(bounded=True)


def logits_of(*log_likelihoods: float) -> torch.Tensor:
    """(1, 3, 1, N) with these LSE, spread unevenly over the classes."""
    shares = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64).log()
    return (torch.tensor(log_likelihoods, dtype=torch.float64)[None] + shares[:, None])[None, :, None]


def loss_of(log_likelihoods: list[float], ids: list[int]) -> float:
    return likelihood_loss(logits_of(*log_likelihoods), torch.tensor([[ids]]), BOUNDED).item()


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


@pytest.mark.parametrize("value", [-3.0, 0.5, 4.0])
def test_each_term_has_its_sign(value: float) -> None:
    assert loss_of([value], [1]) == pytest.approx(softplus(value))
    assert loss_of([value], [0]) == pytest.approx(softplus(-value))
    assert loss_of([value], [255]) == 0


def test_each_term_is_a_mean_over_its_own_pixels() -> None:
    found = loss_of([2.0, -1.0, 3.0, 0.5, 7.0], [1, 1, 0, 255, 1])
    negatives = (softplus(2.0) + softplus(-1.0) + softplus(7.0)) / 3
    assert found == pytest.approx(negatives + softplus(-3.0))


def test_the_counts_of_the_whole_batch_divide_each_term() -> None:
    labels = torch.tensor([[[1, 0]]])
    found = likelihood_loss(logits_of(2.0, 3.0), labels, BOUNDED, torch.tensor(10.0), torch.tensor(4.0)).item()
    assert found == pytest.approx(softplus(2.0) / 4 + softplus(-3.0) / 10)


def test_its_gradient_pushes_negatives_down_and_inliers_up() -> None:
    logits = logits_of(1.0, 1.0).requires_grad_()
    likelihood_loss(logits, torch.tensor([[[1, 0]]]), BOUNDED).backward()
    assert logits.grad is not None
    assert (logits.grad[..., 0] > 0).all()
    assert (logits.grad[..., 1] < 0).all()
