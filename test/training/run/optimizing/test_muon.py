"""Muon against torch's own for matrices, AdamW, and the singular values that it is for."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.optim import AdamW
from torch.optim import Muon as MuonOfMatrices

from densehybrid_ros.models import build_model
from densehybrid_ros.training.recipe.recipe import Recipe
from densehybrid_ros.training.run.optimizing.muon import (
    MATRICES,
    Muon,
    matrix_weights,
    orthogonalised,
    with_matrices_apart,
)
from densehybrid_ros.training.run.optimizing.optimizer import make_optimizer
from densehybrid_ros.training.run.optimizing.schedule import set_learning_rate

RATE, DECAY = 0.02, 0.1


@pytest.fixture
def network() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 24, 3, bias=False),
        nn.BatchNorm2d(24),
        nn.Conv2d(24, 24, 3, groups=24, bias=False),
        nn.Conv2d(24, 40, 1, bias=False),
        nn.Conv2d(40, 5, 1),
    )


def optimizer_of(network: nn.Module) -> Muon:
    groups = with_matrices_apart({"params": list(network.parameters())}, network)
    return Muon(groups, RATE, weight_decay=DECAY)


def give_gradients(network: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


@pytest.mark.parametrize("shape", [(24, 27), (40, 24), (16, 200)])
def test_singular_values_come_near_one_in_their_own_directions(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonalised(matrix)
    values = torch.linalg.svdvals(found)
    assert found.shape == shape
    assert values.min() > 0.3
    assert values.max() < 1.3
    assert nn.functional.cosine_similarity(found.flatten(), (left @ right).flatten(), 0) > 0.97


def test_matrices_step_as_those_of_torch_and_the_rest_as_by_adamw(network: nn.Sequential) -> None:
    twin = copy.deepcopy(network)
    matrices = [nn.Parameter(twin[index].weight.detach().flatten(1)) for index in (0, 3)]
    of_torch = MuonOfMatrices(matrices, RATE, DECAY, adjust_lr_fn="match_rms_adamw")
    rest = [twin[1].weight, twin[1].bias, twin[2].weight, twin[4].weight, twin[4].bias]
    adamw = AdamW(rest, RATE, weight_decay=DECAY)
    optimizer = optimizer_of(network)
    for seed in range(3):
        give_gradients(network, seed)
        give_gradients(twin, seed)
        for index, matrix in zip((0, 3), matrices, strict=True):
            matrix.grad = twin[index].weight.grad.flatten(1)
        before = [parameter.grad.clone() for parameter in network.parameters()]
        optimizer.step()
        of_torch.step()
        adamw.step()
        for parameter, gradient in zip(network.parameters(), before, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=0, atol=0)
    for index, matrix in zip((0, 3), matrices, strict=True):
        torch.testing.assert_close(network[index].weight.flatten(1), matrix)
    for parameter, other in zip(
        [network[1].weight, network[1].bias, network[2].weight, network[4].weight, network[4].bias], rest, strict=True
    ):
        torch.testing.assert_close(parameter, other, rtol=0, atol=0)


def test_what_has_no_gradient_stays(network: nn.Sequential) -> None:
    optimizer = optimizer_of(network)
    give_gradients(network, 1)
    network[0].weight.grad = None
    before = copy.deepcopy(network.state_dict())
    optimizer.step()
    moved = [name for name, value in network.state_dict().items() if not torch.equal(value, before[name])]
    assert "0.weight" not in moved
    assert "3.weight" in moved


def test_a_resumed_run_goes_on_as_it_would_have(network: nn.Sequential) -> None:
    optimizer = optimizer_of(network)
    give_gradients(network, 1)
    optimizer.step()
    twin = copy.deepcopy(network)
    resumed = optimizer_of(twin)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for each, its in ((network, optimizer), (twin, resumed)):
        give_gradients(each, 2)
        its.step()
    for name, value in network.state_dict().items():
        torch.testing.assert_close(twin.state_dict()[name], value, rtol=0, atol=0)


def test_a_closure_makes_the_gradients_of_the_step(network: nn.Sequential) -> None:
    twin, pictures = copy.deepcopy(network), torch.randn((2, 3, 8, 8), generator=torch.Generator().manual_seed(1))
    optimizer, its = optimizer_of(network), optimizer_of(twin)

    def loss() -> torch.Tensor:
        value = network(pictures).square().mean()
        value.backward()
        return value

    wanted = twin(pictures).square().mean()
    wanted.backward()
    its.step()
    assert optimizer.step(loss) == wanted
    for one, other in zip(network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize(("architecture", "count"), [("ladder_lite0", 44), ("ladder_lite2", 54)])
def test_logits_and_depthwise_convolutions_are_no_matrices(architecture: str, count: int) -> None:
    model = build_model(architecture, 19)
    matrices = {id(weight) for weight in matrix_weights(model)}
    assert len(matrices) == count
    for name, weight in model.named_parameters():
        inner = weight.ndim == 4 and weight.shape[1] > 1 and weight.shape[0] not in (19, 2)
        assert (id(weight) in matrices) is inner, name


def test_a_recipe_can_ask_for_it() -> None:
    model = build_model("ladder_lite0", 5)
    model.early_layers()[0].requires_grad_(False)
    optimizer = make_optimizer(Recipe("ladder_lite0", [], optimizer="muon", trunk_factor=0.25), model)
    set_learning_rate(optimizer, 1e-3)
    assert isinstance(optimizer, Muon)
    trained = [each for each in model.parameters() if each.requires_grad]
    held = [(each, group) for group in optimizer.param_groups for each in group["params"]]
    assert {id(each) for each, _ in held} == {id(each) for each in trained}
    assert len(held) == len(trained)
    matrices = {id(weight) for weight in matrix_weights(model)}
    trunk = {id(each) for each in model.trunk_parameters()}
    for each, group in held:
        assert group[MATRICES] is (id(each) in matrices)
        assert group["lr"] == (2.5e-4 if id(each) in trunk else 1e-3)
