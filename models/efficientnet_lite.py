"""EfficientNet-Lite trunks; state-dict keys as in the public ImageNet weights (Apache-2.0)."""

from __future__ import annotations

import math
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densehybrid_ros.models.blocks import BATCH_NORM_MOMENTUM

EPSILON = 1e-3
STEM_CHANNELS = 32
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""(repeats, kernel, stride, expansion, channels) of each stage of Lite0 (Tan & Le, 2019, table 1, without
squeeze-and-excitation)."""
LAST_STAGES_OF_SKIPS = (1, 2, 4)
"""The last stages at strides 4, 8 and 16."""


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


def scaled_channels(channels: int, width: float) -> int:
    """The multiple of 8 next to `channels * width`, and not below 90 % of it."""
    wanted = channels * width
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * wanted else rounded + 8


class EfficientNetLiteTrunk(nn.Module):
    """EfficientNet-Lite up to its last stage, without the 1280-channel head.

    Attributes:
        channels: of the features.
        skip_channels: of the skips at strides 4, 8 and 16.
    """

    folds = (("_conv_stem", "_bn0"),)

    def __init__(self, width: float = 1.0, depth: float = 1.0) -> None:
        """
        Args:
            width: times as many channels as Lite0 has, but for the stem (Tan & Le, 2019, section 4).
            depth: times as many blocks, but for the first stage and the last, as the Lite family has it.
        """
        super().__init__()
        self._conv_stem = SameConv2d(3, STEM_CHANNELS, 3, stride=2, bias=False)
        self._bn0 = batch_norm(STEM_CHANNELS)
        blocks: list[nn.Module] = []
        widths = [scaled_channels(channels, width) for *_, channels in STAGES]
        repeats = [math.ceil(count * depth) for count, *_ in STAGES]
        repeats[0], repeats[-1] = STAGES[0][0], STAGES[-1][0]
        channels = STEM_CHANNELS
        for (_, kernel, stride, expansion, _), wide, count in zip(STAGES, widths, repeats, strict=True):
            for repeat in range(count):
                blocks.append(InvertedResidual(channels, wide, kernel, stride if repeat == 0 else 1, expansion))
                channels = wide
        self._blocks = nn.ModuleList(blocks)
        ends = list(accumulate(repeats))
        self._skip_blocks = tuple(ends[stage] - 1 for stage in LAST_STAGES_OF_SKIPS)
        self.channels = widths[-1]
        self.skip_channels = tuple(widths[stage] for stage in LAST_STAGES_OF_SKIPS)

    def early_layers(self) -> list[nn.Module]:
        """Stem and the stages up to stride 4: generic filters on the largest maps, half of a training step's time."""
        return [self._conv_stem, self._bn0, *self._blocks[: self._skip_blocks[0] + 1]]

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, 3, H, W), ImageNet-normalised → features (B, channels, H/32, W/32) and the skips at strides 4, 8, 16."""
        features = F.relu6(self._bn0(self._conv_stem(images)), inplace=True)
        skips: list[Tensor] = []
        for index, block in enumerate(self._blocks):
            features = block(features)
            if index in self._skip_blocks:
                skips.append(features)
        return features, skips
