"""Segmentation with an unknown class: open-mIoU, its gap to the closed set, and F1 over K+1 classes.

After Grcić & Šegvić, "Hybrid Open-set Segmentation with Synthetic Negative Data" (arXiv 2301.08555): open-IoU of a
known class counts pixels that are taken for unknown among its misses, and unknown pixels that are taken for it among
its false alarms; the mean is taken over the K known classes. A detector that finds all that is unknown and nothing else
leaves closed and open figures equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.metrics.figures import Figures, figure
from densehybrid_ros.metrics.segmentation import drawn_counts, intersection_over_union, mean_of_defined
from densehybrid_ros.metrics.tensors import Array, on_host


@dataclass(frozen=True)
class OpenSetCounts:
    """Pixels by truth and class, and how many of them are taken for unknown; counts of pictures can be added."""

    pixels: NDArray[np.int64]
    """(K+1, K+1); rows = truth, the last one unknown; columns = the class seen, the last one none of the K."""
    unknown: NDArray[np.int64]
    """(K+1, K+1), those taken for unknown."""

    @property
    def closed(self) -> NDArray[np.int64]:
        """(K, K+1) confusion of the known pixels, whatever is taken for unknown."""
        return self.pixels[:-1]

    @property
    def open(self) -> NDArray[np.int64]:
        """(K+1, K+2) confusion of all pixels; column K is unknown, the last one none of the K+1."""
        kept = self.pixels - self.unknown
        return np.concatenate([kept[:, :-1], self.unknown.sum(1, keepdims=True), kept[:, -1:]], 1)


def open_set_counts(
    semantic: Array, truth: Array, classes: int, unknown: Mapping[str, Array]
) -> dict[str, OpenSetCounts]:
    """Of one picture, for each of several ways to take pixels for unknown; arrays or tensors.

    Args:
        semantic: (H, W) uint8, the class of each pixel; what is none of 0..K−1 hits nothing.
        truth: (H, W) uint8, 0..K−1, K = unknown; all else is left out.
        classes: K.
        unknown: (H, W) bool each, taken for unknown.
    """
    side, labels = classes + 1, on_host(truth)
    counted = labels <= classes
    seen = np.minimum(on_host(semantic)[counted], classes).astype(np.uint16)
    pairs = labels[counted].astype(np.uint16) * np.uint16(side) + seen
    pixels = _counts_of(pairs, side)
    taken = {name: on_host(each)[counted] for name, each in unknown.items()}
    return {name: OpenSetCounts(pixels, _counts_of(pairs[each], side)) for name, each in taken.items()}


def _counts_of(pairs: NDArray[np.uint16], side: int) -> NDArray[np.int64]:
    return np.bincount(pairs, minlength=side * side).astype(np.int64).reshape(side, side)


def closed_mean_iou(counts: OpenSetCounts) -> float:
    """Mean IoU of the known classes that occur, over known pixels; nan where there are none."""
    return mean_of_defined(intersection_over_union(counts.closed))


def open_mean_iou(counts: OpenSetCounts) -> float:
    """Mean over the K known classes that occur of TP / (TP + FP + FN), FP and FN over all K+1; nan where none does."""
    return mean_of_defined(intersection_over_union(counts.open)[:-1])


def open_set_gap(counts: OpenSetCounts) -> float:
    """Closed mean IoU − open mean IoU: what unknown things cost, missed and imagined."""
    return closed_mean_iou(counts) - open_mean_iou(counts)


def open_mean_f1(counts: OpenSetCounts) -> float:
    """Mean over the K+1 classes that occur, unknown among them, of 2TP / (2TP + FP + FN); nan where none does."""
    iou = intersection_over_union(counts.open)
    return mean_of_defined(2 * iou / (1 + iou))


@dataclass(frozen=True)
class OpenSet(Figures):
    """How well known classes are told apart where unknown things are among them, at one threshold."""

    closed_miou: float = figure("mIoU", closed_mean_iou)
    open_miou: float = figure("open-mIoU", open_mean_iou)
    gap: float = figure("gap", open_set_gap)
    mean_f1: float = figure("mF1", open_mean_f1)


def drawn_open_sets(pictures: Sequence[OpenSetCounts], draws: NDArray[np.int64]) -> list[OpenSet]:
    """The figures of each draw (B, P), of the counts of P pictures."""
    pixels = drawn_counts([each.pixels for each in pictures], draws)
    unknown = drawn_counts([each.unknown for each in pictures], draws)
    return [OpenSet.of(OpenSetCounts(*each)) for each in zip(pixels, unknown, strict=True)]
