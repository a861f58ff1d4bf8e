"""How the scores of the last frames are spread, and what the weights' calibration says of each threshold."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 160
MARGIN = 0.05
"""Share of the range that the axis shows beyond each of its ends."""
WIDEST = 2.5
"""Times the calibration's range that the axis may be long, whatever the scores of the first frame are."""
MOST_PIXELS = 60_000
"""Of a frame that are counted: every n-th in each direction."""
OUTER = (0.002, 0.998)
"""Quantiles of the first frame's scores that the axis reaches to."""


@dataclass(frozen=True)
class Curve:
    """What thresholds on one score give, on the pictures that the weights were calibrated on; thresholds rising."""

    thresholds: NDArray[np.float64]
    true_positive_rate: NDArray[np.float64]
    """Share of anomalous pixels whose score reaches the threshold."""
    false_positive_rate: NDArray[np.float64]
    """Share of known pixels, the road among them, whose score does."""
    measured_on: str

    def shares(self, thresholds: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shares of anomalies and of known pixels beyond each threshold, on the lines between the stored points."""
        return (
            np.interp(thresholds, self.thresholds, self.true_positive_rate),
            np.interp(thresholds, self.thresholds, self.false_positive_rate),
        )


def curve_from(stored: Mapping[str, Any]) -> Curve:
    """A calibration as the segmenter publishes it: its lists have one length, thresholds falling."""
    names = ("thresholds", "true_positive_rate", "false_positive_rate")
    thresholds, found, false = (np.array(stored[name][::-1], np.float64) for name in names)
    return Curve(thresholds, found, false, str(stored["measured_on"]))


class ScoreHistogram:
    """Counts of the last frames; added to in one thread, read in any.

    The axis holds the calibration and the scores of the first frame; from then on it does not move.
    """

    def __init__(self, frames: int, curve: Curve | None = None) -> None:
        """
        Args:
            frames: how many are counted together.
        """
        self.curve = curve
        self._counts: deque[NDArray[np.int64]] = deque(maxlen=frames)
        self._edges: NDArray[np.float64] | None = None

    def add(self, score: NDArray[np.floating[Any]]) -> None:
        """Counts a frame's (H, W) scores, those beyond the axis in its outermost bins, and none that is no number."""
        values = thinned(score)
        values = values[np.isfinite(values)]
        if not values.size:
            return
        if self._edges is None:
            self._edges = _axis(values, self.curve)
        inside = np.clip(values, self._edges[0], self._edges[-1])
        self._counts.append(np.histogram(inside, self._edges)[0])

    @property
    def limits(self) -> tuple[float, float] | None:
        """Of the axis; None before the first frame."""
        return None if self._edges is None else (float(self._edges[0]), float(self._edges[-1]))

    def content(self) -> dict[str, Any]:
        """JSON-able: edges, counts per bin, and what the calibration gives at each edge."""
        if self._edges is None:
            return {"edges": [], "counts": [], "frames": 0, "anomalies": None, "known": None, "measured_on": ""}
        counts = sum(list(self._counts), np.zeros(BINS, np.int64))
        found, false = (None, None) if self.curve is None else self.curve.shares(self._edges)
        return {
            "edges": _rounded(self._edges),
            "counts": counts.tolist(),
            "frames": len(self._counts),
            "anomalies": None if found is None else _rounded(found),
            "known": None if false is None else _rounded(false),
            "measured_on": "" if self.curve is None else self.curve.measured_on,
        }


def thinned(score: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """(N,) at most about MOST_PIXELS of (H, W), evenly spread."""
    step = max(1, int(np.ceil(np.sqrt(score.size / MOST_PIXELS))))
    return score[::step, ::step].ravel().astype(np.float64)


def _axis(values: NDArray[np.float64], curve: Curve | None) -> NDArray[np.float64]:
    low, high = (float(each) for each in np.quantile(values, OUTER))
    if curve is not None:
        first, last = float(curve.thresholds[0]), float(curve.thresholds[-1])
        beyond = (last - first) * (WIDEST - 1) / 2
        low, high = max(min(low, first), first - beyond), min(max(high, last), last + beyond)
    margin = max((high - low) * MARGIN, 1e-6)
    return np.linspace(low - margin, high + margin, BINS + 1)


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.6g}") for value in values]
