"""MC dropout (Gal & Ghahramani, 2016) before the class convolution, which networks here were trained without.

A pass drops whole channels of the pre-logits, the same everywhere in the picture: one sample of the classifier's
weights. Dropout that a network has of its own stays off.
"""

from __future__ import annotations

import torch
from torch import Tensor

from densehybrid_ros.core.seen_image import SeenImage
from densehybrid_ros.models.pre_logits import class_convolution


def mc_dropout(seen: SeenImage, rate: float, passes: int) -> Tensor:
    """Mutual information between class and weights, in nats, in [0, ln K] (Mukhoti & Gal, 2018); (1, H, W).

    H(mean_t p_t) − mean_t H(p_t), at the cells of the logits, bilinear between them; the same masks for every picture.

    Args:
        rate: of the channels that are dropped; the others are scaled by 1 / (1 − rate).
        passes: T.
    """
    generator = torch.Generator().manual_seed(0)
    channels = seen.inside.pre_logits.shape[1]
    masks = (torch.rand(passes, channels, generator=generator) >= rate).to(seen.inside.pre_logits) / (1 - rate)
    return seen.of_cells(mutual_information(seen, masks))


def mutual_information(seen: SeenImage, masks: Tensor) -> Tensor:
    """(h, w), of passes whose pre-logits are multiplied by the rows of `masks` (T, C)."""
    classify = class_convolution(seen.network)
    mean, doubt = torch.zeros_like(seen.inside.logits[0]), torch.zeros_like(seen.inside.logits[0, 0])
    for mask in masks:
        probabilities = classify(seen.inside.pre_logits * mask[:, None, None])[0].softmax(0)
        mean += probabilities / len(masks)
        doubt += entropy_of(probabilities) / len(masks)
    return entropy_of(mean) - doubt


def entropy_of(probabilities: Tensor) -> Tensor:
    """(K, h, w) → (h, w), nats."""
    return -torch.xlogy(probabilities, probabilities).sum(0)
