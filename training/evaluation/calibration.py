"""Calibration of weights: the thresholds' true- and false-positive rates on data that no figure is reported on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import binary_truth
from densehybrid_ros.metrics.ranking import OperatingPoints, best_f1
from densehybrid_ros.models.checkpoint import Calibration, WeightsInfo
from densehybrid_ros.taxonomies import BINARY_CLASSES
from densehybrid_ros.training.datasets.pairs import LabelledSource

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
    """Several sets, one after the other, of any classes: only what is anomalous in them counts."""

    parts: list[CalibrationPart]
    name: str = "calibration"
    protocol: str = "pooled"

    @property
    def classes(self) -> list[str]:
        return BINARY_CLASSES

    @property
    def description(self) -> str:
        return ", ".join(part.description for part in self.parts)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """RGB (H, W, 3) uint8 and binary truth (H, W) uint8.

        Raises:
            IndexError: beyond the last picture.
        """
        for part in self.parts:
            if index < len(part):
                image, truth = part.read(index)
                return image, binary_truth(truth, len(part.source.classes))
            index -= len(part)
        raise IndexError(index)


def calibrated(info: WeightsInfo, points: dict[str, OperatingPoints], measured_on: str) -> WeightsInfo:
    """`info` with the curves of all scores and the best-F1 threshold of the hybrid score.

    Raises:
        SetupError: the calibration set held no anomalies.
    """
    if "hybrid" not in points:
        raise SetupError(f"{measured_on}: no pixel is anomalous there; give --anomalies, or --inliers and --negatives")
    return replace(
        info,
        threshold=round(best_f1(points["hybrid"])[1], 4),
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
