"""A training picture as a network sees it, with its truth: what statistics are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from densehybrid_ros.core.seen_image import SeenImage, cell_rows
from densehybrid_ros.labels import INLIER, binary_truth
from densehybrid_ros.training.baselines.settings import PUBLISHED, ScoreSettings

Statistics = Mapping[str, Tensor]
"""Tensors by name, float32."""


@dataclass(frozen=True)
class Cells:
    """Places of the pre-logits in whose middle a class is labelled."""

    pre_logits: Tensor
    """(N, C)."""
    logits: Tensor
    """(N, K)."""
    labels: Tensor
    """(N,) int64, 0..K−1."""

    def sample(self, count: int, generator: torch.Generator) -> Cells:
        """So many of them at random, or all."""
        return self.only(torch.randperm(len(self.labels), generator=generator)[:count])

    def only(self, places: Tensor) -> Cells:
        """Those of an index or a mask."""
        places = places.to(self.labels.device)
        return Cells(self.pre_logits[places], self.logits[places], self.labels[places])


@dataclass(frozen=True)
class KnownImage:
    """One picture and its open-set truth (H, W) in the classes of the network."""

    seen: SeenImage
    truth: NDArray[np.uint8]

    def inliers(self) -> Tensor:
        """(H, W) bool: known, with a class or without."""
        known = binary_truth(self.truth, self.seen.inside.logits.shape[1]) == INLIER
        return torch.from_numpy(known).to(self.seen.pixels.device)

    def cells(self) -> Cells:
        """Those that have a class."""
        logits = self.seen.inside.logits
        height, width = logits.shape[2:]
        rows, columns = (cell_rows(self.seen.fitted, (height, width), axis) for axis in (0, 1))
        labels = torch.from_numpy(self.truth)[rows[:, None], columns].long()
        labelled = (rows[:, None] >= 0) & (columns >= 0) & (labels < logits.shape[1])
        every = Cells(self.seen.vectors(), logits[0].flatten(1).T, labels.flatten().to(logits.device))
        return every.only(labelled.flatten())


@dataclass(frozen=True)
class Extent:
    """What is to be gathered."""

    classes: int
    pictures: int
    settings: ScoreSettings = PUBLISHED

    def share(self, samples: int) -> int:
        """How many of so many samples each picture gives."""
        return -(-samples // self.pictures)


class PreLogitSample:
    """Pre-logits of labelled cells, sampled evenly over the pictures."""

    SAMPLES = 20_000

    def __init__(self, extent: Extent) -> None:
        self._extent = extent
        self._generator = torch.Generator().manual_seed(0)
        self._sampled: list[Tensor] = []

    def add(self, image: KnownImage) -> None:
        sampled = image.cells().sample(self._extent.share(self.SAMPLES), self._generator)
        self._sampled.append(sampled.pre_logits.cpu())

    def vectors(self) -> Tensor:
        """(N, C), of nothing (0, 1)."""
        return torch.cat(self._sampled) if self._sampled else torch.empty(0, 1)


class Fitting(Protocol):
    """Gathers the statistics of a score."""

    def add(self, image: KnownImage) -> None: ...
    def result(self) -> dict[str, Tensor]:
        """
        Raises:
            SetupError: what was added does not suffice.
        """
        ...
