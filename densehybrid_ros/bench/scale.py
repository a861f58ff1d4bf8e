"""What a frame costs by the size of the picture, the number of cameras in a batch, and the threads.

Every case is measured in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from densehybrid_ros.core.devices import device_name, resolve_device, use_threads
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.metrics.table import table_lines
from densehybrid_ros.progress import progress_bar

MEGAPIXELS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
CAMERAS = (2, 4, 8)
"""Of SMALLEST each, together; one camera is among the sizes."""
SMALLEST = MEGAPIXELS[0]
FOR_THREADS = 1.0
"""Megapixels of the pictures by which threads are compared."""
MULTIPLE = 64
"""px: pictures of whole strides, so that what is measured is theirs and not their continuation's."""


@dataclass(frozen=True)
class Case:
    """Pictures that go through together."""

    width: int
    height: int
    cameras: int
    threads: int
    """Of the CPU."""

    @property
    def megapixels(self) -> float:
        """Of all cameras."""
        return self.width * self.height * self.cameras / 1e6


def cases(threads: int, by_threads: bool) -> list[Case]:
    """By size, then by cameras, then by threads, each case once.

    Args:
        threads: of all cases but those that compare fewer.
        by_threads: whether to compare them: half as many again and again, down to one.
    """
    found = [Case(*size_of(each), 1, threads) for each in MEGAPIXELS]
    found += [Case(*size_of(SMALLEST), cameras, threads) for cameras in CAMERAS]
    fewer = threads // 2
    while by_threads and fewer:
        found.append(Case(*size_of(FOR_THREADS), 1, fewer))
        fewer //= 2
    return found


def size_of(megapixels: float) -> tuple[int, int]:
    """Width and height, px, twice as wide as high, whole strides."""
    height = max(1, round(math.sqrt(megapixels * 1e6 / 2) / MULTIPLE)) * MULTIPLE
    return 2 * height, height


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """All figures, as they are written to --json."""
    device = resolve_device(options.device)
    wanted = cases(torch.get_num_threads(), device.type == "cpu")
    work = [(case, options.weights, options.device, options.precision, options.runs) for case in wanted]
    # spawned: a fork would take over torch's threads and this process's peak of memory
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        found = list(progress_bar(pool.imap(figures_of, work), total=len(work), desc="bench", unit="case", leave=False))
    return {"device": device_name(device) or "CPU", "runs": options.runs, "cases": found}


def figures_of(work: tuple[Case, str, str, str, int]) -> dict[str, float]:
    """Of one case, in this process: all three maps of all pictures, by torch, the network at their own size."""
    case, weights, device, precision, runs = work
    use_threads(case.threads)
    segmenter = Segmenter.load(weights, device, precision, inference_width=-1)
    loaded = memory_mb(segmenter.device)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (case.height, case.width, 3), np.uint8) for _ in range(case.cameras)]
    times = []
    for _ in range(runs + 1):
        started = time.perf_counter()
        segmenter.batch(images)
        times.append((time.perf_counter() - started) * 1000)
    p50 = float(np.median(times[1:]))
    peak = memory_mb(segmenter.device)
    return {
        "width": case.width,
        "height": case.height,
        "cameras": case.cameras,
        "threads": case.threads,
        "megapixels": round(case.megapixels, 3),
        "fastest_ms": round(min(times[1:]), 1),
        "p50_ms": round(p50, 1),
        "ms_per_megapixel": round(p50 / case.megapixels, 1),
        "of_frames_mb": round(peak - loaded, 1),
        "peak_mb": round(peak, 1),
    }


def memory_mb(device: torch.device) -> float:
    """Most that this process had in memory so far, on a GPU what torch had allocated there."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    # getrusage counts what the process was before it became this one, too: a copy of its parent
    (line,) = [each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / 1e6  # KiB


def text_of(figures: dict[str, Any]) -> str:
    """A line for every case."""
    rows = [["pictures", "cameras", "threads", "MP", "fastest ms", "p50 ms", "ms per MP", "frames MB", "peak MB"]]
    for each in figures["cases"]:
        size = f"{each['width']}x{each['height']}"
        rows.append([size, *(f"{value:g}" for name, value in each.items() if name not in ("width", "height"))])
    head = f"{figures['device']}: all three maps by torch, the network at the size of the pictures, "
    return "\n".join([f"{head}{figures['runs']} runs", *table_lines(rows)])
