"""One network on a picture and on smaller copies of it: what is large in the one fits its field of view in another."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from densehybrid_ros.models.sampling import aligns_corners, size_multiple

WHOLE = (1.0,)
"""The picture alone."""
EQUAL: tuple[float, ...] = ()
"""Shares of scales that weigh alike."""


class ImagePyramid(nn.Module):
    """Logits of the picture and of its copies, averaged at the resolution of the former.

    Averaged logits are the geometric mean of the class posteriors up to its norm, and so of the dataset posteriors.
    """

    def __init__(self, network: nn.Module, scales: Sequence[float], shares: Sequence[float] = EQUAL) -> None:
        """
        Args:
            scales: of the sides of each copy, the picture's own 1 first, all others below it.
            shares: of each scale in the mean, relative to one another; none = all alike. Borders and small things
                are in the picture itself, large things in its copies.
        """
        super().__init__()
        self.network = network
        self.size_multiple, self.align_corners = size_multiple(network), aligns_corners(network)
        self.copies = tuple(scales[1:])
        given = shares or [1.0] * len(scales)
        self.shares = tuple(share / sum(given) for share in given)
        inner = getattr(network, "class_convolution", None)
        self.class_convolution = None if inner is None else f"network.{inner}"
        # among the tensors, so that engines of other scales or shares have other keys
        self.register_buffer("scales", torch.tensor([scales, self.shares]))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) RGB in [0, 1] → logits (B, K, h, w) and dataset logits (B, 2, h, w), like the network's."""
        logits, dataset_logits = self.network(images)
        logits, dataset_logits = logits * self.shares[0], dataset_logits * self.shares[0]
        for scale, share in zip(self.copies, self.shares[1:], strict=True):
            answers = self.network(self._smaller(images, scale))
            logits = logits + share * self._enlarged(answers[0], logits)
            dataset_logits = dataset_logits + share * self._enlarged(answers[1], dataset_logits)
        return logits, dataset_logits

    def _smaller(self, images: Tensor, scale: float) -> Tensor:
        """To the nearest whole strides, halved first as often as it goes: a bilinear reading skips pixels below 1/2."""
        height, width = (
            max(1, round(side * scale / self.size_multiple)) * self.size_multiple for side in images.shape[2:]
        )
        while images.shape[2] >= 2 * height and images.shape[3] >= 2 * width:
            images = F.avg_pool2d(images, 2)
        return F.interpolate(images, (height, width), mode="bilinear")

    def _enlarged(self, logits: Tensor, like: Tensor) -> Tensor:
        return F.interpolate(logits, like.shape[2:], mode="bilinear", align_corners=self.align_corners)


def at_scales(network: nn.Module, scales: Sequence[float], shares: Sequence[float] = EQUAL) -> nn.Module:
    """The network as it answers at run time: itself where the picture alone is looked at."""
    return network if tuple(scales) == WHOLE else ImagePyramid(network, scales, shares).eval()
