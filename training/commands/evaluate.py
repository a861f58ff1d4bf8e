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
from pathlib import Path

from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.errors import chosen
from densehybrid_ros.files import write_whole
from densehybrid_ros.training.datasets import DATASETS
from densehybrid_ros.training.evaluation.protocols import PROTOCOLS
from densehybrid_ros.training.evaluation.task import Task


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="densehybrid evaluate", description=__doc__)
    parser.add_argument("name", choices=DATASETS, metavar="NAME", help=", ".join(DATASETS))
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
    options = vars(parser.parse_args(argv))
    out, name, scores = options.pop("json"), options.pop("name"), _scores(options.pop("scores"))
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
    report = PROTOCOLS[DATASETS[name].protocol].examine(Task(DATASETS[name], scores, **options))
    print(report.text)
    if out:
        write_whole(out, json.dumps(report.figures, indent=2) + "\n")


def _scores(text: str) -> list[str]:
    """The chosen names; SetupError where one is unknown."""
    names = list(SCORES) if text == "all" else list(dict.fromkeys(text.split(",")))
    for name in names:
        chosen("score", name, SCORES)
    return names
