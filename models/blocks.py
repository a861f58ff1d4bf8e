"""Building blocks of the ladder networks. Module names follow the authors' released checkpoints."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH_NORM_MOMENTUM = 0.01


def bn_relu_conv(channels_in: int, channels_out: int, kernel: int = 3, bias: bool = False) -> nn.Sequential:
    """BN-ReLU-Conv at stride 1, size kept: (B, channels_in, h, w) → (B, channels_out, h, w)."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(channels_in, momentum=BATCH_NORM_MOMENTUM),
            relu=nn.ReLU(inplace=True),
            conv=nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=bias),
        )
    )


class SpatialPyramidPooling(nn.Module):
    """Context from average-pooled grids, in the way of LDN.

    Each grid has that many rows; its columns are scaled by the aspect ratio of the input, at least 1.
    """

    def __init__(
        self, channels_in: int, bottleneck: int, level: int, channels_out: int, grids: Sequence[int] = (8, 4, 2, 1)
    ) -> None:
        super().__init__()
        self.grids = tuple(grids)
        self.spp = nn.Sequential()
        self.spp.add_module("spp_bn", bn_relu_conv(channels_in, bottleneck, kernel=1))
        for index in range(len(self.grids)):
            self.spp.add_module(f"spp{index}", bn_relu_conv(bottleneck, level, kernel=1))
        self.spp.add_module("spp_fuse", bn_relu_conv(bottleneck + level * len(self.grids), channels_out, kernel=1))

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels_in, h, w) → (B, channels_out, h, w)."""
        height, width = features.shape[-2:]
        features = self.spp[0](features)
        levels = [features]
        for rows, project in zip(self.grids, list(self.spp)[1:-1], strict=True):
            pooled = F.adaptive_avg_pool2d(features, (rows, max(1, round(width / height * rows))))
            levels.append(F.interpolate(project(pooled), (height, width), mode="bilinear", align_corners=False))
        return self.spp[-1](torch.cat(levels, 1))


class LadderStep(nn.Module):
    """One rung: bilinear upsampling to the skip's size, addition of the projected skip, 3×3 blend."""

    def __init__(self, channels_in: int, channels_skip: int, channels_out: int) -> None:
        super().__init__()
        self.bottleneck = bn_relu_conv(channels_skip, channels_in, kernel=1)
        self.blend_conv = bn_relu_conv(channels_in, channels_out)

    def forward(self, features: Tensor, skip: Tensor) -> Tensor:
        """(B, channels_in, h, w) and (B, channels_skip, H, W) → (B, channels_out, H, W)."""
        skip = self.bottleneck(skip)
        upsampled = F.interpolate(features, skip.shape[-2:], mode="bilinear", align_corners=False)
        return self.blend_conv(upsampled + skip)
