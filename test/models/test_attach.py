"""The hybrid head on networks of other makes: made ones always, and those of transformers where it is installed.

To install it: pip install -r requirements/optional.txt
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.attach import HybridSegmenter, attach
from densehybrid_ros.training.losses.hybrid import HybridLossWeights, hybrid_loss


class Plain(nn.Module):
    """Upsamples its logits, as most do, and returns them in a dictionary, as torchvision's do."""

    def __init__(self, kernel: int = 1, calls: int = 1) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 12, 3, stride=4, padding=1), nn.BatchNorm2d(12), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Conv2d(12, 5, kernel, padding=kernel // 2))
        self.calls = calls

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        features = self.trunk(images)
        for _ in range(self.calls):
            logits = self.head(features)
        return {"out": nn.functional.interpolate(logits, images.shape[2:])}


@pytest.mark.parametrize("kernel", [1, 3])
def test_both_logits_come_at_the_classifiers_stride(kernel: int) -> None:
    torch.manual_seed(0)
    model = Plain(kernel).eval()
    hybrid = attach(model, "head.1").eval()
    images = torch.rand(2, 3, 32, 48)
    with torch.inference_mode():
        logits, dataset_logits = hybrid(images)
        expected = model.head(model.trunk(images))
    assert torch.equal(logits, expected)
    assert dataset_logits.shape == (2, 2, 8, 12)
    assert hybrid.stride == 4
    assert hybrid.classes == 5


def test_the_normalisation_is_done_inside() -> None:
    hybrid = attach(Plain().eval(), "head.1", mean=(0.5, 0.4, 0.3), deviation=(0.2, 0.3, 0.4)).eval()
    plain = attach(hybrid.segmenter, "head.1").eval()
    images = torch.rand(1, 3, 16, 16)
    normalised = (images - torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1)) / torch.tensor([0.2, 0.3, 0.4]).view(
        1, 3, 1, 1
    )
    with torch.inference_mode():
        torch.testing.assert_close(hybrid(images)[0], plain(normalised)[0])


def test_it_trains_and_nothing_is_left_behind() -> None:
    torch.manual_seed(0)
    hybrid = attach(Plain(), "head.1").train()
    labels, dataset_labels = torch.randint(0, 5, (2, 8, 8)), torch.randint(0, 2, (2, 8, 8))
    optimizer = torch.optim.Adam(hybrid.parameters(), 1e-2)
    found = []
    for _ in range(15):
        logits, dataset_logits = hybrid(torch.ones(2, 3, 32, 32))
        loss = hybrid_loss(
            logits, dataset_logits, labels, dataset_labels, HybridLossWeights(likelihood_form="logistic")
        ).total
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    assert found[-1] < found[0]
    assert not hybrid.segmenter.get_submodule("head.1")._forward_hooks
    trunk = {id(parameter) for parameter in hybrid.trunk_parameters()}
    assert id(hybrid.segmenter.trunk[0].weight) in trunk
    assert id(hybrid.segmenter.head[1].weight) not in trunk
    assert not any(id(parameter) in trunk for parameter in hybrid.logits_ood.parameters())


@pytest.mark.parametrize(
    ("classifier", "problem"),
    [
        ("head.9", "no module 'head.9'.*head.1"),
        ("head", "is a Sequential and no convolution; name its convolution, 'head.1'"),
        ("trunk.1", "is a BatchNorm2d and no convolution"),
    ],
)
def test_a_wrong_path_is_answered_with_a_better_one(classifier: str, problem: str) -> None:
    with pytest.raises(SetupError, match=problem):
        attach(Plain(), classifier)


def test_a_classifier_that_is_not_called_once_is_refused() -> None:
    with pytest.raises(SetupError, match="called 2 times"):
        attach(Plain(calls=2), "head.1")(torch.rand(1, 3, 16, 16))


class InPlace(nn.Module):
    """Names its classifier's argument, and changes the answer in place afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head = nn.Conv2d(3, 12, 3, stride=4, padding=1), nn.Conv2d(12, 5, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(input=self.trunk(images)).mul_(0.1)


def test_what_the_model_does_with_the_logits_afterwards_does_not_change_them() -> None:
    model = InPlace().eval()
    images = torch.rand(1, 3, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(attach(model, "head")(images)[0], model.head(model.trunk(images)))
    logits, dataset_logits = attach(InPlace(), "head").train()(images)
    (logits.sum() + dataset_logits.sum()).backward()


@pytest.mark.parametrize("classes", [1, 255, 300])
def test_impossible_numbers_of_classes_are_refused(classes: int) -> None:
    with pytest.raises(SetupError, match=f"has {classes} output channels; 2 to 254"):
        attach(nn.Sequential(nn.Conv2d(3, classes, 1)), "0")


def test_asking_for_the_stride_leaves_frozen_parts_frozen() -> None:
    hybrid = attach(Plain(), "head.1").train()
    frozen = hybrid.segmenter.get_submodule("trunk.1").eval()
    assert hybrid.stride == 4
    assert hybrid.training
    assert not frozen.training


def transformers_models() -> dict[str, tuple[Any, Any, str]]:
    """Name → class, small configuration, and the path of the classifier."""
    transformers = pytest.importorskip(
        "transformers", reason="transformers is not installed: pip install -r requirements/optional.txt"
    )
    return {
        "segformer": (
            transformers.SegformerForSemanticSegmentation,
            transformers.SegformerConfig(
                num_labels=5, hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], decoder_hidden_size=16
            ),
            "decode_head.classifier",
        ),
        "mobilenet_v2": (
            transformers.MobileNetV2ForSemanticSegmentation,
            transformers.MobileNetV2Config(num_labels=5, depth_multiplier=0.25),
            "segmentation_head.classifier.convolution",
        ),
    }


@pytest.mark.parametrize("name", ["segformer", "mobilenet_v2"])
def test_networks_of_transformers_get_the_head(name: str) -> None:
    kind, config, classifier = transformers_models()[name]
    torch.manual_seed(0)
    hybrid = attach(kind(config), classifier, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert isinstance(hybrid, HybridSegmenter)
    images = torch.rand(2, 3, 64, 96)
    logits, dataset_logits = hybrid(images)
    assert logits.shape[1] == 5
    assert logits.shape[2:] == dataset_logits.shape[2:]
    (logits.logsumexp(1).mean() + dataset_logits.mean()).backward()
    assert all(parameter.grad is not None for parameter in hybrid.logits_ood.parameters())
    with torch.inference_mode():
        own = hybrid.eval().segmenter((images - hybrid.mean) / hybrid.deviation).logits
    torch.testing.assert_close(own, hybrid(images)[0])
