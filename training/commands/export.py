"""densehybrid export WEIGHTS OUT: calibrates the thresholds and writes a weights file for the node.

Calibrate on data that you report no figures on. `--inliers cityscapes DATA/cityscapes val --negatives DATA/ade20k
validation` pastes held-out negatives into pictures of a labelled set, whatever its classes; `--anomalies NAME ROOT
SPLIT` takes pictures with anomalies of their own; both can be given several times. SPLIT is "" for sets without splits.
For every score the file keeps the curve threshold → true- and false-positive rate; the default threshold is the one
with the best F1 of the hybrid score there.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch

from densehybrid_ros.core.devices import resolve_device
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import refuse_unwritable
from densehybrid_ros.metrics.ranking import Ranking
from densehybrid_ros.metrics.segmentation import Segmentation
from densehybrid_ros.models.checkpoint import (
    WeightsInfo,
    as_it_answers,
    check_scales,
    check_shares,
    load_weights,
    save_weights,
)
from densehybrid_ros.training.batches.negative_set import NegativeSet
from densehybrid_ros.training.datasets import labelled_set
from densehybrid_ros.training.datasets.pairs import LabelledSet, LabelledSource
from densehybrid_ros.training.evaluation.calibration import CalibrationPart, CalibrationSet, calibrated
from densehybrid_ros.training.evaluation.pasted_set import PastedSet
from densehybrid_ros.training.evaluation.validate import evaluate

SET = ("NAME", "ROOT", "SPLIT")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="densehybrid export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("weights", type=Path, help="weights.safetensors of a run")
    parser.add_argument("out", type=Path, help="the file to write")
    parser.add_argument("--inliers", nargs=3, action="append", default=[], metavar=SET, help="a set to paste into")
    parser.add_argument("--negatives", nargs=2, metavar=("ROOT", "SPLIT"), help="what is pasted, in ADE20K's layout")
    parser.add_argument("--anomalies", nargs=3, action="append", default=[], metavar=SET, help="a set with anomalies")
    parser.add_argument("--pictures", type=int, default=60, help="of each set at most, evenly spread (default 60)")
    parser.add_argument("--inference-width", type=int, help="px to recommend; without it the run's own")
    parser.add_argument(
        "--scales",
        type=float,
        nargs="+",
        metavar="SCALE",
        help="of the pictures whose logits are averaged, 1 first: 1 0.5; without it the run's own",
    )
    parser.add_argument(
        "--shares",
        type=float,
        nargs="+",
        metavar="SHARE",
        help="of each scale in that mean: 0.65 0.35; without it the run's own, with other --scales all alike",
    )
    parser.add_argument("--evaluation", type=Path, nargs="*", default=[], help="JSON files of `densehybrid evaluate`")
    parser.add_argument("--float32", action="store_true", help="keep full precision; twice the size")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    arguments = parser.parse_args(argv)
    refuse_unwritable(arguments.out)
    figures = {name: value for path in arguments.evaluation for name, value in figures_of_report(path).items()}
    model, info = load_weights(arguments.weights)
    if arguments.inference_width is not None:
        info = replace(info, inference_width=arguments.inference_width)
    info = with_scales(info, arguments.scales, arguments.shares)
    dataset = calibration_set(arguments)
    network = as_it_answers(model, info)
    segmenter = Segmenter(network, info, resolve_device(arguments.device), torch.float32, info.inference_width)
    info = calibrated(info, evaluate(segmenter, dataset).points, dataset.description)
    info = replace(info, figures=figures)
    save_weights(arguments.out, model, info, half=not arguments.float32)
    size = arguments.out.stat().st_size / 1e6
    print(f"{arguments.out}: {size:.1f} MB, threshold {info.threshold:.3f} on the hybrid score")


def calibration_set(arguments: argparse.Namespace) -> CalibrationSet:
    """The sets of the command line.

    Raises:
        SetupError: no set, negatives without pictures to paste into or the reverse, or a set that is not whole.
    """
    if not arguments.inliers and not arguments.anomalies:
        raise SetupError("nothing to calibrate on; give --inliers with --negatives, or --anomalies, or both")
    if bool(arguments.inliers) != bool(arguments.negatives):
        raise SetupError("--inliers and --negatives go together: the negatives are pasted into the inliers")
    if arguments.pictures < 1:
        raise SetupError(f"--pictures is {arguments.pictures}; give at least 1")
    sources: list[LabelledSource] = []
    if arguments.negatives:
        negatives = NegativeSet([Path(arguments.negatives[0])], arguments.negatives[1])
        sources += [PastedSet(_set(*given), negatives) for given in arguments.inliers]
    sources += [_set(*given) for given in arguments.anomalies]
    return CalibrationSet([CalibrationPart(source, arguments.pictures) for source in sources])


def with_scales(info: WeightsInfo, scales: list[float] | None, shares: list[float] | None) -> WeightsInfo:
    """The metadata with what is given of these; other scales lose the shares of those before.

    Raises:
        SetupError: scales or shares that make no sense.
    """
    if scales is not None and scales != info.scales:
        info = replace(info, scales=scales, shares=[])
    if shares is not None:
        info = replace(info, shares=shares)
    try:
        check_scales(info.scales)
        check_shares(info.shares, info.scales)
    except ValueError as error:
        raise SetupError(f"--scales or --shares: {error}") from error
    return info


def _set(name: str, root: str, split: str) -> LabelledSet:
    return labelled_set(name, Path(root), split)


def figures_of_report(path: Path) -> dict[str, float]:
    """All figures in percent of what `densehybrid evaluate --json` wrote.

    Raises:
        SetupError: the file is missing or holds something else.
    """
    try:
        report = json.loads(path.read_text())
        found = {title: report.get(name) for name, title in Segmentation.titles().items()}
        for score, values in report["scores"].items():
            found |= {f"{score} {title}": values.get(name) for name, title in Ranking.titles().items()}
        return {f"{report['protocol']} {what}": float(value) for what, value in found.items() if value is not None}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SetupError(f"--evaluation {path} is no report of densehybrid evaluate --json ({error!r})") from error
