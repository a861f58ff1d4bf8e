"""Scores against float64 references written from the formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from densehybrid_ros.core.scores import NOT_LIVE, SCORES, live_score
from densehybrid_ros.errors import SetupError, chosen

RNG = np.random.default_rng(1)
LOGITS = RNG.normal(0, 8, (2, 7, 5, 6))
DATASET = RNG.normal(0, 8, (2, 2, 5, 6))


def log_p_hat(s: np.ndarray) -> np.ndarray:
    return np.log(np.exp(s).sum(1))


def log_posterior(d: np.ndarray) -> np.ndarray:
    return np.log(np.exp(d[:, 1]) / np.exp(d).sum(1))


def softmax(s: np.ndarray) -> np.ndarray:
    return np.exp(s) / np.exp(s).sum(1, keepdims=True)


REFERENCES = {
    "hybrid": log_posterior(DATASET) - log_p_hat(LOGITS),
    "likelihood": -log_p_hat(LOGITS),
    "posterior": log_posterior(DATASET),
    "msp": -softmax(LOGITS).max(1),
    "max_logit": -LOGITS.max(1),
    "entropy": -(softmax(LOGITS) * np.log(softmax(LOGITS))).sum(1),
    "outlier_head_msp": (1 - softmax(LOGITS).max(1)) * np.exp(log_posterior(DATASET)),
    "rejected_by_all": -np.tanh(LOGITS).sum(1),
    "outlier_class": np.log(softmax(np.concatenate([LOGITS, DATASET[:, 1:]], 1))[:, -1]),
}


def test_every_score_has_a_reference() -> None:
    assert set(REFERENCES) == set(SCORES)


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
def test_score_equals_its_formula(name: str, dtype: torch.dtype, tolerance: float) -> None:
    result = SCORES[name](torch.tensor(LOGITS, dtype=dtype), torch.tensor(DATASET, dtype=dtype))
    np.testing.assert_allclose(result.double().numpy(), REFERENCES[name], rtol=tolerance, atol=tolerance)


def test_scores_of_one_pixel_worked_by_hand() -> None:
    """Logits ln 1, ln 2, ln 5: their LSE is ln 8, P(k|x) is 1/8, 1/4, 5/8. P(d_out|x) is 3/4, from channel 1."""
    logits, dataset_logits = torch.tensor([1.0, 2.0, 5.0]).log().view(1, 3, 1, 1), torch.tensor([1.0, 3.0]).log()
    expected = {
        "hybrid": math.log(3 / 4) - math.log(8),
        "likelihood": -math.log(8),
        "posterior": math.log(3 / 4),
        "msp": -5 / 8,
        "max_logit": -math.log(5),
        "entropy": (math.log(8) + 2 * math.log(4) + 5 * math.log(8 / 5)) / 8,
        "outlier_head_msp": 3 / 8 * 3 / 4,
        "rejected_by_all": -(0 + 3 / 5 + 12 / 13),  # tanh(ln a) = (a² − 1) / (a² + 1)
        "outlier_class": math.log(3 / (8 + 3)),
    }
    found = {name: score(logits, dataset_logits.view(1, 2, 1, 1)).item() for name, score in SCORES.items()}
    for name in SCORES:
        assert found[name] == pytest.approx(expected[name], rel=1e-5), name


@pytest.mark.parametrize("name", SCORES)
def test_score_stays_finite_for_extreme_logits(name: str) -> None:
    logits = torch.tensor([500.0, -500.0, 0.0]).view(1, 3, 1, 1)
    dataset_logits = torch.tensor([400.0, -400.0]).view(1, 2, 1, 1)
    assert torch.isfinite(SCORES[name](logits, dataset_logits)).all()


def test_an_unknown_score_lists_the_choices() -> None:
    with pytest.raises(SetupError, match="hybrid, likelihood"):
        chosen("score", "nonsense", SCORES)


def test_a_score_that_is_for_evaluation_alone_is_refused_with_the_reason() -> None:
    with pytest.raises(
        SetupError, match="'odin' needs gradients and two passes: it is for densehybrid evaluate alone; ch"
    ):
        live_score("odin")
    assert not NOT_LIVE.keys() & SCORES.keys()
    assert live_score("msp") is SCORES["msp"]
