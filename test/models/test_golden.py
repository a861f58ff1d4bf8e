"""Golden vectors: what each network computes with weights and a picture that follow from a rule.

A layer that is wired otherwise (a rate, a padding, a shortcut, an epsilon, an order) changes these figures; shapes and
keys do not show it. `python test/models/test_golden.py` writes them anew, in float64.
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from densehybrid_ros.models import MODELS, build_model

GOLDEN = Path(__file__).parent / "golden"
CLASSES = 5
SIZES = {"ladder_lite0": (96, 224), "ladder_lite2": (96, 224), "ldn121": (96, 224), "deeplabv3plus_wrn38": (24, 304)}
"""Height and width, px: not square, for grids follow the aspect ratio; at stride 8 wider than the largest ASPP rate."""
VARIANCE = 0.01
"""Of what a normalisation expects: small, so that its epsilon shows."""
PERIOD = 65521
"""After so many weights of a layer the rule repeats itself; a prime, so that no two filters are alike."""
SAMPLES = 61
TOLERANCE = 1e-4
"""Share of an output's root mean square; float32 is off by less than a tenth of it."""


def ruled_noise(name: str, size: int) -> Tensor:
    """(size,) float32 in −1..1 from an integer hash of the index and the name: the same on every machine."""
    bits = np.arange(min(size, PERIOD), dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(zlib.crc32(name.encode()))
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        bits ^= bits >> np.uint32(shift)
        bits *= np.uint32(factor)
    noise = (bits >> np.uint32(8)).astype(np.float32) / np.float32(1 << 23) - 1
    return torch.from_numpy(np.resize(noise, size))


def ruled_value(name: str, value: Tensor) -> Tensor:
    """A weight, or a normalisation's statistics and affine terms, of the given shape."""
    noise = ruled_noise(name, value.numel()).view(value.shape)
    if value.ndim > 1:
        return noise.mul_((4 * VARIANCE / value[0].numel()) ** 0.5)
    kind = name.rpartition(".")[2]
    if kind == "running_var":
        return VARIANCE * (1 + 0.5 * noise)
    if kind == "running_mean":
        return 0.3 * VARIANCE**0.5 * noise
    return 1 + 0.3 * noise if kind == "weight" else 0.2 * noise


def ruled_model(name: str) -> nn.Module:
    """The network in evaluation mode, filled by the rule."""
    model = build_model(name, CLASSES).eval()
    for key, value in model.state_dict().items():
        if value.is_floating_point():
            value.copy_(ruled_value(key, value))
    return model


def ruled_picture(name: str) -> Tensor:
    """(1, 3, H, W) in 0..1: waves with noise over them."""
    height, width = SIZES[name]
    row, column = torch.arange(height)[:, None] / 9, torch.arange(width) / 13
    waves = torch.stack([torch.sin(row + column), torch.sin(row - 2 * column), torch.cos(3 * row) + 0 * column])
    return (0.5 + 0.3 * waves + 0.2 * ruled_noise("picture", waves.numel()).view(waves.shape)).clamp(0, 1)[None]


def outputs(name: str, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Logits and dataset logits of the ruled network on the ruled picture, float64."""
    with torch.inference_mode():
        logits, dataset_logits = ruled_model(name).to(dtype)(ruled_picture(name).to(dtype))
    return {"logits": logits.double(), "dataset_logits": dataset_logits.double()}


def digest(output: Tensor) -> dict[str, list]:
    """Shape, the mean and the root mean square of each channel, and evenly spread samples."""
    places = torch.linspace(0, output.numel() - 1, SAMPLES).long()
    return {
        "shape": list(output.shape),
        "mean": output.mean((0, 2, 3)).tolist(),
        "root_mean_square": output.square().mean((0, 2, 3)).sqrt().tolist(),
        "samples": output.flatten()[places].tolist(),
    }


@pytest.mark.parametrize("name", MODELS)
def test_the_network_computes_its_golden_vector(name: str) -> None:
    expected = json.loads((GOLDEN / f"{name}.json").read_text())
    for part, output in outputs(name).items():
        found, scale = digest(output), float(output.square().mean().sqrt())
        assert found["shape"] == expected[part]["shape"]
        for key in ("mean", "root_mean_square", "samples"):
            np.testing.assert_allclose(
                found[key], expected[part][key], rtol=0, atol=TOLERANCE * scale, err_msg=f"{key} of {part}"
            )


def write() -> None:
    for name in MODELS:
        vector = {part: digest(output) for part, output in outputs(name, torch.float64).items()}
        rounded = json.loads(json.dumps(vector), parse_float=lambda text: float(f"{float(text):.8g}"))
        (GOLDEN / f"{name}.json").write_text(json.dumps(rounded, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(write())
