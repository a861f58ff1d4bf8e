"""Which of the depths inside a region are the obstacle's own.

Sky and background that leak into a region, and whatever half hides it, lie at other depths; wrong matches are few and
scattered. So the depths are put into groups, and one of them is the obstacle.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BIN = 0.05
"""Narrowest bin, share of the depth."""
MOST_BINS = 400
VALLEY = 0.5
"""Two groups are apart where the pixels between get fewer than this share of the smaller one's peak."""
SUPPORT = 0.15
"""The obstacle is a group with at least this share of the largest group's pixels: fewer are wrong matches."""
NEIGHBOUR_SHARE = 0.1
"""Share of the surrounding pixels at a group's depth from which the group may belong to what stands there."""


@dataclass(frozen=True)
class Group:
    """Depths between two borders, m."""

    near: float
    far: float
    count: int

    @property
    def middle(self) -> float:
        """m"""
        return math.sqrt(self.near * self.far)

    def holds(self, depth: NDArray[np.float32]) -> NDArray[np.bool_]:
        return (depth >= self.near) & (depth <= self.far)


def depth_groups(depth: NDArray[np.float32], relative_error: float) -> list[Group]:
    """The groups of (N,) depths > 0, N ≥ 1, from the nearest to the farthest; every depth is in one of them.

    Args:
        relative_error: one standard deviation of a depth in the middle of them, share of it.
    """
    logarithms = np.log(depth)
    low, high = float(logarithms.min()), float(logarithms.max())
    width = max(BIN, 0.5 * relative_error, (high - low) / MOST_BINS)
    bins = int((high - low) / width) + 1
    counts = np.bincount(np.minimum(((logarithms - low) / width).astype(np.int64), bins - 1), minlength=bins)
    # smoothed, so that it does not matter where the borders of the bins happen to fall
    smooth = np.convolve(counts, np.ones(3, np.int64))[1:-1]
    borders = [0, *_valleys(smooth), bins]
    edges = np.exp(low + np.array(borders) * width)
    edges[0], edges[-1] = edges[0] * (1 - 1e-6), edges[-1] * (1 + 1e-6)
    pairs = zip(borders, borders[1:], edges, edges[1:], strict=False)
    groups = [Group(float(near), float(far), int(counts[first:last].sum())) for first, last, near, far in pairs]
    return [group for group in groups if group.count]


def own_group(
    groups: Sequence[Group],
    expected: tuple[float, float] | None,
    surroundings: Callable[[], NDArray[np.float32]],
) -> Group:
    """The nearest well-supported group, but for good reasons to take another.

    Args:
        groups: at least one.
        expected: depths between which it should lie, m: a group there goes before a nearer one.
        surroundings: gives the depths of what stands beside the region, m. Block matching smears near things over what
            is beside them: a group at their depth gives way to a larger one. Asked for only where there is a choice.
    """
    largest = max(group.count for group in groups)
    candidates = [group for group in groups if group.count >= SUPPORT * largest]
    if expected is not None:
        near, far = expected
        there = [group for group in candidates if near <= group.middle <= far]
        candidates = there or candidates
    first, *others = candidates
    if not others or first.count >= max(group.count for group in others):
        return first
    beside = surroundings()
    if beside.size and first.holds(beside).mean() >= NEIGHBOUR_SHARE:
        return others[0]
    return first


def _valleys(smooth: NDArray[np.int64]) -> list[int]:
    """Indices of the lowest bins between peaks that are clearly higher."""
    valleys: list[int] = []
    peak, lowest, where = 0, 0, 0
    for index, value in enumerate(smooth):
        if peak and value <= lowest:
            lowest, where = int(value), index
        if lowest < VALLEY * min(peak, int(value)):
            valleys.append(where)
            peak, lowest, where = int(value), int(value), index
        elif value > peak:
            peak, lowest, where = int(value), int(value), index
    return valleys
