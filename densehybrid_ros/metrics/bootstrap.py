"""Intervals for figures of a set: what they would be on other pictures, by drawing the set's own again and again.

The bootstrap over pictures, by percentiles: pixels of one picture are no independent evidence, pictures are. Pictures
that come one after the other on a drive are less independent than that, so that their intervals are too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.metrics.figures import Figures, percent

SEED = 2026
LEVEL = 0.95
"""Share of the draws whose figures lie within an interval."""


@dataclass(frozen=True)
class Interval:
    """Both ends in 0..1, as the figure; nan where no draw defines it."""

    low: float
    high: float

    def percents(self) -> list[float | None]:
        """Both ends in percent, with two decimals; None for nan."""
        return [percent(self.low), percent(self.high)]


def draws(pictures: int, resamples: int, seed: int = SEED) -> NDArray[np.int64]:
    """(B, P) how often each of P pictures is in each of B sets of P that are drawn of them, with replacement."""
    return np.random.default_rng(seed).multinomial(pictures, np.full(pictures, 1 / pictures), resamples)


def interval_of(values: Sequence[float] | NDArray[np.float64]) -> Interval:
    """Of one figure in all draws; those that do not define it are left out."""
    defined = np.asarray(values, np.float64)
    defined = defined[~np.isnan(defined)]
    if not defined.size:
        return Interval(float("nan"), float("nan"))
    return Interval(*np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist())


def intervals_of(drawn: Sequence[Figures]) -> dict[str, Interval]:
    """By figure, of a table in every draw."""
    return {each.name: interval_of([getattr(table, each.name) for table in drawn]) for each in fields(drawn[0])}


def percent_ends(drawn: Sequence[Figures]) -> dict[str, list[float | None]]:
    """By figure, both ends of its interval in percent; None where no draw defines it."""
    return {name: interval.percents() for name, interval in intervals_of(drawn).items()}
