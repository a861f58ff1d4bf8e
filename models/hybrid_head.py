"""The head for the dataset posterior P(d_out | x)."""

from __future__ import annotations

from torch import nn

from densehybrid_ros.models.blocks import bn_relu_conv


def dataset_head(channels: int) -> nn.Sequential:
    """BN-ReLU-Conv1×1 → 2 channels on the pre-logits; channel 0 = inlier, 1 = outlier (DenseHybrid, Fig. 2)."""
    return bn_relu_conv(channels, 2, kernel=1, bias=True)


def class_head(channels: int, classes: int) -> nn.Sequential:
    """BN-ReLU-Conv1×1 → K class logits on the pre-logits."""
    return bn_relu_conv(channels, classes, kernel=1, bias=True)
