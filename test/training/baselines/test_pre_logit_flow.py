"""A flow over pre-logits: its density by the change of variables, and what it learns."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.baselines.densities import gaussians, mixture_log_densities
from densehybrid_ros.training.baselines.known_image import Extent
from densehybrid_ros.training.baselines.pre_logit_flow import (
    HIDDEN,
    PreLogitFlow,
    PreLogitFlowFit,
    fitted_flow,
    flow_score,
    gaussian_flow,
)
from densehybrid_ros.training.baselines.settings import ScoreSettings


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_flow(channels: int) -> PreLogitFlow:
    """Float64, with couplings that change something."""
    start = gaussian_flow(torch.randn(50, channels, generator=seeded(1)) * 2 + 1, 2, seeded(2))
    drawn = {
        name: torch.randn(getattr(start, name).shape, generator=seeded(3)) / 15
        for name in ("inner_bias", "outer", "outer_bias")
    }
    exact = {name: value.double() for name, value in {**vars(start), **drawn}.items()}
    return PreLogitFlow(**{**exact, "rotations": torch.linalg.qr(exact["rotations"])[0]})


def worked_flow() -> PreLogitFlow:
    """Of two channels, whose network has one feature that counts."""
    inner, outer = torch.zeros(1, HIDDEN, 1), torch.zeros(1, 2, HIDDEN)
    inner[0, 0, 0], outer[0, :, 0] = 1.5, torch.tensor([0.5, 2.0])
    return PreLogitFlow(
        mean=torch.tensor([1.0, -1.0]),
        whitening=torch.tensor([[2.0, 0.0], [1.0, 4.0]]),
        rotations=torch.tensor([[[0.0, 1.0], [-1.0, 0.0]]]),
        inner=inner,
        inner_bias=torch.zeros(1, HIDDEN).index_fill(1, torch.tensor([0]), 0.25),
        outer=outer,
        outer_bias=torch.tensor([[0.1, -1.0]]),
    )


def test_a_place_worked_by_hand(see: Any) -> None:
    """z = (2, −0.5): less the mean (1, 0.5), whitened (2, 1 + 2) = (2, 3), turned (3, −2).

    The feature is 1.5·3 + 0.25 = 4.75; so the shift is 0.1 + 0.5·4.75 = 2.475, the log-scale 2·tanh((−1 + 2·4.75)/2).
    """
    log_scale = 2 * math.tanh(4.25)
    changed = -2 * math.exp(log_scale) + 2.475
    expected = -(9 + changed**2) / 2 - math.log(2 * math.pi) + math.log(2 * 4) + log_scale
    flow = worked_flow()
    assert flow.log_density(torch.tensor([[2.0, -0.5]])).item() == pytest.approx(expected, rel=1e-6)
    seen = see(torch.tensor([2.0, -0.5]).view(2, 1, 1), [[1.0, 0.0], [0.0, 1.0]])
    assert flow_score(seen, flow).flatten().tolist() == pytest.approx([-expected], rel=1e-6)


def test_the_density_of_two_channels_integrates_to_one() -> None:
    axis = torch.linspace(-25, 25, 501, dtype=torch.float64)
    log_density = random_flow(2).log_density(torch.cartesian_prod(axis, axis))
    assert (log_density.exp().sum() * 0.1**2).item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("channels", [2, 5, 6])
def test_the_density_is_that_of_the_latents_times_the_jacobian(channels: int) -> None:
    flow, vectors = random_flow(channels), torch.randn(4, channels, generator=seeded(4)).double() * 3
    for vector in vectors:
        jacobian = torch.autograd.functional.jacobian(lambda each: flow.latents(each[None])[0][0], vector)
        assert isinstance(jacobian, Tensor)
        latent = flow.latents(vector[None])[0][0].numpy()
        normal = np.prod(np.exp(-(latent**2) / 2) / np.sqrt(2 * np.pi))
        expected = np.log(normal) + np.log(abs(np.linalg.det(jacobian.numpy())))
        assert flow.log_density(vector[None]).item() == pytest.approx(expected, rel=1e-9)


def test_it_begins_at_the_gaussian_of_the_vectors() -> None:
    vectors = torch.randn(300, 4, generator=seeded(5)) @ torch.randn(4, 4, generator=seeded(6)) + 2
    exact = vectors.double()
    covariance = torch.from_numpy(np.cov(exact.numpy().T, bias=True))
    one = gaussians(torch.ones(1).double(), exact.mean(0)[None], covariance[None])
    expected = mixture_log_densities(vectors, **one)[:, 0]
    torch.testing.assert_close(gaussian_flow(vectors, 3, seeded()).log_density(vectors), expected, rtol=1e-4, atol=1e-4)


def fan(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """x ~ N(0, 1) and y ~ N(0, σ) with ln σ = 1.5·tanh x, (N, 2); and ln p of each."""
    x, noise = torch.randn(2, count, generator=seeded(seed))
    log_deviation = 1.5 * x.tanh()
    log_density = -(x**2 + noise**2) / 2 - math.log(2 * math.pi) - log_deviation
    return torch.stack([x, noise * log_deviation.exp()], 1), log_density


def test_what_no_gaussian_can_have_is_learnt() -> None:
    training, (others, true) = fan(3000, 10)[0], fan(1000, 20)
    gaussian = gaussian_flow(training, 4, seeded()).log_density(others).mean()
    flow = fitted_flow(training, 4, 400, seeded())
    assert gaussian < true.mean() - 0.6
    assert true.mean() - 0.05 < flow.log_density(others).mean() < true.mean() + 0.02
    narrow, wide = flow.log_density(torch.tensor([[-1.5, 2.0], [1.5, 2.0]]))
    assert wide > narrow + 10


def test_the_same_seed_gives_the_same_flow() -> None:
    first, second, other = (fitted_flow(fan(300, 1)[0], 2, 20, seeded(seed)) for seed in (7, 7, 8))
    assert all(torch.equal(getattr(first, name), value) for name, value in vars(second).items())
    assert not torch.equal(first.outer, other.outer)


def test_steps_that_only_fit_the_samples_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of noise in many channels a flow learns its few samples by heart, and is worse than the Gaussian on others."""
    monkeypatch.setattr("densehybrid_ros.training.baselines.pre_logit_flow.LEARNING_RATE", 1e-2)
    vectors = torch.randn(60, 12, generator=seeded(9))
    flow = fitted_flow(vectors, 2, 200, seeded())
    held_out = vectors[torch.randperm(60, generator=seeded())[:6]]
    start = gaussian_flow(vectors[torch.randperm(60, generator=seeded())[6:]], 2, seeded())
    assert flow.log_density(held_out).mean() >= start.log_density(held_out).mean() - 1e-4
    assert not flow.outer.any()


def test_cells_are_taken_evenly_from_all_pictures(known: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("densehybrid_ros.training.baselines.known_image.PreLogitSample.SAMPLES", 10)
    fitting = PreLogitFlowFit(Extent(classes=2, pictures=2, settings=ScoreSettings(flow_couplings=3, flow_steps=1)))
    for value in (1.0, 5.0):
        fitting.add(known(torch.full((2, 8, 8), value), np.zeros((8, 8))))
    found = fitting.result()
    assert found["mean"].tolist() == pytest.approx([3, 3], abs=0.5)  # one of ten is held out
    assert found["rotations"].shape == (3, 2, 2)
    assert not any(value.requires_grad for value in found.values())


def test_too_few_cells_are_refused(known: Any) -> None:
    fitting = PreLogitFlowFit(Extent(classes=2, pictures=1))
    fitting.add(known(torch.ones(2, 1, 4), [[0, 1, 1, 1]]))
    with pytest.raises(SetupError, match="4 labelled places for a flow over 2 channels"):
        fitting.result()
