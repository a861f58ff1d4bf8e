"""densehybrid evaluate NAME --root DIR: AP, FPR95 and AUROC of every score, and the mean IoU, in percent.

NAME is any data set of docs/datasets.md, DIR its folder; the split is the one on which results are reported. All
pixels of all pictures are pooled; void is ignored; `streethazards` is ranked picture by picture, and the mean is taken
over those that hold anomalies. Sets with binary truth (Fishyscapes, SegmentMeIfYouCan, RoadAnomaly, LostAndFound) take
weights of any classes and give no mean IoU; sets without anomalies give no scores. `roadworld` takes a folder written
by `densehybrid render-roadworld`, or renders its own frames where no --root is given. `lostandfound` ranks obstacles
above free road, with --by-range also in bins of 5 m from 5 to 50 m. `folder` are your own pictures: images/, and masks/
of the same names (PNG: 0 inlier, 1 anomaly, 255 ignored), or pictures alone, of which --overlays OUT draws what is seen
in them. --scores baselines are scores of other papers that need more than the logits: some of them the statistics that
`densehybrid fit-score` gathers; they run by torch. Sets that label classes and anomalies also give open-mIoU, its gap
to the mean IoU, and F1 over all classes and unknown: each half of the pictures (the towns t5 and t6 of `streethazards`)
at the threshold that finds 95 % of the anomalies of the other half. What is not asked for (--scores, --no-miou,
--no-open-set) is not computed. --negatives pastes negatives into the pictures of a set with classes: figures to choose
weights by, without touching what results are reported on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from densehybrid_ros.core.heap import give_back_large_blocks
from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.engines.choice import ENGINES
from densehybrid_ros.errors import chosen
from densehybrid_ros.training.baselines.baselines import BASELINES
from densehybrid_ros.training.baselines.settings import score_settings
from densehybrid_ros.training.datasets import DATASETS
from densehybrid_ros.training.evaluation.protocols import protocol_of
from densehybrid_ros.training.evaluation.task import Report, Task
from densehybrid_ros.training.reports.document import Document, Part
from densehybrid_ros.training.reports.outputs import add_outputs, refuse_outputs, write_outputs


def main(argv: list[str] | None = None) -> None:
    parser = evaluate_parser("densehybrid evaluate")
    parser.add_argument("--weights", default="", help="a .safetensors file; without it the bundled weights")
    add_statistics(parser)
    add_outputs(parser)
    options = vars(parser.parse_args(argv))
    files = options.pop("json"), options["report"]
    refuse_outputs(*files)
    task = task_of(options)
    report = examined(task)
    print(report.text)
    title = f"{task.dataset.name}, {Path(task.weights_name).stem}"
    write_outputs(*files, report.figures, Document(title, [Part("Figures", report.figures, report.pictures)]))


def evaluate_parser(prog: str) -> argparse.ArgumentParser:
    """What says how weights are evaluated on a data set; not which weights, with which
    statistics, and where the figures go."""
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    parser.add_argument("name", choices=DATASETS, metavar="NAME", help=", ".join(DATASETS))
    parser.add_argument("--root", type=Path, help="folder of the data set")
    parser.add_argument("--split", help="of the data set; without it the one on which results are reported")
    parser.add_argument(
        "--negatives",
        nargs=2,
        metavar=("ROOT", "SPLIT"),
        help="paste them into every picture: anomalies for sets that have none",
    )
    parser.add_argument("--scores", default="all", help="names joined by commas; all, baselines, or none")
    add_score_setting(parser)
    parser.add_argument("--no-miou", dest="segmentation", action="store_false", help="scores alone")
    parser.add_argument(
        "--target-tpr",
        type=_rates,
        default=(),
        metavar="RATES",
        help="as in 0.8,0.95: what the calibration of the weights promises there, and what comes",
    )
    parser.add_argument(
        "--fpr-at",
        type=_rates,
        default=(),
        metavar="RATES",
        help="as in 0.8,0.95: the best F1, and false-positive rates at these true-positive rates by every convention",
    )
    parser.add_argument(
        "--intervals",
        type=_draws,
        default=0,
        metavar="N",
        help="an interval of 95 %% for every figure, by N sets drawn of the pictures, as in 1000",
    )
    parser.add_argument(
        "--no-open-set",
        dest="open_set",
        action="store_false",
        help="leave out open-mIoU, for which the pictures are gone through once more",
    )
    parser.add_argument(
        "--components",
        action="store_true",
        help="also how well whole things are found, as SegmentMeIfYouCan counts them, at the threshold of the best F1",
    )
    parser.add_argument("--overlays", type=Path, metavar="OUT", help="of folder: draw every picture into this folder")
    parser.add_argument(
        "--per-picture", action="store_true", help="rank each picture by itself, and take the mean, as StreetHazards"
    )
    parser.add_argument("--by-range", action="store_true", help="of lostandfound: also by distance")
    parser.add_argument("--inference-width", type=int, default=0, help="px; 0 = the weights' own, -1 = native")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    parser.add_argument("--engine", choices=ENGINES, default="torch", help="what runs the network; see docs/node.md")
    parser.add_argument("--precision", default="fp32", help="of the network: auto (fp16 on CUDA), fp32, fp16, bf16")
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="DIR",
        help="keep there what has been measured; started again, a run that was broken off goes on",
    )
    parser.add_argument("--processes", type=int, default=1, help="that look at pictures; on CUDA one per GPU")
    parser.add_argument("--workers", type=int, default=1, help="threads that read pictures ahead, of one process")
    return parser


def add_statistics(parser: argparse.ArgumentParser) -> None:
    """That some baselines need."""
    parser.add_argument("--statistics", type=Path, help="of fit-score; without it what lies beside the weights")


def add_score_setting(parser: argparse.ArgumentParser) -> None:
    """By which some scores are computed."""
    parser.add_argument("--score-setting", action="append", default=[], metavar="NAME=VALUE", help="docs/evaluation.md")


def task_of(options: dict[str, Any]) -> Task:
    """Of the options of `evaluate_parser`, `weights`, `statistics` and `report`."""
    name, scores = options.pop("name"), scores_named(options.pop("scores"))
    settings, report = score_settings(options.pop("score_setting")), bool(options.pop("report"))
    return Task(DATASETS[name], scores, score_settings=settings, report=report, **options)


def examined(task: Task) -> Report:
    """The figures; warnings of its engine are on stderr."""
    give_back_large_blocks()
    report = protocol_of(task).examine(task)
    for warning in task.segmenter.engine_warnings:
        print(warning, file=sys.stderr)
    return report


def _rates(text: str) -> tuple[float, ...]:
    """Numbers between 0 and 1, joined by commas."""
    rates = tuple(map(float, text.split(",")))
    if not all(0 < rate < 1 for rate in rates):
        raise argparse.ArgumentTypeError(f"'{text}': rates lie between 0 and 1, as in 0.8,0.95")
    return rates


def _draws(text: str) -> int:
    """0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}': give how many sets are to be drawn, as in 1000")
    return int(text)


def scores_named(text: str) -> list[str]:
    """Of names joined by commas, all, baselines, or none.

    Raises:
        SetupError: a name is unknown.
    """
    if text == "none":
        return []
    groups = {"all": list(SCORES), "baselines": list(BASELINES)}
    names = [name for word in text.split(",") for name in groups.get(word, [word])]
    for name in names:
        chosen("score", name, {**SCORES, **BASELINES})
    return list(dict.fromkeys(names))
