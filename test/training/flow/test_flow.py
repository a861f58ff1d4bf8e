"""The flow: exactly invertible, exact in its determinants, differentiable to its first layer, and it learns."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("lightning_fabric", reason="the training packages are not installed")
from densehybrid_ros.errors import SetupError, chosen
from densehybrid_ros.training.flow.attention import NystromAttention, pseudo_inverse
from densehybrid_ros.training.flow.config import FLOWS, FlowConfig
from densehybrid_ros.training.flow.dense_flow import DenseBlock, DenseFlow, bits_per_dimension, normal_log_density
from densehybrid_ros.training.flow.flow_file import load_flow, save_flow
from densehybrid_ros.training.flow.steps import ActivationNorm, AffineCoupling, InvertibleConvolution

TINY = FlowConfig(units=(2, 1), steps=(1, 2), growth=2, hidden=4, depth=1, layer_growth=4, landmarks=3)
Disturb = Callable[..., nn.Module]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def exact_log_det(function: Callable[[Tensor], Tensor], x: Tensor) -> float:
    jacobian = torch.autograd.functional.jacobian(function, x).reshape(x.numel(), x.numel())
    return float(torch.linalg.slogdet(jacobian)[1])


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("size", [(16, 16), (24, 40)])
def test_images_come_back_from_their_latents(name: str, size: tuple[int, int], disturbed: Disturb) -> None:
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
def test_every_step_is_exact(make: Callable[[int], nn.Module], disturbed: Disturb) -> None:
    torch.manual_seed(0)
    step = disturbed(make(5).double(), 0.3)
    x = torch.randn(1, 5, 3, 4, dtype=torch.float64, generator=seeded())
    z, log_det = step(x)
    assert log_det[0].item() == pytest.approx(exact_log_det(lambda value: step(value)[0], x), abs=1e-9)
    torch.testing.assert_close(step.inverse(z), x, rtol=0, atol=1e-9)


@pytest.mark.parametrize("growth", [0, 2])
def test_the_determinant_is_that_of_the_jacobian(growth: int, disturbed: Disturb) -> None:
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
def test_samples_have_any_size_and_their_range(size: tuple[int, int], disturbed: Disturb) -> None:
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


def test_noise_enters_a_unit_moved_and_scaled_by_all_that_entered_earlier_ones(disturbed: Disturb) -> None:
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


def test_weights_of_a_flow_are_kept_with_their_configuration(tmp_path: Path, disturbed: Disturb) -> None:
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
