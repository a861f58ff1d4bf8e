"""Counters of one camera. Every frame taken is published, dropped for one cause, or still at work."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

WINDOW = 300
"""Frames over which latencies are taken."""
RATE_WINDOW = 5.0
"""s over which rates are taken."""
STAGES = ("decode", "upload", "infer", "postprocess", "publish", "range")


@dataclass(frozen=True)
class Counts:
    """A consistent copy: frames_in = frames_out + all kinds of drops + in_work."""

    frames_in: int = 0
    frames_out: int = 0
    dropped_stale: int = 0
    """Replaced by a newer frame before work on it began, older than the last one, or older than max_frame_age."""
    dropped_invalid: int = 0
    """Unusable message."""
    dropped_error: int = 0
    """Failed in the network or in publishing."""
    dropped_unwanted: int = 0
    """Nobody subscribed to an output, or the node was disabled."""
    lost: int = 0
    """Never arrived, as the middleware reports; no part of frames_in."""
    missing: int = 0
    """Never arrived, as the stamps show: lost, or left out by the camera; no part of frames_in."""

    @property
    def dropped(self) -> int:
        return self.dropped_stale + self.dropped_invalid + self.dropped_error + self.dropped_unwanted

    @property
    def in_work(self) -> int:
        return self.frames_in - self.frames_out - self.dropped


@dataclass(frozen=True)
class Snapshot:
    """Everything that is known of one camera, or of all together, at one moment."""

    counts: Counts
    latencies_ms: tuple[float, ...]
    """From taken to published, of the last frames, on the steady clock."""
    stages_ms: Mapping[str, tuple[float, ...]]
    """By name of the stage, of the last frames."""
    input_hz: float
    output_hz: float
    lost_hz: float
    """Frames per second that do not arrive, by the larger of the two counters."""
    last_frame_age: float
    """s on the steady clock since the last message came, usable or not; inf before the first."""
    last_output_age: float
    """Likewise, since the last frame was published."""
    last_error: str
    last_error_at: float
    """Steady time, s."""

    def latency_ms(self) -> dict[str, float]:
        """mean, p95 and max; empty before the first frame."""
        values = np.array(self.latencies_ms)
        if not values.size:
            return {}
        return {"mean": float(values.mean()), "p95": float(np.percentile(values, 95)), "max": float(values.max())}

    def stage_ms(self) -> dict[str, float]:
        """Mean by stage; stages without a frame are missing."""
        return {name: float(np.mean(values)) for name, values in self.stages_ms.items() if values}


class FrameStatistics:
    """Thread-safe counters, latencies of the last frames, and rates."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts = {entry.name: 0 for entry in fields(Counts)}
        self._last_error, self._last_error_at = "", 0.0
        self._last_frame: float | None = None
        self._last_output: float | None = None
        self._clear_windows()

    def _clear_windows(self) -> None:
        self._latencies: deque[float] = deque(maxlen=WINDOW)
        self._stages: dict[str, deque[float]] = {name: deque(maxlen=WINDOW) for name in STAGES}
        self._arrivals: deque[float] = deque(maxlen=1000)
        self._departures: deque[float] = deque(maxlen=1000)
        self._absent: dict[str, deque[tuple[float, int]]] = {name: deque(maxlen=1000) for name in ("lost", "missing")}

    def arrived(self) -> None:
        """Counts a frame that was taken."""
        with self._lock:
            now = self._clock()
            self._counts["frames_in"] += 1
            self._last_frame = now
            self._arrivals.append(now)

    def drop(self, cause: str, reason: str = "") -> None:
        """Counts a drop under `cause`, a field of Counts, and keeps a reason that the user should read."""
        with self._lock:
            self._counts[cause] += 1
            if reason:
                self._last_error, self._last_error_at = reason, self._clock()

    def absent(self, cause: str, count: int) -> None:
        """Counts frames that did not arrive under `lost` or `missing`."""
        with self._lock:
            self._counts[cause] += count
            self._absent[cause].append((self._clock(), count))

    def finished(self, latency: float, stages_ms: Mapping[str, float]) -> None:
        """Counts a published frame; `latency` in s on the steady clock, from taken to published."""
        with self._lock:
            self._counts["frames_out"] += 1
            self._latencies.append(latency * 1000)
            self._last_output = self._clock()
            self._departures.append(self._last_output)
            for name, spent in stages_ms.items():
                self._stages[name].append(spent)

    def restart_windows(self) -> None:
        """Forgets latencies and rates, which mix two times after a jump of the clock; the counters go on."""
        with self._lock:
            self._clear_windows()

    def snapshot(self) -> Snapshot:
        with self._lock:
            now = self._clock()
            return Snapshot(
                counts=Counts(**self._counts),
                latencies_ms=tuple(self._latencies),
                stages_ms={name: tuple(values) for name, values in self._stages.items()},
                input_hz=_rate(self._arrivals, now),
                output_hz=_rate(self._departures, now),
                lost_hz=max(_absent_rate(each, now) for each in self._absent.values()),
                last_frame_age=float("inf") if self._last_frame is None else now - self._last_frame,
                last_output_age=float("inf") if self._last_output is None else now - self._last_output,
                last_error=self._last_error,
                last_error_at=self._last_error_at,
            )


def together(snapshots: Sequence[Snapshot]) -> Snapshot:
    """All cameras as one: counters and rates are summed, the frames pooled; the freshest camera gives the age."""
    names = [entry.name for entry in fields(Counts)]
    return Snapshot(
        counts=Counts(**{name: sum(getattr(each.counts, name) for each in snapshots) for name in names}),
        latencies_ms=tuple(value for each in snapshots for value in each.latencies_ms),
        stages_ms={name: tuple(v for each in snapshots for v in each.stages_ms.get(name, ())) for name in STAGES},
        input_hz=sum(each.input_hz for each in snapshots),
        output_hz=sum(each.output_hz for each in snapshots),
        lost_hz=sum(each.lost_hz for each in snapshots),
        last_frame_age=min((each.last_frame_age for each in snapshots), default=float("inf")),
        last_output_age=min((each.last_output_age for each in snapshots), default=float("inf")),
        last_error=max(snapshots, key=_error_time).last_error if snapshots else "",
        last_error_at=max(map(_error_time, snapshots), default=0.0),
    )


def _error_time(snapshot: Snapshot) -> float:
    return snapshot.last_error_at


def _rate(times: deque[float], now: float) -> float:
    """Events per second over the last RATE_WINDOW; falls from the moment when the second event in a row is missing."""
    recent = [time for time in times if now - time <= RATE_WINDOW]
    if len(recent) < 2 or recent[-1] <= recent[0]:
        return 0.0
    period = (recent[-1] - recent[0]) / (len(recent) - 1)
    end = now if now - recent[-1] > 2 * period else recent[-1]
    return (len(recent) - 1) / (end - recent[0])


def _absent_rate(counted: deque[tuple[float, int]], now: float) -> float:
    """Frames per second over the last RATE_WINDOW."""
    return sum(count for at, count in counted if now - at <= RATE_WINDOW) / RATE_WINDOW
