"""Labelled pictures by number, read ahead of their use."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.training.datasets.pairs import LabelledSource


@dataclass(frozen=True)
class Labelled:
    """One picture as its files have it."""

    image: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    truth: NDArray[np.uint8]
    """(H, W), as the protocol takes it."""
    metres: NDArray[np.float32] | None = None
    """(H, W); None where distances are not asked for, or not known."""


class Reader(Protocol):
    """Can be sent to other processes."""

    def read(self, index: int) -> Labelled:
        """
        Raises:
            SetupError: a file cannot be read.
        """
        ...


@dataclass(frozen=True)
class PictureReader:
    """Of a set; the truth is open-set labels."""

    source: LabelledSource

    def read(self, index: int) -> Labelled:
        return Labelled(*self.source.read(index))


def read_ahead(reader: Reader, indices: Sequence[int], workers: int) -> Iterator[Labelled]:
    """In order; `workers` threads read so many pictures more than have been taken.

    Raises:
        SetupError: as `Reader.read`, where its picture comes.
    """
    if not workers:
        yield from map(reader.read, indices)
        return
    waiting: deque[Future[Labelled]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="reading") as threads:
        try:
            for index in indices:
                waiting.append(threads.submit(reader.read, index))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for each in waiting:
                each.cancel()
