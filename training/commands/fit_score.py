"""densehybrid fit-score SCORE --set NAME ROOT SPLIT: gathers what a score needs to know of training pixels.

SCORE is one of the scores that need statistics, several joined by commas, or all. The pictures must be of a set that
weights are trained on, in its training split; they are read in the classes of the weights. What is gathered is written
to a .safetensors, by default beside the weights, where `densehybrid evaluate --scores SCORE` looks for it. It holds for
these weights alone: their hash is stored in it, and other weights are refused.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError, chosen
from densehybrid_ros.files import refuse_unwritable
from densehybrid_ros.models.checkpoint import BUNDLED, weights_hash
from densehybrid_ros.training.baselines.baselines import BASELINES, kinds_needed
from densehybrid_ros.training.baselines.fitting import fitted, in_classes_of
from densehybrid_ros.training.baselines.settings import score_settings
from densehybrid_ros.training.baselines.statistics_file import Origin, beside, save_statistics
from densehybrid_ros.training.datasets import DATASETS, labelled_set
from densehybrid_ros.training.datasets.pairs import LabelledSet

NEEDY = [name for name, baseline in BASELINES.items() if baseline.statistics]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="densehybrid fit-score", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scores", metavar="SCORE", help=f"{', '.join(NEEDY)}; joined by commas, or all")
    parser.add_argument(
        "--set", dest="sets", nargs=3, action="append", required=True, metavar=("NAME", "ROOT", "SPLIT")
    )
    parser.add_argument("--pictures", type=int, default=300, help="of each set at most, evenly spread (default 300)")
    parser.add_argument("--weights", type=Path, default=BUNDLED, help="without it the bundled weights")
    parser.add_argument("--out", type=Path, help="without it NAME.statistics.safetensors beside the weights")
    parser.add_argument("--inference-width", type=int, default=0, help="px; 0 = the weights' own, -1 = native")
    parser.add_argument("--score-setting", action="append", default=[], metavar="NAME=VALUE", help="docs/evaluation.md")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N")
    given = parser.parse_args(argv)
    kinds, settings = kinds_of(given.scores), score_settings(given.score_setting)
    if given.pictures < 1:
        raise SetupError(f"--pictures is {given.pictures}; give at least 1")
    out = given.out or beside(given.weights)
    refuse_unwritable(out)
    segmenter = Segmenter.load(given.weights, given.device, "fp32", given.inference_width)
    sources = [in_classes_of(segmenter, training_set(*each)) for each in given.sets]
    pictures = ", ".join(f"{source.name} ({min(len(source), given.pictures)} pictures)" for source in sources)
    statistics = fitted(segmenter, sources, kinds, given.pictures, settings)
    origin = Origin(weights_hash(given.weights), pictures, segmenter.inference_width, asdict(settings))
    save_statistics(out, statistics, origin)
    print(f"{out}: {', '.join(kinds)} of {pictures}")


def kinds_of(text: str) -> list[str]:
    """Kinds of statistics of the scores named.

    Raises:
        SetupError: one is unknown, or needs none.
    """
    names = NEEDY if text == "all" else text.split(",")
    for name in names:
        chosen("score with statistics", name, dict.fromkeys(NEEDY))
    return kinds_needed(names)


def training_set(name: str, root: str, split: str) -> LabelledSet:
    """
    Raises:
        SetupError: results are reported on it, or it is not whole.
    """
    dataset = chosen("data set", name, DATASETS)
    if not dataset.trainable or (dataset.splits and split == dataset.reported):
        raise SetupError(
            f"results are reported on {dataset.title(split)}; statistics are those of training pixels: give the split "
            "that the weights were trained on"
        )
    return labelled_set(name, Path(root), split)
