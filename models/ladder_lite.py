"""The ladder decoder over EfficientNet-Lite: `ladder_lite0`, default for CPUs and edge devices, and `ladder_lite2`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from densehybrid_ros.models.blocks import LadderStep, SpatialPyramidPooling
from densehybrid_ros.models.efficientnet_lite import EfficientNetLiteTrunk
from densehybrid_ros.models.hybrid_head import class_head, dataset_head

WIDTHS = (128, 128, 96, 96)
"""Channels after the pyramid pooling and after the rungs at strides 16, 8 and 4."""


class LadderLite(nn.Module):
    """EfficientNet-Lite, spatial pyramid pooling, three rungs, class head and dataset head."""

    stride = 4
    class_convolution = "logits.conv"
    normalisation = "inside the model: ImageNet mean and standard deviation; RGB in [0, 1]"
    mean: Tensor
    deviation: Tensor

    def __init__(self, trunk: EfficientNetLiteTrunk, classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1), persistent=False)
        self.backbone = trunk
        self.spp = SpatialPyramidPooling(trunk.channels, bottleneck=128, level=32, channels_out=WIDTHS[0])
        self.upsample = nn.ModuleList(
            LadderStep(wide, skip, narrow)
            for wide, skip, narrow in zip(WIDTHS, reversed(trunk.skip_channels), WIDTHS[1:], strict=False)
        )
        self.logits = class_head(WIDTHS[-1], classes)
        self.logits_ood = dataset_head(WIDTHS[-1])

    def trunk_parameters(self) -> list[nn.Parameter]:
        """The pre-trained part, which recipes train with a smaller learning rate."""
        return list(self.backbone.parameters())

    def early_layers(self) -> list[nn.Module]:
        """The part that a recipe may keep as pre-trained."""
        return self.backbone.early_layers()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) RGB in [0, 1] → logits (B, K, H/4, W/4) and dataset logits (B, 2, H/4, W/4)."""
        features, skips = self.backbone((images - self.mean) / self.deviation)
        features = self.spp(features)
        for step, skip in zip(self.upsample, reversed(skips), strict=True):
            features = step(features, skip)
        return self.logits(features), self.logits_ood(features)


def ladder_lite0(classes: int) -> LadderLite:
    """Over EfficientNet-Lite0: 3.4 M parameters with 19 classes."""
    return LadderLite(EfficientNetLiteTrunk(), classes)


def ladder_lite2(classes: int) -> LadderLite:
    """Over EfficientNet-Lite2: 4.8 M parameters with 19 classes."""
    return LadderLite(EfficientNetLiteTrunk(width=1.1, depth=1.2), classes)
