"""Times of several ways to do the same thing, taken in turns, so that a busy machine hits all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from densehybrid_ros.progress import progress_bar


@dataclass(frozen=True)
class Timing:
    """Of one way, in ms."""

    fastest: float
    p50: float
    p95: float
    cpu: float
    """Least that all threads of this process worked: on a busy machine it says more than what passed."""


def timings(ways: Mapping[str, Callable[[], object]], runs: int, progress: bool = True) -> dict[str, Timing]:
    """Each way once to warm up, then `runs` times; the work of a GPU must end within the call."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    worked: dict[str, list[float]] = {name: [] for name in ways}
    for turn in progress_bar(range(runs + 1), progress, desc="bench", unit="round", leave=False):
        for name, way in ways.items():
            started, idle = time.perf_counter(), time.process_time()
            way()
            if turn:
                times[name].append((time.perf_counter() - started) * 1000)
                worked[name].append((time.process_time() - idle) * 1000)
    found = {}
    for name, each in times.items():
        p50, p95 = np.percentile(each, [50, 95]).tolist()
        found[name] = Timing(min(each), p50, p95, min(worked[name]))
    return found
