"""LDN-121: the ladder decoder over DenseNet-121, state-dict keys as in the authors' released checkpoints.

11.07 M parameters and 205.7 GMAC at 2048×1024 with K = 19.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import cast

import torch
from torch import Tensor, nn

from densehybrid_ros.models.blocks import BATCH_NORM_MOMENTUM, LadderStep, SpatialPyramidPooling, bn_relu_conv
from densehybrid_ros.models.hybrid_head import class_head, dataset_head

GROWTH = 32
BLOCKS = (6, 12, 24, 16)


class DenseLayer(nn.Sequential):
    """BN-ReLU-1×1-BN-ReLU-3×3; the caller concatenates its GROWTH new channels to the input."""

    folds = (("conv1", "norm2"),)

    def __init__(self, channels: int) -> None:
        super().__init__(
            OrderedDict(
                norm1=nn.BatchNorm2d(channels, momentum=BATCH_NORM_MOMENTUM),
                relu1=nn.ReLU(inplace=True),
                conv1=nn.Conv2d(channels, 4 * GROWTH, 1, bias=False),
                norm2=nn.BatchNorm2d(4 * GROWTH, momentum=BATCH_NORM_MOMENTUM),
                relu2=nn.ReLU(inplace=True),
                conv2=nn.Conv2d(4 * GROWTH, GROWTH, 3, padding=1, bias=False),
            )
        )


class DenseBlock(nn.Module):
    """(B, C, h, w) → (B, C + layers·GROWTH, h, w)."""

    def __init__(self, layers: int, channels: int) -> None:
        super().__init__()
        for index in range(layers):
            self.add_module(f"denselayer{index + 1}", DenseLayer(channels + index * GROWTH))

    def forward(self, features: Tensor) -> Tensor:
        for layer in self.children():
            features = torch.cat([features, layer(features)], 1)
        return features


def transition(channels: int) -> nn.Sequential:
    """Halves channels and resolution. The 3×3 average ignores the padding, as LDN does and DenseNet does not."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(channels, momentum=BATCH_NORM_MOMENTUM),
            relu=nn.ReLU(inplace=True),
            conv=nn.Conv2d(channels, channels // 2, 1, bias=False),
            pool=nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
        )
    )


class DenseNetTrunk(nn.Module):
    """DenseNet-121 without its last norm and classifier; a 2×2 max-pool after the stem."""

    folds = (("features.conv0", "features.norm0"),)

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            OrderedDict(
                conv0=nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
                norm0=nn.BatchNorm2d(64, momentum=BATCH_NORM_MOMENTUM),
                relu0=nn.ReLU(inplace=True),
                pool0=nn.MaxPool2d(2, stride=2),
            )
        )
        channels = 64
        self.skip_channels: list[int] = []
        for index, layers in enumerate(BLOCKS, start=1):
            self.features.add_module(f"denseblock{index}", DenseBlock(layers, channels))
            channels += layers * GROWTH
            if index < len(BLOCKS):
                self.skip_channels.append(channels)
                self.features.add_module(f"transition{index}", transition(channels))
                channels //= 2
        self.channels = channels

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, 3, H, W) → features (B, 1024, H/32, W/32) and the skips at strides 4, 8, 16."""
        skips: list[Tensor] = []
        features = images
        for name, module in self.features.named_children():
            if name.startswith("transition"):
                skips.append(features)
            features = module(features)
        return features, skips


class AuxiliaryLadderStep(LadderStep):
    """A rung that also holds the one-channel auxiliary head of the released checkpoints.

    The head takes part in nothing here; its parameters stand so that released weights load strictly.
    """

    def __init__(self, channels_in: int, channels_skip: int, channels_out: int) -> None:
        super().__init__(channels_in, channels_skip, channels_out)
        self.logits_aux = bn_relu_conv(channels_in, 1, kernel=1, bias=True)


class LadderDenseNet(nn.Module):
    """LDN-121 with the class head (`logits`) and the dataset head (`logits_ood`)."""

    stride = 4
    class_convolution = "logits.conv"
    normalisation = "none: RGB in [0, 1]"

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = DenseNetTrunk()
        pyramid = SpatialPyramidPooling(self.backbone.channels, bottleneck=512, level=128, channels_out=512)
        # the doubled name and the two wrappers give the released key prefixes spp.spp.* and upsample.upsample_layers.*
        self.spp = nn.Sequential(OrderedDict(spp=pyramid))
        widths = [512, 256, 256, 128]
        steps = [
            AuxiliaryLadderStep(wide, skip, narrow)
            for wide, skip, narrow in zip(widths, reversed(self.backbone.skip_channels), widths[1:], strict=False)
        ]
        self.upsample = nn.ModuleDict(
            {"upsample_layers": nn.ModuleDict({f"upsample_{index}": step for index, step in enumerate(steps)})}
        )
        self.logits = class_head(widths[-1], classes)
        self.logits_ood = dataset_head(widths[-1])

    def trunk_parameters(self) -> list[nn.Parameter]:
        """The pre-trained part, which recipes train with a smaller learning rate."""
        return list(self.backbone.parameters())

    def early_layers(self) -> list[nn.Module]:
        """The part that a recipe may keep as pre-trained: stem and first dense block."""
        return list(self.backbone.features)[:5]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) RGB in [0, 1] → logits (B, K, H/4, W/4) and dataset logits (B, 2, H/4, W/4)."""
        features, skips = self.backbone(images)
        features = self.spp(features)
        steps = cast(nn.ModuleDict, self.upsample["upsample_layers"])
        for step, skip in zip(steps.values(), reversed(skips), strict=True):
            features = step(features, skip)
        return self.logits(features), self.logits_ood(features)
