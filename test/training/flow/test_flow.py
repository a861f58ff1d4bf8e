"""The flow: exactly invertible, exact in its determinants, differentiable to its first layer, and it learns."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("lightning_fabric", reason="the training packages are not installed")
from densehybrid_ros.errors import SetupError, chosen
from densehybrid_ros.training.flow.attention import NystromAttention, pseudo_inverse
from densehybrid_ros.training.flow.boundary import boundary_loss, jensen_shannon_to_uniform
from densehybrid_ros.training.flow.config import FLOWS, FlowConfig
from densehybrid_ros.training.flow.dense_flow import DenseBlock, DenseFlow, bits_per_dimension, normal_log_density
from densehybrid_ros.training.flow.flow_file import load_flow, save_flow
from densehybrid_ros.training.flow.joint import decayed_rate, flow_step
from densehybrid_ros.training.flow.pretraining import Pretraining, pretraining_rate
from densehybrid_ros.training.flow.sample_pasting import SamplePasting, paste_samples
from densehybrid_ros.training.flow.steps import ActivationNorm, AffineCoupling, InvertibleConvolution
from densehybrid_ros.training.recipe.recipe import FlowTraining

TINY = FlowConfig(units=(2, 1), steps=(1, 2), growth=2, hidden=4, depth=1, layer_growth=4, landmarks=3)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def disturbed(module: nn.Module, scale: float = 0.1) -> nn.Module:
    """Fresh couplings do nothing: every weight is moved, so that all of them count."""
    generator = seeded(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += scale * torch.randn(parameter.shape, generator=generator)
    return module.eval()


def exact_log_det(function: Callable[[Tensor], Tensor], x: Tensor) -> float:
    jacobian = torch.autograd.functional.jacobian(function, x).reshape(x.numel(), x.numel())
    return float(torch.linalg.slogdet(jacobian)[1])


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("size", [(16, 16), (24, 40)])
def test_images_come_back_from_their_latents(name: str, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    flow = disturbed(DenseFlow(FLOWS[name]), 0.01)
    images = torch.rand(2, 3, *size, generator=seeded()) - 0.5
    with torch.no_grad():
        latents, _ = flow(images, flow.draw_noise(2, size, seeded()))
        back = flow.inverse(latents)
    assert [tuple(each.shape[1:]) for each in latents] == flow.latent_shapes(size)
    assert all(float(latent.std()) > 0.1 for latent in latents)
    torch.testing.assert_close(back, images, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "make", [ActivationNorm, InvertibleConvolution, lambda channels: AffineCoupling(channels, TINY)]
)
def test_every_step_is_exact(make: Callable[[int], nn.Module]) -> None:
    torch.manual_seed(0)
    step = disturbed(make(5).double(), 0.3)
    x = torch.randn(1, 5, 3, 4, dtype=torch.float64, generator=seeded())
    z, log_det = step(x)
    assert log_det[0].item() == pytest.approx(exact_log_det(lambda value: step(value)[0], x), abs=1e-9)
    torch.testing.assert_close(step.inverse(z), x, rtol=0, atol=1e-9)


@pytest.mark.parametrize("growth", [0, 2])
def test_the_determinant_is_that_of_the_jacobian(growth: int) -> None:
    """Over the image and the noise together, of a whole flow."""
    torch.manual_seed(0)
    flow = disturbed(DenseFlow(replace(TINY, growth=growth)).double(), 0.2)
    size = (4, 8)
    image = torch.rand(1, 3, *size, dtype=torch.float64, generator=seeded()) - 0.5
    noise = [each.double() for each in flow.draw_noise(1, size, seeded())]
    shapes = [image.shape, *(each.shape for each in noise)]
    everything = torch.cat([part.flatten() for part in (image, *noise)])

    def latents_of(values: Tensor) -> Tensor:
        parts = values.split([math.prod(shape) for shape in shapes])
        first, *rest = (part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
        return torch.cat([latent.flatten() for latent in flow(first, rest)[0]])

    _, log_det = flow(image, noise)
    assert everything.numel() == 96 + (2 * 2 * 4 if growth else 0)
    assert log_det[0].item() == pytest.approx(exact_log_det(latents_of, everything), abs=1e-8)


@pytest.mark.parametrize("growth", [0, 2])
def test_without_a_change_of_shape_the_likelihood_is_the_normal_one(growth: int) -> None:
    """Identity couplings and rotations: the density of the image itself, dequantised, whatever noise enters."""
    flow = DenseFlow(replace(TINY, growth=growth)).eval()
    images = torch.rand(3, 3, 8, 8, generator=seeded())
    uniform = torch.rand(images.shape, generator=seeded(5))
    x = ((images * 255).round() + uniform) / 256 - 0.5
    expected = normal_log_density([x]) - 192 * math.log(256)
    torch.testing.assert_close(flow.log_likelihood(images, seeded(5)), expected)
    assert bits_per_dimension(expected, (8, 8)).shape == (3,)


@pytest.mark.parametrize("size", [(12, 16), (0, 8), (4, 8)])
def test_sizes_that_cannot_be_divided_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="cannot be divided by 8"):
        DenseFlow(FLOWS["small"]).sample(1, size)


@pytest.mark.parametrize("size", [(8, 8), (16, 24), (104, 56)])
def test_samples_have_any_size_and_their_range(size: tuple[int, int]) -> None:
    flow = disturbed(DenseFlow(FLOWS["small"]), 0.01)
    samples = flow.sample(2, size, seeded()).detach()
    assert samples.shape == (2, 3, *size)
    assert 0 <= float(samples.min()) < float(samples.max()) <= 1
    assert torch.equal(samples, flow.sample(2, size, seeded()))


def test_the_pseudo_inverse_inverts_what_can_be_inverted_well() -> None:
    matrices = torch.randn(4, 6, 6, generator=seeded()).softmax(-1) + 2 * torch.eye(6)
    torch.testing.assert_close(pseudo_inverse(matrices) @ matrices, torch.eye(6).expand(4, 6, 6), atol=1e-3, rtol=0)


def test_attention_with_a_landmark_for_every_place_is_plain_attention() -> None:
    torch.manual_seed(0)
    attention = NystromAttention(4, landmarks=12)
    features = 2 * torch.randn(2, 4, 3, 4, generator=seeded())
    query, key, value = attention.to_qkv(features).flatten(2).transpose(1, 2).chunk(3, 2)
    plain = nn.functional.scaled_dot_product_attention(query, key, value)
    expected = attention.out(plain.transpose(1, 2).reshape(2, 4, 3, 4))
    torch.testing.assert_close(attention(features), expected, atol=2e-2, rtol=0)


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


def test_noise_enters_a_unit_moved_and_scaled_by_all_that_entered_earlier_ones() -> None:
    torch.manual_seed(0)
    block = disturbed(DenseBlock(4, 3, 1, TINY), 0.3)
    x, noise = torch.randn(2, 4, 4, 4, generator=seeded()), torch.randn(2, 4, 4, 4, generator=seeded(1))
    first = block.units[0](x)[0]
    entering = []
    for index, earlier in enumerate(([x], [x, None])):
        if earlier[-1] is None:
            earlier[-1] = torch.cat([first, entering[0]], 1)
        parameters = block.couplings[index].network(torch.cat(earlier, 1))
        shift, log_scale = parameters[:, :2], 2 * torch.tanh(parameters[:, 2:] / 2)
        entering.append(noise[:, 2 * index : 2 * index + 2] * log_scale.exp() + shift)
        assert min(shift.std().item(), log_scale.std().item()) > 1e-3
    second = block.units[1](torch.cat([first, entering[0]], 1))[0]
    expected = block.units[2](torch.cat([second, entering[1]], 1))[0]
    torch.testing.assert_close(block(x, noise)[0], expected)


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
def test_samples_are_pasted_where_the_labels_say(style: str) -> None:
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


def test_natural_samples_take_on_some_of_the_light_of_their_place() -> None:
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


def test_the_boundary_gradient_reaches_the_first_layer_and_leaves_the_segmenter_alone() -> None:
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
def test_the_boundary_gradient_survives_a_segmenter_in_half_precision(kind: torch.dtype) -> None:
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


def test_the_flow_is_taught_what_its_samples_took_the_place_of() -> None:
    flow = disturbed(DenseFlow(FLOWS["small"]), 0.01)
    images, labels, dataset_labels = batch()
    mixed = paste_samples(flow, images, labels, dataset_labels, SamplePasting((16, 32), style="released"), seeded(2))
    assert len(mixed.replaced) == 3
    for image, generated, replaced in zip(images, mixed.generated, mixed.replaced, strict=True):
        rows, columns = generated.any(1), generated.any(0)
        torch.testing.assert_close(image[:, rows][:, :, columns], replaced)


def test_places_with_real_negatives_do_not_teach_the_flow_what_is_inlier() -> None:
    flow = disturbed(DenseFlow(TINY), 0.01)
    images, labels, dataset_labels = batch()
    dataset_labels[0] = 1
    images[0] = 0.9  # what is a negative is bright, what is not is dark
    images[1:] *= 0.1
    mixed = paste_samples(flow, images, labels, dataset_labels, SamplePasting((32, 32), 1.0), seeded())
    assert mixed.generated.flatten(1).any(1).all()
    assert len(mixed.replaced) == 3
    assert float(mixed.replaced.max()) < 0.2


def test_a_flow_that_explodes_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    flow, segmenter = disturbed(DenseFlow(TINY), 0.05), TwoHeads().eval()
    mixed = paste_samples(flow, *batch(), SamplePasting((32, 32)), seeded())
    weights = [parameter.detach().clone() for parameter in flow.parameters()]
    with pytest.raises(SetupError, match=r"flow's gradient is not finite; lower flow\.learning_rate"):
        flow_step(flow, torch.optim.Adamax(flow.parameters()), segmenter, mixed, math.inf, generator=seeded())
    assert all(torch.equal(old, new) for old, new in zip(weights, flow.parameters(), strict=True))


def test_the_flow_works_in_full_precision_where_the_segmenter_does_not() -> None:
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


def test_the_boundary_term_alone_makes_the_segmenter_undecided() -> None:
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


def test_a_flow_learns_what_its_images_have_in_common() -> None:
    """Smooth pictures: well below what independent pixels of the same spread would need."""
    torch.manual_seed(0)
    coarse = torch.rand(64, 3, 4, 4, generator=seeded())
    images = nn.functional.interpolate(coarse, (16, 16), mode="bicubic", align_corners=True).clamp(0, 1)
    deviation = float(images.std()) * 255
    independent = math.log2(deviation * math.sqrt(2 * math.pi * math.e))
    flow = DenseFlow(replace(FLOWS["small"], steps=(1, 1, 1))).train()
    optimizer = torch.optim.Adamax(flow.parameters(), 1e-2)
    for _ in range(60):
        loss = bits_per_dimension(flow.log_likelihood(images[:48]), (16, 16)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    flow.eval()
    held_out = bits_per_dimension(flow.log_likelihood(images[48:], seeded()), (16, 16)).mean().item()
    assert held_out < independent - 1


def test_weights_of_a_flow_are_kept_with_their_configuration(tmp_path: Path) -> None:
    flow = disturbed(DenseFlow(FLOWS["small"]), 0.01)
    save_flow(tmp_path / "flow.safetensors", flow, "small")
    loaded, name = load_flow(tmp_path / "flow.safetensors")
    assert name == "small"
    assert all(torch.equal(a, b) for a, b in zip(flow.state_dict().values(), loaded.state_dict().values(), strict=True))


def test_what_is_no_flow_is_refused(tmp_path: Path, random_weights: Path) -> None:
    with pytest.raises(SetupError, match="does not exist"):
        load_flow(tmp_path / "none.safetensors")
    with pytest.raises(SetupError, match="holds no flow"):
        load_flow(random_weights)
    (tmp_path / "broken.safetensors").write_bytes(np.random.default_rng(0).bytes(500))
    with pytest.raises(SetupError, match="cannot be read"):
        load_flow(tmp_path / "broken.safetensors")
    save_flow(tmp_path / "other.safetensors", DenseFlow(TINY), "small")
    with pytest.raises(SetupError, match="does not fit configuration 'small'"):
        load_flow(tmp_path / "other.safetensors")
    with pytest.raises(SetupError, match="choose one of denseflow-45-6"):
        chosen("flow", "glow", FLOWS)
