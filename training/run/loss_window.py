"""The pixels of a batch that the loss looks at: every n-th both ways, at an offset that runs with the steps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from densehybrid_ros.core.postprocess import upsample


@dataclass(frozen=True)
class LossWindow:
    """Rows and columns of a picture."""

    rows: slice
    columns: slice

    def of_labels(self, labels: Tensor) -> Tensor:
        """(B, H, W) → (B, H', W')."""
        return labels[..., self.rows, self.columns]

    def of_logits(self, logits: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
        """(B, C, h, w) → (B, C, H', W'), equal to these pixels of the logits upsampled to `size`.

        The others are never made: making and dropping them, and their zeros in the backward pass, took a fifth of a
        step on two CPU cores. Not to be called under autocast, which would round the weights.
        """
        if self.rows.step == self.columns.step == 1:
            return upsample(logits, size, align_corners)
        logits = logits.float().contiguous()
        down = linear_weights(logits.shape[-2], size[0], align_corners, logits)[:, self.rows]
        across = linear_weights(logits.shape[-1], size[1], align_corners, logits)[:, self.columns]
        return down.mT @ (logits @ across)


def loss_window(stride: int, step: int) -> LossWindow:
    """The offset has run through all places after stride² steps."""
    return LossWindow(slice(step % stride, None, stride), slice((step // stride) % stride, None, stride))


def linear_weights(length: int, longer: int, align_corners: bool, like: Tensor) -> Tensor:
    """(length, longer): what each value adds to each of those between which torch interpolates linearly."""
    each = torch.eye(length, device=like.device, dtype=like.dtype)
    return F.interpolate(each[None], longer, mode="linear", align_corners=align_corners)[0]
