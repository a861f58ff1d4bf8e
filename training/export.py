"""densehybrid export WEIGHTS OUT --data DIR...: calibrates the thresholds and writes a weights file for the node.

The calibration set is made, not reported on: CamVid val with naturally pasted negatives of the held-out split, and
Roadworld val. For every score the file keeps the curve threshold → true- and false-positive rate; the default
threshold is the one with the best F1 of the hybrid score there.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.core.metrics import OperatingPoints
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.models.checkpoint import Calibration, WeightsInfo, load_weights, save_weights
from densehybrid_ros.training.batches import class_mask
from densehybrid_ros.training.datasets import labelled_set
from densehybrid_ros.training.datasets.camvid import CLASSES, PALETTE, UNKNOWN
from densehybrid_ros.training.datasets.pairs import LabelledSet
from densehybrid_ros.training.losses import OUTLIER
from densehybrid_ros.training.negatives import NegativeSet, made_cutout, natural_cutout
from densehybrid_ros.training.pasting import paste_naturally, random_placement
from densehybrid_ros.training.sample import sample_from_truth
from densehybrid_ros.training.validate import evaluate

RATES = np.concatenate([np.linspace(0.01, 0.9, 40), np.linspace(0.91, 0.999, 24)])
"""True-positive rates at which the curve is kept."""
MEASURED_ON = "CamVid val with pasted held-out negatives, and Roadworld val"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="densehybrid export", description=__doc__)
    parser.add_argument("weights", type=Path, help="weights.safetensors of a run")
    parser.add_argument("out", type=Path, help="the file to write")
    parser.add_argument(
        "--data", type=Path, nargs="+", required=True, help="folders that hold camvid, negatives, roadworld"
    )
    parser.add_argument("--inference-width", type=int, help="px to recommend; without it the run's own")
    parser.add_argument("--evaluation", type=Path, nargs="*", default=[], help="JSON files of `densehybrid evaluate`")
    parser.add_argument("--float32", action="store_true", help="keep full precision; twice the size")
    arguments = parser.parse_args(argv)
    model, info = load_weights(arguments.weights)
    if arguments.inference_width is not None:
        info = replace(info, inference_width=arguments.inference_width)
    segmenter = Segmenter.load(arguments.weights, "cpu", "fp32", info.inference_width or -1)
    points = evaluate(segmenter, calibration_set(arguments.data)).points
    info = calibrated(info, points)
    info = replace(info, figures=_figures(arguments.evaluation))
    save_weights(arguments.out, model, info, half=not arguments.float32)
    size = arguments.out.stat().st_size / 1e6
    print(f"{arguments.out}: {size:.1f} MB, threshold {info.threshold:.3f} on the hybrid score")


class CalibrationSet:
    """Every second picture of CamVid val with one to three negatives pasted in, then Roadworld val."""

    name = "calibration"
    classes = CLASSES
    palette = PALETTE

    def __init__(self, camvid: LabelledSet, roadworld: LabelledSet, negatives: NegativeSet) -> None:
        self._camvid, self._roadworld, self._negatives = camvid, roadworld, negatives
        self._pasted = (len(camvid) + 1) // 2
        self._ground = class_mask(["road", "pavement"], CLASSES)

    def __len__(self) -> int:
        return self._pasted + len(self._roadworld)

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        if index >= self._pasted:
            return self._roadworld.read(index - self._pasted)
        image, truth = self._camvid.read(2 * index)
        rng = np.random.default_rng([2026, index])
        sample = sample_from_truth(image, truth, UNKNOWN)
        for _ in range(int(rng.integers(1, 4))):
            cutout = made_cutout(self._negatives, rng) if rng.random() < 0.3 else natural_cutout(self._negatives, rng)
            sample = paste_naturally(sample, cutout, random_placement(sample, self._ground, rng), rng)
        pasted = sample.labels.copy()
        pasted[sample.dataset_labels == OUTLIER] = UNKNOWN
        return sample.image, pasted


def calibration_set(data: list[Path]) -> CalibrationSet:
    """The set from the first folders of those names below `data`."""

    def folder(name: str) -> Path:
        found = next((root / name for root in data if (root / name).is_dir()), None)
        if found is None:
            raise SetupError(f"no folder '{name}' in {', '.join(map(str, data))}; give its parent with --data")
        return found

    return CalibrationSet(
        labelled_set("camvid", folder("camvid"), "val"),
        labelled_set("roadworld", folder("roadworld"), "val"),
        NegativeSet(folder("negatives"), "validation"),
    )


def calibrated(info: WeightsInfo, points: dict[str, OperatingPoints]) -> WeightsInfo:
    """`info` with the curves of all scores and the best-F1 threshold of the hybrid score."""
    hybrid = points["hybrid"]
    precision = hybrid.true_positives / (hybrid.true_positives + hybrid.false_positives)
    recall = hybrid.true_positive_rate
    best = int(np.argmax(2 * precision * recall / np.maximum(precision + recall, 1e-9)))
    return replace(
        info,
        threshold=round(float(hybrid.thresholds[best]), 4),
        calibration={name: calibration_curve(curve) for name, curve in points.items()},
    )


def calibration_curve(points: OperatingPoints) -> Calibration:
    """The points at RATES; thresholds fall."""
    chosen = np.unique(np.searchsorted(points.true_positive_rate, RATES).clip(max=len(points.thresholds) - 1))
    return Calibration(
        thresholds=[round(float(value), 5) for value in points.thresholds[chosen]],
        true_positive_rate=[round(float(value), 5) for value in points.true_positive_rate[chosen]],
        false_positive_rate=[round(float(value), 6) for value in points.false_positive_rate[chosen]],
        measured_on=MEASURED_ON,
    )


def _figures(files: list[Path]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for path in files:
        report = json.loads(path.read_text())
        figures[f"{report['protocol']} mIoU"] = report["miou"]
        for name, values in report["scores"].items():
            figures[f"{report['protocol']} {name} AP"] = values["ap"]
            figures[f"{report['protocol']} {name} FPR95"] = values["fpr95"]
    return figures


if __name__ == "__main__":
    main()
