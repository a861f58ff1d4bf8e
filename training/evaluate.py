"""densehybrid evaluate PROTOCOL --root DIR: AP, FPR95 and AUROC of every score, and the mean IoU, in percent.

Protocols: `camvid-ood` and `camvid` (split val) take the folder of the data set. `roadworld` takes a folder written by
`densehybrid render-roadworld`, split val, or renders its own frames where no --root is given. All pixels of all
pictures are pooled; void is ignored. A set without anomalies gives no scores.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.models.checkpoint import BUNDLED
from densehybrid_ros.training.datasets import labelled_set
from densehybrid_ros.training.datasets.pairs import LabelledSource
from densehybrid_ros.training.datasets.rendered import rendered_roadworld
from densehybrid_ros.training.validate import Evaluation, evaluate

SPLITS = {"camvid-ood": "", "camvid": "val", "roadworld": "val"}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="densehybrid evaluate", description=__doc__)
    parser.add_argument("protocol", choices=SPLITS)
    parser.add_argument("--root", type=Path, help="folder of the data set")
    parser.add_argument("--weights", default="", help="a .safetensors file; without it the bundled weights")
    parser.add_argument("--inference-width", type=int, default=0, help="px; 0 = the weights' own, -1 = native")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args(argv)
    dataset = _dataset(arguments.protocol, arguments.root)
    segmenter = Segmenter.load(arguments.weights, arguments.device, "fp32", arguments.inference_width)
    if segmenter.info.classes != dataset.classes:
        raise SetupError(
            f"the weights know {len(segmenter.info.classes)} classes ({', '.join(segmenter.info.classes)}), but "
            f"{arguments.protocol} has {len(dataset.classes)}; give weights trained for its taxonomy"
        )
    result = evaluate(segmenter, dataset)
    report = report_of(arguments.protocol, arguments.weights or BUNDLED.name, result)
    print(table_of(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def report_of(protocol: str, weights: str, result: Evaluation) -> dict[str, Any]:
    """The figures in percent, as written to --json."""
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
        "miou": round(100 * result.mean_iou, 2),
        "iou": {name: round(100 * value, 2) for name, value in result.class_iou.items()},
        "score_parts": {name: round(value, 2) for name, value in result.score_parts.items()},
    }


def table_of(report: dict[str, Any]) -> str:
    """The report as lines for a terminal."""
    lines = [f"{report['protocol']}, weights {report['weights']}: mIoU {report['miou']:.2f} %"]
    if report["scores"]:
        lines.append(f"{'score':<18}{'AP %':>8}{'FPR95 %':>10}{'AUROC %':>10}")
    for name, figures in report["scores"].items():
        lines.append(f"{name:<18}{figures['ap']:>8.2f}{figures['fpr95']:>10.2f}{figures['auroc']:>10.2f}")
    return "\n".join(lines)


def _dataset(protocol: str, root: Path | None) -> LabelledSource:
    if root is not None:
        return labelled_set(protocol, root, SPLITS[protocol])
    if protocol == "roadworld":
        return rendered_roadworld()
    raise SetupError(f"protocol {protocol} needs --root, the folder of the data set")


if __name__ == "__main__":
    main()
