"""Batch norm folded into convolutions: the same answers, and only where a network is loaded for inference."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.models import MODELS, build_model
from densehybrid_ros.models.checkpoint import BUNDLED, load_network
from densehybrid_ros.models.folding import fold_batch_norm
from densehybrid_ros.models.pre_logits import look_inside

LEFT = {
    "ladder_lite0": 6 + 3 * 2 + 2,
    "ladder_lite2": 6 + 3 * 2 + 2,
    "ldn121": 58 + 3 + 6 + 3 * 3 + 2,
    "deeplabv3plus_wrn38": 17 + 1,
}
"""Batch norms that stand before convolutions, in pyramid, rungs, heads, dense layers, transitions and blocks."""


def batch_norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def trained_like(name: str) -> nn.Module:
    """In evaluation mode, with statistics that differ from channel to channel, and of what comes in."""
    torch.manual_seed(3)
    network = build_model(name, classes=5)
    for norm in batch_norms(network):
        nn.init.uniform_(norm.weight, 0.4, 1.6)
        nn.init.normal_(norm.bias, 0.0, 0.3)
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.rand(2, 3, 64, 96))
    for norm in batch_norms(network):
        norm.running_var.mul_(torch.empty_like(norm.running_var).uniform_(0.5, 2.0))
        norm.running_mean.add_(torch.randn_like(norm.running_mean) * norm.running_var.sqrt() * 0.3)
    return network.eval()


@pytest.mark.parametrize("name", MODELS)
@torch.inference_mode()
def test_a_folded_network_answers_as_before(name: str) -> None:
    network, images = trained_like(name), torch.rand(1, 3, 64, 128)
    expected, before = network(images), look_inside(network, images).pre_logits
    assert min(each.std() for each in expected) > 0.1, "the answers depend on the picture"
    found = fold_batch_norm(network)(images)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)
    largest = float(before.abs().max())  # of a random network they may be large
    torch.testing.assert_close(look_inside(network, images).pre_logits, before, rtol=0, atol=1e-4 * largest)
    assert len(batch_norms(network)) == LEFT[name]


@torch.inference_mode()
def test_the_bundled_network_answers_as_before_at_all_its_scales() -> None:
    network, images = load_network(BUNDLED)[0], torch.rand(2, 3, 96, 160)
    expected = network(images)
    for one, other in zip(fold_batch_norm(network)(images), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)


def test_a_network_in_training_is_refused_and_stays_as_it_is() -> None:
    network = build_model("ladder_lite0", classes=5).train()
    count = len(batch_norms(network))
    with pytest.raises(ValueError, match="for inference"):
        fold_batch_norm(network)
    assert len(batch_norms(network)) == count


def test_only_a_segmenter_that_is_loaded_folds(random_weights: Path) -> None:
    """What training gives to a segmenter, and what it loads to go on from, keeps its statistics."""
    network, info = load_network(random_weights)
    whole = network.state_dict().keys()
    Segmenter(network, info, torch.device("cpu"), torch.float32, 0)
    assert network.state_dict().keys() == whole
    assert len(batch_norms(Segmenter.load(random_weights, "cpu")._model)) == LEFT["ladder_lite0"]
