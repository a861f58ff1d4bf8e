"""What a network's class convolution reads."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from densehybrid_ros.errors import SetupError
from densehybrid_ros.models import MODELS, build_model
from densehybrid_ros.models.attach import attach
from densehybrid_ros.models.image_pyramid import at_scales
from densehybrid_ros.models.pre_logits import class_convolution, look_inside


class Plain(nn.Module):
    """Gives its features to the classifier by name."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head = nn.Conv2d(3, 7, 3, stride=4, padding=1), nn.Conv2d(7, 5, 1)

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"out": self.head(input=self.trunk(images)).mul_(2)}


@pytest.mark.parametrize("name", [*MODELS, "attached"])
def test_the_class_convolution_turns_pre_logits_into_logits(name: str) -> None:
    torch.manual_seed(1)
    network = (attach(Plain(), "head") if name == "attached" else build_model(name, 5)).eval()
    images = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        inside = look_inside(network, images)
        logits, dataset_logits = network(images)
        torch.testing.assert_close(class_convolution(network)(inside.pre_logits), logits)
    assert torch.equal(inside.logits, logits)
    assert torch.equal(inside.dataset_logits, dataset_logits)
    assert not class_convolution(network)._forward_pre_hooks


def test_of_several_scales_the_pre_logits_are_those_of_the_picture_itself() -> None:
    torch.manual_seed(1)
    network = build_model("ladder_lite0", 5).eval()
    images = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        several = look_inside(at_scales(network, [1.0, 0.5]), images)
        alone = look_inside(network, images)
    assert torch.equal(several.pre_logits, alone.pre_logits)
    assert not torch.equal(several.logits, alone.logits)


def test_a_network_that_does_not_name_it_is_refused() -> None:
    with pytest.raises(SetupError, match="network Plain does not name its last convolution"):
        look_inside(Plain(), torch.rand(1, 3, 8, 8))
