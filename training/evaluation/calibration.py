"""Calibration of weights: the thresholds' true- and false-positive rates on data that no figure is reported on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import open_set_truth
from densehybrid_ros.metrics.ranking import OperatingPoints
from densehybrid_ros.models.checkpoint import Calibration, WeightsInfo
from densehybrid_ros.training.datasets.pairs import LabelledSource
from densehybrid_ros.training.datasets.taxonomies import BINARY_CLASSES

RATES = np.concatenate([np.linspace(0.01, 0.9, 40), np.linspace(0.91, 0.999, 24)])
"""True-positive rates at which the curve is kept."""


@dataclass(frozen=True)
class CalibrationPart:
    """One set with anomalies, of which `pictures` are taken, evenly spread."""

    source: LabelledSource
    pictures: int

    @property
    def description(self) -> str:
        return f"{self.source.name} ({len(self)} pictures)"

    def __len__(self) -> int:
        return min(self.pictures, len(self.source))

    def read(self, number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The number-th of the pictures taken, with its open-set labels."""
        return self.source.read(number * len(self.source) // len(self))


@dataclass(frozen=True)
class CalibrationSet:
    """Several sets, one after the other, in the taxonomy of the weights."""

    parts: list[CalibrationPart]
    classes: list[str]
    name: str = "calibration"
    protocol: str = "pooled"

    def __post_init__(self) -> None:
        for part in self.parts:
            if part.source.classes not in (BINARY_CLASSES, self.classes):
                raise SetupError(
                    f"{part.source.name} has other classes ({', '.join(part.source.classes)}) than the weights "
                    f"({', '.join(self.classes)})"
                )

    @property
    def description(self) -> str:
        return ", ".join(part.description for part in self.parts)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """RGB (H, W, 3) uint8 and open-set labels (H, W) uint8; of binary sets, all inliers are class 0.

        Raises:
            IndexError: beyond the last picture.
        """
        for part in self.parts:
            if index < len(part):
                image, truth = part.read(index)
                if part.source.classes == BINARY_CLASSES:
                    truth = open_set_truth(truth, len(self.classes))
                return image, truth
            index -= len(part)
        raise IndexError(index)


def calibrated(info: WeightsInfo, points: dict[str, OperatingPoints], measured_on: str) -> WeightsInfo:
    """`info` with the curves of all scores and the best-F1 threshold of the hybrid score.

    Raises:
        SetupError: the calibration set held no anomalies.
    """
    if "hybrid" not in points:
        raise SetupError(f"{measured_on}: no pixel is anomalous there; give --anomalies, or --inliers and --negatives")
    hybrid = points["hybrid"]
    precision = hybrid.true_positives / (hybrid.true_positives + hybrid.false_positives)
    recall = hybrid.true_positive_rate
    best = int(np.argmax(2 * precision * recall / np.maximum(precision + recall, 1e-9)))
    return replace(
        info,
        threshold=round(float(hybrid.thresholds[best]), 4),
        calibration={name: calibration_curve(curve, measured_on) for name, curve in points.items()},
    )


def calibration_curve(points: OperatingPoints, measured_on: str) -> Calibration:
    """The points at RATES; thresholds fall."""
    chosen = np.unique(np.searchsorted(points.true_positive_rate, RATES).clip(max=len(points.thresholds) - 1))
    return Calibration(
        thresholds=[round(float(value), 5) for value in points.thresholds[chosen]],
        true_positive_rate=[round(float(value), 5) for value in points.true_positive_rate[chosen]],
        false_positive_rate=[round(float(value), 6) for value in points.false_positive_rate[chosen]],
        measured_on=measured_on,
    )
