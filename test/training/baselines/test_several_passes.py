"""ReAct, ODIN and MC dropout: what they change within the network, worked by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from densehybrid_ros.core.fit import Fit
from densehybrid_ros.core.seen_image import SeenImage
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import IGNORE
from densehybrid_ros.models.pre_logits import look_inside
from densehybrid_ros.training.baselines.clipping import ActivationPercentiles, clipped_energy, percentile
from densehybrid_ros.training.baselines.dropout import mc_dropout, mutual_information
from densehybrid_ros.training.baselines.input_perturbation import little_kept, odin, perturbed
from densehybrid_ros.training.baselines.known_image import Extent


def test_clipped_pre_logits_give_the_energy(see: Any) -> None:
    """z = (5, 1) becomes (2, 1): logits 2·2 + 1 = 5 and 1 − 2 + 3 = 2, the second with a bias of 3."""
    seen = see(torch.tensor([5.0, 1.0]).view(2, 1, 1), [[2.0, 1.0], [-1.0, 1.0]], [0.0, 3.0])
    assert clipped_energy(seen, 2.0).item() == pytest.approx(-math.log(math.exp(5) + math.exp(2)))
    assert clipped_energy(seen, 9.0).item() == pytest.approx(-math.log(math.exp(11) + math.exp(-1)))


def test_the_percentiles_are_those_of_all_channels_of_labelled_cells(known: Any) -> None:
    values = torch.from_numpy(np.random.default_rng(2).normal(size=(3, 4, 5)).astype(np.float32))
    truth = np.zeros((4, 5), np.uint8)
    truth[0] = IGNORE
    fitting = ActivationPercentiles(Extent(classes=3, pictures=1))
    fitting.add(known(values, truth))
    percentiles = fitting.result()["percentiles"]
    for wanted in (0, 12.34, 50, 90, 100):
        expected = np.percentile(values[:, 1:].numpy(), wanted)
        assert percentile(percentiles, wanted) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_without_labels_there_are_no_percentiles(known: Any) -> None:
    fitting = ActivationPercentiles(Extent(classes=2, pictures=1))
    fitting.add(known(torch.ones(2, 1, 1), [[IGNORE]]))
    with pytest.raises(SetupError, match="no labelled place"):
        fitting.result()


def test_odin_of_a_pixel_worked_by_hand(see: Any) -> None:
    """Logits 4r and g for r = 1/2, g = 1/4: class 0 wins, so r rises by ε and g falls; blue changes nothing."""
    seen = see(torch.tensor([0.5, 0.25, 0.1]).view(3, 1, 1), [[4.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    moved = perturbed(seen, temperature=2.0, step=0.125)
    assert moved.flatten().tolist() == pytest.approx([0.625, 0.125, 0.1])
    expected = -math.exp(2.5 / 2) / (math.exp(2.5 / 2) + math.exp(0.125 / 2))
    assert odin(seen, 2.0, 0.125).item() == pytest.approx(expected)
    assert odin(seen, 2.0, 0.0).item() == pytest.approx(-math.exp(1) / (math.exp(1) + math.exp(0.125)))


def test_odin_keeps_little_of_a_network_and_leaves_it_as_it_was(random_weights: Path, picture: np.ndarray) -> None:
    segmenter = Segmenter.load(random_weights, "cpu", "fp32", -1)
    seen = segmenter.see(picture)
    needed = [number % 2 == 0 for number, _ in enumerate(seen.network.parameters())]
    for weights, wanted in zip(seen.network.parameters(), needed, strict=True):
        weights.requires_grad_(wanted)
    kept = {"plain": 0, "little": 0}

    def gradient(name: str) -> torch.Tensor:
        def keep(tensor: torch.Tensor) -> torch.Tensor:
            kept[name] += tensor.nbytes
            return tensor

        pixels = seen.pixels.clone().requires_grad_()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            confidence = (seen.network(pixels)[0] / 10).log_softmax(1).amax(1).sum()
        return torch.autograd.grad(confidence, pixels)[0]

    with torch.enable_grad():
        plain = gradient("plain")
        with little_kept(seen.network):
            little = gradient("little")
    torch.testing.assert_close(little, plain, rtol=1e-4, atol=1e-6 * float(plain.abs().max()))
    assert kept["little"] < kept["plain"] / 3
    assert [weights.requires_grad for weights in seen.network.parameters()] == needed
    assert not any("forward" in vars(module) for module in seen.network.modules())


class Blur(nn.Module):
    """Each logit reads three pixels in a row."""

    class_convolution = "head"

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.trunk = nn.Conv2d(3, 4, (1, 3), padding=(0, 1))
        self.head = nn.Conv2d(4, 5, 1)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.trunk(images).relu()
        return self.head(features), features[:, :2]


def test_the_step_of_the_input_raises_the_posterior_of_all_cells_together() -> None:
    """Against differences: a small step of each value alone, by what the sum of ln max p changes."""
    network = Blur().double()
    pixels = torch.rand(1, 3, 1, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        seen = SeenImage(network, pixels, look_inside(network, pixels), Fit((1, 4), (1, 4), (1, 4), False))

        def confidence(images: torch.Tensor) -> float:
            return (network(images)[0] / 3.0).softmax(1).amax(1).log().sum().item()

        found = perturbed(seen, temperature=3.0, step=0.01)
        for index in np.ndindex(*pixels.shape):
            moved = pixels.clone()
            moved[index] += 1e-6
            expected = pixels[index] + 0.01 * np.sign(confidence(moved) - confidence(pixels))
            assert found[index].item() == pytest.approx(expected.item(), abs=1e-12), index
    assert not any(parameter.grad is not None for parameter in network.parameters())


def test_passes_that_disagree_have_mutual_information(see: Any) -> None:
    """Dropping either channel gives p = (3/4, 1/4) and (1/4, 3/4): ln 2 − H(1/4). Where none is dropped it is 0."""
    half = math.log(3) / 2
    seen = see(torch.tensor([half, half]).view(2, 1, 1), [[1.0, 0.0], [0.0, 1.0]])
    doubt = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    found = mutual_information(seen, torch.tensor([[2.0, 0.0], [0.0, 2.0]]))
    assert found.item() == pytest.approx(math.log(2) - doubt, rel=1e-5)
    assert mutual_information(seen, torch.ones(3, 2)).item() == pytest.approx(0, abs=1e-6)


def test_mc_dropout_drops_a_share_of_the_channels_in_the_same_way_every_time(
    see: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[torch.Tensor] = []
    monkeypatch.setattr(
        "densehybrid_ros.training.baselines.dropout.mutual_information",
        lambda seen, masks: (used.append(masks), mutual_information(seen, masks))[1],
    )
    generator = torch.Generator().manual_seed(0)
    seen = see(torch.rand(200, 2, 3, generator=generator), torch.randn(4, 200, generator=generator).tolist())
    scores = [mc_dropout(seen, rate=0.25, passes=50) for _ in range(2)]
    assert torch.equal(*scores)
    assert scores[0].shape == (1, 2, 3)
    assert (scores[0] > 0).all()
    assert used[0].shape == (50, 200)
    assert used[0].unique().tolist() == pytest.approx([0, 4 / 3])
    assert used[0].mean().item() == pytest.approx(1, abs=0.05)
    assert not torch.equal(used[0][0], used[0][1])
