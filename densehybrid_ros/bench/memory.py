"""Peak memory of each way, in a process that does nothing else: what one way has taken is rarely given back."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from densehybrid_ros.bench.scale import memory_mb
from densehybrid_ros.bench.ways import open_set, wait_for_engine, ways
from densehybrid_ros.core.devices import placed, use_threads
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.models.checkpoint import BUNDLED, load_network
from densehybrid_ros.progress import progress_bar


@dataclass(frozen=True)
class Asked:
    """A way, and all that it depends on, for another process."""

    way: str
    """As `ways` names it; "" = the open set by an engine."""
    weights: str
    device: str
    precision: str
    inference_width: int
    engine: str
    size: tuple[int, int]
    """Width and height of the picture, px."""
    threads: int


def peaks_mb(asked: list[Asked]) -> list[float]:
    """Of each, MB."""
    # spawned: a fork would take over torch's threads and this process's peak of memory
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        found = pool.imap(peak_mb, asked)
        return list(progress_bar(found, total=len(asked), desc="memory", unit="way", leave=False))


def peak_mb(asked: Asked) -> float:
    """Most that this process has had in memory after a picture, weights and libraries included.

    On a GPU what torch had there: an engine's own is not known to it.
    """
    use_threads(asked.threads)
    segmenter = Segmenter.load(asked.weights, asked.device, asked.precision, asked.inference_width, asked.engine)
    width, height = asked.size
    image = np.zeros((height, width, 3), np.uint8)
    if asked.way:
        model = placed(load_network(Path(asked.weights or BUNDLED))[0], segmenter.device).eval()
        way = ways(segmenter, model, segmenter.fit(height, width))[asked.way]
    else:
        wait_for_engine(segmenter, image, asked.engine)
        way = open_set(segmenter)
    for _ in range(2):
        way(image)
    segmenter.close()
    return memory_mb(segmenter.device)
