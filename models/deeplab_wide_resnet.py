"""DeepLabV3+ over WideResNet-38, state-dict keys as in the authors' released checkpoints. 137 M parameters."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densehybrid_ros.models.hybrid_head import dataset_head
from densehybrid_ros.models.wide_resnet import (
    CHANNELS,
    FINE_CHANNELS,
    WideResNetTrunk,
    imagenet_mean_and_deviation,
)

RATES = (12, 24, 36)
"""Of the atrous convolutions, at stride 8."""
WIDTH, FINE_WIDTH = 256, 48


class AtrousSpatialPyramidPooling(nn.Module):
    """(B, 4096, h, w) → (B, 1280, h, w): the picture's mean, a 1×1 and three dilated 3×3 convolutions."""

    folds = tuple((f"{branch}.0", f"{branch}.1") for branch in ("img_conv", *(f"features.{n}" for n in range(4))))

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.ModuleList(
            [_conv_bn_relu(CHANNELS, 1), *(_conv_bn_relu(CHANNELS, 3, rate) for rate in RATES)]
        )
        self.img_conv = _conv_bn_relu(CHANNELS, 1)

    def forward(self, features: Tensor) -> Tensor:
        picture = self.img_conv(features.mean((2, 3), keepdim=True)).expand(-1, -1, *features.shape[2:])
        return torch.cat([picture, *(branch(features) for branch in self.features)], 1)


class DeepLabWideResNet(WideResNetTrunk):
    """The class head `final` and the dataset head `logits_ood` read the same 304 channels at stride 2.

    The trunk's parts lie beside the decoder's: that is how the released keys have them. Corners are aligned wherever
    it is upsampled, as its published weights were trained.
    """

    stride = 2
    class_convolution = "final.6"
    size_multiple = 8
    align_corners = True
    folds = (("final.0", "final.1"), ("final.3", "final.4"))
    normalisation = "inside the model: ImageNet mean and deviation"

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.aspp = AtrousSpatialPyramidPooling()
        self.bot_fine = nn.Conv2d(FINE_CHANNELS, FINE_WIDTH, 1, bias=False)
        self.bot_aspp = nn.Conv2d((len(RATES) + 2) * WIDTH, WIDTH, 1, bias=False)
        self.final = nn.Sequential(
            *_conv_bn_relu(FINE_WIDTH + WIDTH, 3),
            *_conv_bn_relu(WIDTH, 3),
            nn.Conv2d(WIDTH, classes, 1, bias=False),
        )
        self.logits_ood = dataset_head(FINE_WIDTH + WIDTH)
        mean, deviation = imagenet_mean_and_deviation()
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("deviation", deviation, persistent=False)

    def trunk_parameters(self) -> list[nn.Parameter]:
        """The pre-trained part, which recipes train with a smaller learning rate."""
        return [parameter for name, parameter in self.named_parameters() if name.startswith("mod")]

    def early_layers(self) -> list[nn.Module]:
        """The part that a recipe may keep as pre-trained."""
        return [self.mod1, self.get_submodule("mod2")]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """(B, 3, H, W) RGB in [0, 1] → logits (B, K, H/2, W/2) and dataset logits (B, 2, H/2, W/2)."""
        fine, features = super().forward((images - self.mean) / self.deviation)  # type: ignore[operator]
        coarse = self.bot_aspp(self.aspp(features))
        upsampled = F.interpolate(coarse, fine.shape[2:], mode="bilinear", align_corners=self.align_corners)
        features = torch.cat([self.bot_fine(fine), upsampled], 1)
        return self.final(features), self.logits_ood(features)


def _conv_bn_relu(channels_in: int, side: int, dilation: int = 1) -> nn.Sequential:
    padding = dilation if side == 3 else 0
    conv = nn.Conv2d(channels_in, WIDTH, side, padding=padding, dilation=dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True))
