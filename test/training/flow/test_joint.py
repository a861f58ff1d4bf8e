"""The flow beside a segmenter: its samples in pictures, the boundary loss, and what both learn of each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("lightning_fabric", reason="the training packages are not installed")
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.flow.boundary import boundary_loss, jensen_shannon_to_uniform
from densehybrid_ros.training.flow.config import FLOWS, FlowConfig
from densehybrid_ros.training.flow.dense_flow import DenseFlow
from densehybrid_ros.training.flow.joint import decayed_rate, flow_step
from densehybrid_ros.training.flow.pretraining import Pretraining, pretraining_rate
from densehybrid_ros.training.flow.sample_pasting import SamplePasting, paste_samples
from densehybrid_ros.training.recipe.recipe import FlowTraining

TINY = FlowConfig(units=(2, 1), steps=(1, 2), growth=2, hidden=4, depth=1, layer_growth=4, landmarks=3)
Disturb = Callable[..., nn.Module]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_boundary_loss_knows_its_ends() -> None:
    undecided, certain = torch.zeros(19, 5), torch.zeros(19, 5)
    certain[3] = 80
    assert jensen_shannon_to_uniform(undecided).abs().max() < 1e-6
    p, u = 1.0, 1 / 19
    m = (p + u) / 2
    expected = 0.5 * (p * math.log(p / m) + u * math.log(u / m) + 18 * u * math.log(2))
    assert jensen_shannon_to_uniform(certain).tolist() == pytest.approx([expected] * 5, rel=1e-5)
    assert expected < math.log(2)
    logits = certain.reshape(1, 19, 1, 5).clone().requires_grad_()
    nothing = boundary_loss(logits, torch.zeros(1, 1, 5, dtype=torch.bool))
    assert nothing.item() == 0
    boundary_loss(logits, torch.ones(1, 1, 5, dtype=torch.bool)).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_the_boundary_loss_looks_at_generated_pixels_alone() -> None:
    generated = torch.zeros(2, 3, 4, dtype=torch.bool)
    generated[0, 1, 1:3] = True
    logits = torch.zeros(2, 5, 3, 4)
    logits[:, 0] = 9.0
    logits[0, :, 1, 1:3] = 0
    logits.requires_grad_()
    assert boundary_loss(logits, generated).item() == pytest.approx(0, abs=1e-6)
    everywhere_else = boundary_loss(logits, ~generated)
    assert everywhere_else.item() == pytest.approx(jensen_shannon_to_uniform(logits[1].flatten(1)).mean().item())
    half = logits.detach() + torch.randn(logits.shape, generator=seeded())
    half.requires_grad_()
    boundary_loss(half, generated).backward()
    assert half.grad is not None
    assert torch.equal(half.grad.abs().sum(1) > 0, generated)


def test_learning_rates_of_the_flow() -> None:
    joint = FlowTraining(learning_rate=1e-5, decay=0.5)
    assert [decayed_rate(joint, step, 4.0) for step in (0, 3, 4, 11)] == pytest.approx([1e-5, 1e-5, 5e-6, 2.5e-6])
    alone = Pretraining(steps=100, learning_rate=1e-3, warm_up=4, decay=0.1)
    found = [pretraining_rate(alone, step) for step in (0, 1, 3, 50, 100)]
    assert found == pytest.approx([2.5e-4, 5e-4 * 0.1**0.01, 1e-3 * 0.1**0.03, 1e-3 * 0.1**0.5, 1e-4])


class TwoHeads(nn.Module):
    """A small segmenter with statistics that a careless forward pass would change."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.classes, self.dataset = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 2, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(images)
        return self.classes(features), self.dataset(features)


def batch() -> tuple[Tensor, Tensor, Tensor]:
    images = torch.rand(3, 3, 48, 64, generator=seeded())
    labels = torch.randint(0, 4, (3, 48, 64), generator=seeded())
    return images, labels, torch.zeros(3, 48, 64, dtype=torch.int64)


@pytest.mark.parametrize("style", ["natural", "released"])
def test_samples_are_pasted_where_the_labels_say(style: str, disturbed: Disturb) -> None:
    flow = disturbed(DenseFlow(FLOWS["small"]), 0.01)
    images, labels, dataset_labels = batch()
    pasting = SamplePasting((16, 32), 0.5, style)
    mixed = paste_samples(flow, images, labels, dataset_labels, pasting, seeded(2))
    changed = (mixed.images != images).any(1)
    assert mixed.generated.any()
    assert torch.equal(mixed.generated, mixed.dataset_labels == 1)
    assert (mixed.labels[mixed.generated] == 255).all()
    assert torch.equal(mixed.labels[~changed], labels[~changed])
    assert not (changed & (mixed.dataset_labels == 0) & (mixed.labels == 255)).any()
    side = mixed.replaced.shape[-1]
    assert side % 8 == 0
    assert 16 <= side <= 32
    assert 0.3 < float(mixed.generated.sum()) / (len(mixed.replaced) * side**2) <= 1
    assert (style == "released") == (int(mixed.generated.sum()) == len(mixed.replaced) * side**2)
    again = paste_samples(flow, images, labels, dataset_labels, pasting, seeded(2))
    assert torch.equal(again.images, mixed.images)
    assert not mixed.detached.requires_grad


def test_natural_samples_take_on_some_of_the_light_of_their_place(disturbed: Disturb) -> None:
    flow = disturbed(DenseFlow(FLOWS["small"]), 0.01)
    means = []
    for brightness in (0.1, 0.9):
        images, labels, dataset_labels = batch()
        dark = torch.full_like(images, brightness)
        mixed = paste_samples(flow, dark, labels, dataset_labels, SamplePasting((32, 32)), seeded(3))
        means.append(mixed.detached.movedim(1, -1)[mixed.generated].mean().item())
    assert means[0] < means[1] - 0.1


def test_a_picture_smaller_than_the_largest_side_gets_a_smaller_sample() -> None:
    flow = DenseFlow(FLOWS["small"])
    for seed in range(5):
        mixed = paste_samples(flow, *batch(), SamplePasting((16, 216)), seeded(seed))
        assert mixed.replaced.shape[-1] <= 48


def test_the_boundary_gradient_reaches_the_first_layer_and_leaves_the_segmenter_alone(disturbed: Disturb) -> None:
    torch.manual_seed(0)
    flow, segmenter = disturbed(DenseFlow(FLOWS["small"]), 0.01), TwoHeads().train()
    for parameter in segmenter.parameters():
        parameter.grad = torch.ones_like(parameter)
    before = {name: value.clone() for name, value in segmenter.state_dict().items()}
    mixed = paste_samples(flow, *batch(), SamplePasting((32, 32)), seeded())
    logits, _ = segmenter.eval()(mixed.images)
    boundary = boundary_loss(nn.functional.interpolate(logits, (48, 64)), mixed.generated)
    first = flow.blocks[0].units[0].parts
    parameters = [first[0].shift, first[1].weight, first[2].network.first.weight]
    for gradient in torch.autograd.grad(boundary, parameters, retain_graph=True):
        assert float(gradient.abs().max()) > 1e-8
    segmenter.train()
    optimizer = torch.optim.Adamax(flow.parameters(), 1e-3)
    weights = [parameter.detach().clone() for parameter in flow.parameters()]
    loss = flow_step(flow, optimizer, segmenter, mixed, 0.03, generator=seeded())
    assert loss.total.item() == pytest.approx(loss.bits_per_dimension.item() + 0.03 * loss.boundary.item())
    assert all(not torch.equal(old, new) for old, new in zip(weights, flow.parameters(), strict=True))
    assert all(torch.equal(before[name], value) for name, value in segmenter.state_dict().items())
    assert all((parameter.grad == 1).all() for parameter in segmenter.parameters())
    assert segmenter.training


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_the_boundary_gradient_survives_a_segmenter_in_half_precision(kind: torch.dtype, disturbed: Disturb) -> None:
    """A mean over 10⁵ pixels, times 0.03: in fp16 its gradient would be 0 without a scale."""
    found = []
    for precision in (nullcontext, lambda: torch.autocast("cpu", kind)):
        torch.manual_seed(0)
        flow, segmenter = disturbed(DenseFlow(TINY), 0.05), TwoHeads().eval()
        images = torch.rand(4, 3, 256, 256, generator=seeded())
        labels = torch.zeros(4, 256, 256, dtype=torch.int64)
        everywhere_real = torch.ones_like(labels)  # no inlier is replaced: the boundary term acts alone
        mixed = paste_samples(flow, images, labels, everywhere_real, SamplePasting((216, 216)), seeded())
        assert len(mixed.replaced) == 0
        shared: list[Tensor] = []

        def watched(values: Tensor, shared: list[Tensor] = shared) -> Tensor:
            shared.append(values.clone())
            return values

        flow_step(flow, torch.optim.Adamax(flow.parameters()), segmenter, mixed, 0.03, watched, seeded(), precision)
        found.append(shared[0])
    assert float(found[1].norm()) > 0
    assert float(nn.functional.cosine_similarity(found[0], found[1], 0)) > 0.8


def test_the_flow_is_taught_what_its_samples_took_the_place_of(disturbed: Disturb) -> None:
    flow = disturbed(DenseFlow(FLOWS["small"]), 0.01)
    images, labels, dataset_labels = batch()
    mixed = paste_samples(flow, images, labels, dataset_labels, SamplePasting((16, 32), style="released"), seeded(2))
    assert len(mixed.replaced) == 3
    for image, generated, replaced in zip(images, mixed.generated, mixed.replaced, strict=True):
        rows, columns = generated.any(1), generated.any(0)
        torch.testing.assert_close(image[:, rows][:, :, columns], replaced)


def test_places_with_real_negatives_do_not_teach_the_flow_what_is_inlier(disturbed: Disturb) -> None:
    flow = disturbed(DenseFlow(TINY), 0.01)
    images, labels, dataset_labels = batch()
    dataset_labels[0] = 1
    images[0] = 0.9  # what is a negative is bright, what is not is dark
    images[1:] *= 0.1
    mixed = paste_samples(flow, images, labels, dataset_labels, SamplePasting((32, 32), 1.0), seeded())
    assert mixed.generated.flatten(1).any(1).all()
    assert len(mixed.replaced) == 3
    assert float(mixed.replaced.max()) < 0.2


def test_a_flow_that_explodes_is_said_to(monkeypatch: pytest.MonkeyPatch, disturbed: Disturb) -> None:
    flow, segmenter = disturbed(DenseFlow(TINY), 0.05), TwoHeads().eval()
    mixed = paste_samples(flow, *batch(), SamplePasting((32, 32)), seeded())
    weights = [parameter.detach().clone() for parameter in flow.parameters()]
    with pytest.raises(SetupError, match=r"flow's gradient is not finite; lower flow\.learning_rate"):
        flow_step(flow, torch.optim.Adamax(flow.parameters()), segmenter, mixed, math.inf, generator=seeded())
    assert all(torch.equal(old, new) for old, new in zip(weights, flow.parameters(), strict=True))


def test_the_flow_works_in_full_precision_where_the_segmenter_does_not(disturbed: Disturb) -> None:
    flow, segmenter = disturbed(DenseFlow(TINY), 0.05), TwoHeads().eval()
    mixed = paste_samples(flow, *batch(), SamplePasting((32, 32)), seeded())
    found: list[torch.dtype] = []
    genuine = flow.log_likelihood

    def watched(*given: Any) -> Tensor:
        bits = genuine(*given)
        found.append(flow.blocks[0].units[0].parts[2](mixed.replaced.repeat(1, 4, 1, 1))[0].dtype)
        return bits

    flow.log_likelihood = watched
    segmenter.classes.register_forward_hook(lambda module, inputs, output: found.append(output.dtype))
    flow_step(
        flow,
        torch.optim.Adamax(flow.parameters()),
        segmenter,
        mixed,
        0.03,
        precision=lambda: torch.autocast("cpu", torch.bfloat16),
    )
    assert found == [torch.bfloat16, torch.float32]


def test_the_boundary_term_alone_makes_the_segmenter_undecided(disturbed: Disturb) -> None:
    """Its gradient has the right sign: on a fixed segmenter, samples move to where p is uniform."""
    torch.manual_seed(0)
    flow, segmenter = disturbed(DenseFlow(TINY), 0.05), TwoHeads().eval()
    with torch.no_grad():
        segmenter.classes.weight *= 6
    optimizer = torch.optim.Adamax(flow.parameters(), 3e-2)
    found = []
    for _ in range(25):
        mixed = paste_samples(flow, *batch(), SamplePasting((32, 32), style="released"), seeded())
        found.append(flow_step(flow, optimizer, segmenter, mixed, 1e4, generator=seeded()).boundary.item())
    assert found[-1] < 0.7 * found[0]
