"""How well pixels get their class: the confusion matrix and the mean IoU of the closed set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.metrics.figures import Figures, figure
from densehybrid_ros.metrics.tensors import Array, on_host


class ConfusionMatrix:
    """Closed-set confusion over K classes; truth outside 0..K−1 (void, unknown) is left out."""

    def __init__(self, classes: int, counts: NDArray[np.int64] | None = None) -> None:
        self.classes = classes
        self.counts = np.zeros((classes, classes + 1), np.int64) if counts is None else counts
        """Rows = truth, columns = prediction; the last column counts predictions that are none of the classes."""

    def add(self, predicted: Array, truth: Array) -> None:
        """Adds one image: both (H, W) of integers, arrays or tensors."""
        size = self.classes + 1
        rows, columns = (np.minimum(on_host(each), self.classes) for each in (truth, predicted))
        narrow = np.min_scalar_type(size * size).type  # and all pixels: quicker than to pick the known ones
        pairs = rows.ravel() * narrow(size) + columns.ravel()
        self.counts += np.bincount(pairs, minlength=size * size).reshape(size, size)[:-1]


def class_iou(confusion: ConfusionMatrix) -> NDArray[np.float64]:
    """(K,) IoU per class; nan for a class that neither truth nor prediction holds."""
    return intersection_over_union(confusion.counts)


def intersection_over_union(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """(R,) IoU of each row of a confusion, rows = truth; nan where nothing is of it.

    Args:
        counts: (R, C), C ≥ R; the columns behind the first R are no hits of any row.
    """
    hits = np.diag(counts).astype(np.float64)
    union = counts[:, : len(counts)].sum(0) + counts.sum(1) - hits
    return np.divide(hits, union, out=np.full(len(counts), np.nan), where=union > 0)


def mean_iou(confusion: ConfusionMatrix) -> float:
    """Mean over the classes that occur; nan where none does."""
    return mean_of_defined(class_iou(confusion))


def mean_of_defined(values: NDArray[np.float64]) -> float:
    """The mean of those that are not nan; nan where all are."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


@dataclass(frozen=True)
class Segmentation(Figures):
    """How well the pixels of known classes are told apart."""

    miou: float = figure("mIoU", mean_iou)


def drawn_confusions(pictures: Sequence[NDArray[np.int64]], draws: NDArray[np.int64]) -> list[ConfusionMatrix]:
    """Of each draw (B, P), of the counts of P confusion matrices."""
    return [ConfusionMatrix(len(counts), counts) for counts in drawn_counts(pictures, draws)]


def drawn_counts(pictures: Sequence[NDArray[np.int64]], draws: NDArray[np.int64]) -> NDArray[np.int64]:
    """(B, R, C) sums of P arrays (R, C) of counts, each as often as it is in a draw (B, P)."""
    counts = np.stack(pictures)
    total = draws.astype(np.float64) @ counts.reshape(len(counts), -1).astype(np.float64)  # exact to 2⁵³, and quick
    return np.rint(total).astype(np.int64).reshape(-1, *counts.shape[1:])
