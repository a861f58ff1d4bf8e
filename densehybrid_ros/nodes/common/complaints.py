"""Errors for the log: each as often as it helps, and not as often as it happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

PERIOD = 5.0
"""s between two lines of one kind."""


class Complaints:
    """Thread-safe. rclpy's own throttle counts per line of code: one camera's error would silence another's."""

    def __init__(self, log: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log, clock
        self._lock = threading.Lock()
        self._last: dict[Hashable, float] = {}

    def throttled(self, kind: Hashable, text: str) -> None:
        """Logs `text` unless one of that kind was logged within PERIOD."""
        now = self._clock()
        with self._lock:
            silent = now - self._last.get(kind, -PERIOD) < PERIOD
            if not silent:
                self._last[kind] = now
        if not silent:
            self._log(text)

    def once(self, kind: Hashable, text: str) -> None:
        """Logs `text` unless one of that kind was ever logged."""
        with self._lock:
            silent = kind in self._last
            self._last[kind] = self._clock()
        if not silent:
            self._log(text)
