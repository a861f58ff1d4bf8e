"""What a segmenter says of labelled pictures, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.scenes import ScoredImage
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.training.evaluation.rounds.reading import Labelled, Reader, read_ahead


@dataclass(frozen=True)
class Look:
    """At one picture."""

    index: int
    found: ScoredImage
    truth: NDArray[np.uint8]
    """(H, W)."""
    metres: NDArray[np.float32] | None = None
    """(H, W)."""


class Looks(Protocol):
    """A way to look at pictures."""

    def __call__(self, indices: Sequence[int], scores: Sequence[str], semantic: bool) -> Iterator[Look]:
        """In the order of `indices`.

        Raises:
            SetupError: a file cannot be read, or as `Segmenter.scored`.
        """
        ...


def look_at(segmenter: Segmenter, index: int, picture: Labelled, scores: Sequence[str], semantic: bool) -> Look:
    """
    Raises:
        SetupError: as `Segmenter.scored`.
    """
    return Look(index, segmenter.scored(picture.image, scores, semantic), picture.truth, picture.metres)


@dataclass(frozen=True)
class InTurn:
    """In this process."""

    segmenter: Segmenter
    reader: Reader
    workers: int = 0
    """Threads that read ahead."""

    def __call__(self, indices: Sequence[int], scores: Sequence[str], semantic: bool) -> Iterator[Look]:
        pictures = read_ahead(self.reader, indices, self.workers)
        for index, picture in zip(indices, pictures, strict=True):
            yield look_at(self.segmenter, index, picture, scores, semantic)
