"""Networks whose pre-logits and logits are written down, so that statistics and scores can be worked by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from densehybrid_ros.core.fit import Fit
from densehybrid_ros.core.seen_image import SeenImage
from densehybrid_ros.models.pre_logits import look_inside
from densehybrid_ros.training.baselines.known_image import KnownImage


class OneConvolution(nn.Module):
    """Its pre-logits are the channels of the pixels for which it has weights; its logits are a product of them."""

    class_convolution = "head"

    def __init__(self, weights: Sequence[Sequence[float]], bias: Sequence[float] | None = None) -> None:
        super().__init__()
        matrix = torch.tensor(weights)
        self.head = nn.Conv2d(matrix.shape[1], matrix.shape[0], 1)
        self.head.weight.data = matrix[:, :, None, None]
        self.head.bias = nn.Parameter(torch.zeros(len(weights)) if bias is None else torch.tensor(bias))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = images[:, : self.head.in_channels]
        return self.head(features), features[:, :1].expand(-1, 2, -1, -1)


SeeFunction = Callable[..., SeenImage]


@pytest.fixture
def see() -> SeeFunction:
    """Pixels (C, H, W) and weights (K, C) → what the network makes of them, at stride 1."""

    def seen(pixels: Tensor, weights: Sequence[Sequence[float]], bias: Sequence[float] | None = None) -> SeenImage:
        network, size = OneConvolution(weights, bias), (pixels.shape[1], pixels.shape[2])
        with torch.no_grad():
            inside = look_inside(network, pixels[None])
        return SeenImage(network, pixels[None], inside, Fit(size, size, size, align_corners=False))

    return seen


@pytest.fixture
def known(see: SeeFunction) -> Callable[..., KnownImage]:
    """Logits (K, H, W), which are the pre-logits as well, and truth (H, W)."""

    def made(logits: Tensor, truth: Sequence[Sequence[int]]) -> KnownImage:
        return KnownImage(see(logits, np.eye(len(logits), dtype=np.float32).tolist()), np.array(truth, np.uint8))

    return made
