"""Counters of one camera. Every frame taken is published, dropped for one cause, or still at work."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Counts:
    """A consistent copy: frames_in = frames_out + the three kinds of drops + in_work."""

    frames_in: int = 0
    frames_out: int = 0
    dropped_stale: int = 0
    """Replaced by a newer frame before work on it began, or older than the last one."""
    dropped_invalid: int = 0
    """Unusable message."""
    dropped_error: int = 0
    """Failed in the network or in publishing."""

    @property
    def in_work(self) -> int:
        return self.frames_in - self.frames_out - self.dropped_stale - self.dropped_invalid - self.dropped_error


class FrameStatistics:
    """Thread-safe counters, and the latencies of the last frames."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(Counts.__dataclass_fields__, 0)
        self._latencies: deque[float] = deque(maxlen=300)
        self.last_error = ""

    def count(self, what: str) -> None:
        """Adds one to the counter of that name."""
        with self._lock:
            self._counts[what] += 1

    def drop(self, what: str, reason: str) -> None:
        """Counts a drop and keeps its reason."""
        self.count(what)
        self.last_error = reason

    def finished(self, latency: float) -> None:
        """Counts a published frame; `latency` in s on the steady clock, from taken to published."""
        with self._lock:
            self._counts["frames_out"] += 1
            self._latencies.append(latency)

    def counts(self) -> Counts:
        with self._lock:
            return Counts(**self._counts)

    def latency_ms(self) -> dict[str, float]:
        """mean, p95 and max of the last 300 frames, ms; empty before the first."""
        with self._lock:
            values = np.array(self._latencies) * 1000
        if not values.size:
            return {}
        return {"mean": float(values.mean()), "p95": float(np.percentile(values, 95)), "max": float(values.max())}
