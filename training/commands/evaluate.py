"""densehybrid evaluate NAME --root DIR: AP, FPR95 and AUROC of every score, and the mean IoU, in percent.

NAME is any data set of docs/datasets.md, DIR its folder; the split is the one on which results are reported. All
pixels of all pictures are pooled; void is ignored; `streethazards` is ranked picture by picture, and the mean is taken
over those that hold anomalies. Sets with binary truth (Fishyscapes, SegmentMeIfYouCan, RoadAnomaly, LostAndFound) take
weights of any classes and give no mean IoU; sets without anomalies give no scores. `roadworld` takes a folder written
by `densehybrid render-roadworld`, or renders its own frames where no --root is given. `lostandfound` ranks obstacles
above free road, with --by-range also in bins of 5 m from 5 to 50 m. --negatives pastes negatives into the pictures of a
set with classes: figures to choose weights by, without touching what results are reported on.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from densehybrid_ros.core.scores import SCORES, score_named
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.checkpoint import BUNDLED
from densehybrid_ros.training.batches.negative_set import NegativeSet
from densehybrid_ros.training.datasets import DATASETS, EVALUATION_SPLITS, PER_IMAGE, labelled_set
from densehybrid_ros.training.datasets.pairs import LabelledSource
from densehybrid_ros.training.datasets.rendered import rendered_roadworld
from densehybrid_ros.training.evaluation.by_range import evaluate_lostandfound, range_report, range_text, warn_of_gaps
from densehybrid_ros.training.evaluation.pasted_set import PastedSet
from densehybrid_ros.training.evaluation.validate import Evaluation, evaluate

LOST_AND_FOUND = "lostandfound"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="densehybrid evaluate", description=__doc__)
    parser.add_argument("protocol", choices=DATASETS, metavar="NAME", help=", ".join(DATASETS))
    parser.add_argument("--root", type=Path, help="folder of the data set")
    parser.add_argument("--split", help="of the data set; without it the one on which results are reported")
    parser.add_argument(
        "--negatives",
        nargs=2,
        metavar=("ROOT", "SPLIT"),
        help="paste them into every picture: anomalies for sets that have none",
    )
    parser.add_argument("--scores", default="all", help="names joined by commas, or all")
    parser.add_argument("--by-range", action="store_true", help="of lostandfound: also by distance")
    parser.add_argument("--weights", default="", help="a .safetensors file; without it the bundled weights")
    parser.add_argument("--inference-width", type=int, default=0, help="px; 0 = the weights' own, -1 = native")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args(argv)
    if arguments.by_range and arguments.protocol != LOST_AND_FOUND:
        raise SetupError(f"--by-range goes with {LOST_AND_FOUND} alone; {arguments.protocol} has no distances")
    if arguments.negatives and arguments.protocol == LOST_AND_FOUND:
        raise SetupError(f"--negatives needs a set with classes; {LOST_AND_FOUND} tells none")
    scores = _scores(arguments.scores)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
    report, text = (_range_figures if arguments.protocol == LOST_AND_FOUND else _figures)(arguments, scores)
    print(text)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def _figures(arguments: argparse.Namespace, scores: list[str]) -> tuple[dict[str, Any], str]:
    """Report and table of a protocol with classes."""
    dataset = _dataset(arguments.protocol, arguments.root, arguments.split)
    name = arguments.protocol
    if arguments.negatives:
        dataset = PastedSet(dataset, NegativeSet(Path(arguments.negatives[0]), arguments.negatives[1]))
        name = dataset.name
    segmenter = _segmenter(arguments)
    result = evaluate(segmenter, dataset, scores, per_image=arguments.protocol in PER_IMAGE)
    report = report_of(name, _weights_name(arguments), result)
    return report, table_of(report)


def _range_figures(arguments: argparse.Namespace, scores: list[str]) -> tuple[dict[str, Any], str]:
    """Report and table of LostAndFound, whose truth is binary: the weights may have any classes."""
    if arguments.root is None:
        raise _no_root(arguments.protocol)
    split = arguments.split or EVALUATION_SPLITS[LOST_AND_FOUND]
    result = evaluate_lostandfound(_segmenter(arguments), arguments.root, split, scores)
    warn_of_gaps(result, arguments.by_range)
    what = (_weights_name(arguments), split, arguments.by_range, result)
    return range_report(*what), range_text(*what)


def _segmenter(arguments: argparse.Namespace) -> Segmenter:
    return Segmenter.load(arguments.weights, arguments.device, "fp32", arguments.inference_width)


def _weights_name(arguments: argparse.Namespace) -> str:
    return arguments.weights or BUNDLED.name


def _scores(text: str) -> list[str]:
    """The chosen names; SetupError where one is unknown."""
    names = list(SCORES) if text == "all" else list(dict.fromkeys(text.split(",")))
    for name in names:
        score_named(name)
    return names


def report_of(protocol: str, weights: str, result: Evaluation) -> dict[str, Any]:
    """The figures in percent, as written to --json; "miou" is None where the set tells no classes, a class's
    "iou" where neither truth nor prediction holds it."""
    return {
        "protocol": protocol,
        "weights": weights,
        "scores": {
            name: {
                "ap": round(100 * ranking.ap, 2),
                "fpr95": round(100 * ranking.fpr95, 2),
                "auroc": round(100 * ranking.auroc, 2),
            }
            for name, ranking in result.rankings.items()
        },
        "miou": _percent(result.mean_iou),
        "iou": {name: _percent(value) for name, value in result.class_iou.items()},
        "score_parts": {name: round(value, 2) for name, value in result.score_parts.items()},
    }


def _percent(value: float) -> float | None:
    return None if math.isnan(value) else round(100 * value, 2)


def table_of(report: dict[str, Any]) -> str:
    """The report as lines for a terminal."""
    mean_iou = "" if report["miou"] is None else f": mIoU {report['miou']:.2f} %"
    lines = [f"{report['protocol']}, weights {report['weights']}{mean_iou}"]
    if report["scores"]:
        lines.append(f"{'score':<18}{'AP %':>8}{'FPR95 %':>10}{'AUROC %':>10}")
    for name, figures in report["scores"].items():
        lines.append(f"{name:<18}{figures['ap']:>8.2f}{figures['fpr95']:>10.2f}{figures['auroc']:>10.2f}")
    return "\n".join(lines)


def _dataset(protocol: str, root: Path | None, split: str | None) -> LabelledSource:
    if root is not None:
        return labelled_set(protocol, root, EVALUATION_SPLITS.get(protocol, "") if split is None else split)
    if protocol == "roadworld":
        return rendered_roadworld()
    raise _no_root(protocol)


def _no_root(protocol: str) -> SetupError:
    return SetupError(f"protocol {protocol} needs --root, the folder of the data set")


if __name__ == "__main__":
    main()
