"""Crops for pre-training: a pure function of (seed, step), so that a resumed run sees what it would have seen."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from densehybrid_ros.training.datasets.pairs import LabelledSource

SCALES = (0.5, 1.0)
"""Of the pictures; each crop has one."""


class FlowCrops(Dataset[Tensor]):
    """Item i is the batch of step i: (batch, 3, side, side) uint8 RGB."""

    def __init__(self, source: LabelledSource, side: int, batch: int, seed: int) -> None:
        self.source, self.side, self.batch, self.seed = source, side, batch, seed

    def __getitem__(self, step: int) -> Tensor:
        rng = np.random.default_rng([self.seed, step])
        # two crops of each picture: decoding costs more than cropping
        pictures = [self.source.read(int(rng.integers(len(self.source))))[0] for _ in range(-(-self.batch // 2))]
        crops = [random_crop(pictures[index // 2], self.side, rng) for index in range(self.batch)]
        return torch.from_numpy(np.stack(crops).transpose(0, 3, 1, 2).copy())


def held_out_crops(source: LabelledSource, side: int, count: int) -> Tensor:
    """(count, 3, side, side) uint8, always the same ones, spread over the pictures of the set."""
    rng = np.random.default_rng(0)
    indices = np.linspace(0, len(source) - 1, count).astype(int)
    crops = [random_crop(source.read(int(index))[0], side, rng) for index in indices]
    return torch.from_numpy(np.stack(crops).transpose(0, 3, 1, 2).copy())


def random_crop(image: NDArray[np.uint8], side: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(side, side, 3), scaled, at a random place, mirrored with p = 0.5."""
    scale = max(rng.uniform(*SCALES), (side + 1) / min(image.shape[:2]))
    reach = min(round(side / scale), *image.shape[:2])
    top, left = (int(rng.integers(0, length - reach + 1)) for length in image.shape[:2])
    crop = np.ascontiguousarray(image[top : top + reach, left : left + reach])
    crop = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return crop[:, ::-1] if rng.random() < 0.5 else crop


def gaussian_bits_per_dimension(train: Tensor, held_out: Tensor) -> float:
    """What independent Gaussians need, one for each channel: bits per channel of a pixel.

    Args:
        train: (N, 3, H, W) uint8; gives mean and deviation of every channel.
        held_out: (M, 3, H, W) uint8; its values have the mass of their interval, v ± ½.
    """
    mean = train.double().mean((0, 2, 3), keepdim=True)
    deviation = train.double().std((0, 2, 3), keepdim=True)
    normal = torch.distributions.Normal(mean, deviation)
    values = held_out.double()
    mass = normal.cdf(values + 0.5) - normal.cdf(values - 0.5)
    return float(-mass.clamp(min=1e-300).log2().mean())
