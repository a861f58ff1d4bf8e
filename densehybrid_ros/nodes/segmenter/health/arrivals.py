"""Frames that are missing from a camera's stamps: lost on the way, or left out by the camera itself."""

from __future__ import annotations

from collections import deque

import numpy as np

WINDOW = 100
"""Steps from stamp to stamp out of which the period is taken."""
FEWEST = 10
PAUSE = 2_000_000_000
"""ns; a longer step is a pause of the camera."""
SLOWER = 10
"""Equal steps of several periods in a row, after which the camera has become slower: exposure in the dark."""
NEAR, REGULAR = 0.25, 0.9
"""Share of a period by which a step may be off a multiple of it, and the share of steps that must not be."""


class StampGaps:
    """The period of a camera that may lose most of its frames: nearly all steps are multiples of it.

    A camera without a period (triggered, or two that publish on one topic) misses nothing. A row of equal steps counts
    once another one has ended it.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._steps: deque[int] = deque(maxlen=WINDOW)
        self._row_of, self._row = 0, 0
        """Periods of the last steps, and how many of these were equal."""

    def missing(self, stamp: int) -> int:
        """Frames before this one, ns, of which it is now known that they did not come."""
        before, self._last = self._last, stamp
        if before is None or not 0 < stamp - before <= PAUSE:
            return 0
        self._steps.append(stamp - before)
        period = self.period()
        return 0 if period is None else self._ended(round((stamp - before) / period))

    def _ended(self, periods: int) -> int:
        """Frames that are missing in the row of equal steps that this step ends."""
        if periods == self._row_of:
            self._row += 1
            if periods > 1 and self._row >= SLOWER:
                self._steps.clear()
                self._row_of = 0
            return 0
        missing = max(self._row_of - 1, 0) * self._row
        self._row_of, self._row = periods, 1
        return missing

    def period(self) -> float | None:
        """ns; None where there is none, or not enough has come yet."""
        if len(self._steps) < FEWEST:
            return None
        steps = np.array(self._steps, float)
        shortest = np.sort(steps)[min(2, len(steps) // 20)]  # one or two may be a stumble of the camera's clock
        short = steps[steps <= 1.5 * shortest].mean()
        period = steps.sum() / np.rint(steps / short).sum()
        multiples = steps / period
        regular = np.mean(np.abs(multiples - np.rint(multiples)) <= NEAR) >= REGULAR
        return float(period) if regular and np.rint(multiples).min() >= 1 else None

    def restart(self) -> None:
        """What comes next does not follow what has come."""
        self._last = None
        self._row_of = 0
