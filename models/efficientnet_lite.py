"""EfficientNet-Lite0 trunk; state-dict keys as in the public ImageNet weights (Apache-2.0)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densehybrid_ros.models.blocks import BATCH_NORM_MOMENTUM

EPSILON = 1e-3
# (repeats, kernel, stride, expansion, channels) of each stage (Tan & Le, 2019, table 1, without squeeze-and-excitation)
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
SKIP_BLOCKS = (2, 4, 10)
"""Indices of the last blocks at strides 4, 8 and 16."""
SKIP_CHANNELS = (24, 40, 112)
CHANNELS = 320


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding, with which the ImageNet weights were trained.

    At stride 2 the odd pixel of padding goes to the right and the bottom; the output has ceil(size / stride) pixels.
    """

    def forward(self, input: Tensor) -> Tensor:
        if self.groups > 1 and input.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            # the bf16 backward pass of depthwise convolutions is 10 to 40 times slower than the fp32 one on CPUs
            with torch.autocast("cpu", enabled=False):
                return self._convolve(input.float()).to(input.dtype)
        return self._convolve(input)

    def _convolve(self, features: Tensor) -> Tensor:
        padding: list[int] = []
        for size, kernel, stride in zip(
            reversed(features.shape[-2:]), reversed(self.kernel_size), reversed(self.stride), strict=True
        ):
            total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            padding += [total // 2, total - total // 2]
        if padding[0] == padding[1] and padding[2] == padding[3]:
            symmetric = (padding[2], padding[0])
            return F.conv2d(features, self.weight, self.bias, self.stride, symmetric, self.dilation, self.groups)
        return F.conv2d(F.pad(features, padding), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


def batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=EPSILON, momentum=BATCH_NORM_MOMENTUM)


class InvertedResidual(nn.Module):
    """Expansion 1×1, depthwise k×k, projection 1×1; the input is added where the shape stays."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels_in * expansion
        self.expands = expansion != 1
        self.keeps_shape = stride == 1 and channels_in == channels_out
        self.folds = [("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]
        if self.expands:
            self.folds.append(("_expand_conv", "_bn0"))
            self._expand_conv = nn.Conv2d(channels_in, wide, 1, bias=False)
            self._bn0 = batch_norm(wide)
        self._depthwise_conv = SameConv2d(wide, wide, kernel, stride=stride, groups=wide, bias=False)
        self._bn1 = batch_norm(wide)
        self._project_conv = nn.Conv2d(wide, channels_out, 1, bias=False)
        self._bn2 = batch_norm(channels_out)

    def forward(self, features: Tensor) -> Tensor:
        hidden = features
        if self.expands:
            hidden = F.relu6(self._bn0(self._expand_conv(hidden)), inplace=True)
        hidden = F.relu6(self._bn1(self._depthwise_conv(hidden)), inplace=True)
        hidden = self._bn2(self._project_conv(hidden))
        return features + hidden if self.keeps_shape else hidden


class EfficientNetLite0Trunk(nn.Module):
    """EfficientNet-Lite0 up to its last stage, without the 1280-channel head."""

    folds = (("_conv_stem", "_bn0"),)

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, stride=2, bias=False)
        self._bn0 = batch_norm(32)
        blocks: list[nn.Module] = []
        channels = 32
        for repeats, kernel, stride, expansion, width in STAGES:
            for repeat in range(repeats):
                blocks.append(InvertedResidual(channels, width, kernel, stride if repeat == 0 else 1, expansion))
                channels = width
        self._blocks = nn.ModuleList(blocks)

    def early_layers(self) -> list[nn.Module]:
        """Stem and the stages up to stride 4: generic filters on the largest maps, half of a training step's time."""
        return [self._conv_stem, self._bn0, *self._blocks[: SKIP_BLOCKS[0] + 1]]

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, 3, H, W), ImageNet-normalised → features (B, 320, H/32, W/32) and the skips at strides 4, 8, 16."""
        features = F.relu6(self._bn0(self._conv_stem(images)), inplace=True)
        skips: list[Tensor] = []
        for index, block in enumerate(self._blocks):
            features = block(features)
            if index in SKIP_BLOCKS:
                skips.append(features)
        return features, skips
