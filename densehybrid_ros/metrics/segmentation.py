"""How well pixels get their class: the confusion matrix and the mean IoU of the closed set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.metrics.figures import Figures, figure


class ConfusionMatrix:
    """Closed-set confusion over K classes; truth outside 0..K−1 (void, unknown) is left out."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.counts = np.zeros((classes, classes), np.int64)
        """Rows = truth, columns = prediction."""

    def add(self, predicted: NDArray[np.uint8], truth: NDArray[np.uint8]) -> None:
        """Adds one image: both (H, W), prediction in 0..K−1."""
        known = truth < self.classes
        pairs = truth[known].astype(np.int64) * self.classes + predicted[known]
        self.counts += np.bincount(pairs, minlength=self.classes**2).reshape(self.classes, self.classes)


def class_iou(confusion: ConfusionMatrix) -> NDArray[np.float64]:
    """(K,) IoU per class; nan for a class that neither truth nor prediction holds."""
    counts = confusion.counts
    hits = np.diag(counts).astype(np.float64)
    union = counts.sum(0) + counts.sum(1) - hits
    return np.divide(hits, union, out=np.full(len(counts), np.nan), where=union > 0)


def mean_iou(confusion: ConfusionMatrix) -> float:
    """Mean over the classes that occur; nan where none does."""
    return float(np.nanmean(class_iou(confusion))) if confusion.counts.any() else float("nan")


@dataclass(frozen=True)
class Segmentation(Figures):
    """How well the pixels of known classes are told apart."""

    miou: float = figure("mIoU", mean_iou)
