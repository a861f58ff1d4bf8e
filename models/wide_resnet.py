"""WideResNet-38 (A2): pre-activated residual blocks, wide and few; strides 2, 4 and 8, the rest by dilation."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Stage:
    """Blocks of one kind, one after the other."""

    blocks: int
    channels: tuple[int, ...]
    """Of the convolutions in a block: two 3×3, or 1×1, 3×3 and 1×1."""
    stride: int = 1
    """Of the first block."""
    dilation: int = 1
    dropout: float = 0.0
    """Of whole channels, before the last convolution of a block."""


STAGES = (
    Stage(3, (128, 128)),
    Stage(3, (256, 256)),
    Stage(6, (512, 512), stride=2),
    Stage(3, (512, 1024), dilation=2),
    Stage(1, (512, 1024, 2048), dilation=4, dropout=0.3),
    Stage(1, (1024, 2048, 4096), dilation=4, dropout=0.5),
)
"""mod2 to mod7; before each of the first two comes a max-pool of stride 2."""
FINE_CHANNELS, CHANNELS = STAGES[0].channels[-1], STAGES[-1].channels[-1]


class ResidualBlock(nn.Module):
    """x + f(BN-ReLU(x)), with a projection of BN-ReLU(x) in place of x where shapes change."""

    def __init__(self, channels_in: int, stage: Stage, stride: int) -> None:
        super().__init__()
        self.bn1 = _bn_relu(channels_in)
        sides = [3, 3] if len(stage.channels) == 2 else [1, 3, 1]
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        width = channels_in
        for number, (channels, side) in enumerate(zip(stage.channels, sides, strict=True), start=1):
            if number > 1:
                layers[f"bn{number}"] = _bn_relu(width)
            if number == len(sides) and stage.dropout:
                layers["dropout"] = nn.Dropout2d(stage.dropout)
            dilation = stage.dilation if side == 3 else 1
            layers[f"conv{number}"] = nn.Conv2d(
                width,
                channels,
                side,
                stride=stride if number == 1 else 1,
                padding=dilation if side == 3 else 0,
                dilation=dilation,
                bias=False,
            )
            width = channels
        self.convs = nn.Sequential(layers)
        self.folds = [(f"convs.conv{number}", f"convs.bn{number + 1}.0") for number in range(1, len(sides))]
        if stride != 1 or channels_in != width:
            self.proj_conv = nn.Conv2d(channels_in, width, 1, stride=stride, bias=False)
        else:
            self.proj_conv = None

    def forward(self, x: Tensor) -> Tensor:
        activated = self.bn1(x)
        shortcut = x if self.proj_conv is None else self.proj_conv(activated)
        return self.convs(activated) + shortcut


class WideResNetTrunk(nn.Module):
    """(B, 3, H, W) → features of stride 2 (128 channels) and of stride 8 (4096 channels)."""

    def __init__(self) -> None:
        super().__init__()
        self.mod1 = nn.Sequential(OrderedDict(conv1=nn.Conv2d(3, 64, 3, padding=1, bias=False)))
        channels = 64
        for number, stage in enumerate(STAGES, start=2):
            blocks: OrderedDict[str, nn.Module] = OrderedDict()
            for index in range(stage.blocks):
                blocks[f"block{index + 1}"] = ResidualBlock(channels, stage, stage.stride if index == 0 else 1)
                channels = stage.channels[-1]
            self.add_module(f"mod{number}", nn.Sequential(blocks))
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.get_submodule("mod2")(self.pool(self.mod1(images)))
        features = self.get_submodule("mod3")(self.pool(fine))
        for number in range(4, len(STAGES) + 2):
            features = self.get_submodule(f"mod{number}")(features)
        return fine, features


def _bn_relu(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


def imagenet_mean_and_deviation() -> tuple[Tensor, Tensor]:
    """(1, 3, 1, 1) each, of RGB in [0, 1]."""
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return mean.view(1, 3, 1, 1), deviation.view(1, 3, 1, 1)
