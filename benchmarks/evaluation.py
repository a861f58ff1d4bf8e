"""python benchmarks/evaluation.py [--pictures 100] [--size 2048 1024]: what `densehybrid evaluate` takes.

Roadworld pictures are written to a temporary folder and evaluated twice over by `densehybrid evaluate roadworld`'s own
code: with the segmenter as the command uses it (--engine, --precision), and as public code has it, the network in eager
fp32, its logits interpolated to the picture, every score and argmax of those. Both take turns, a picture each; printed
are their times, the ratio, and the largest differences of any figure and any mean IoU.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from densehybrid_ros.bench.ways import wait_for_engine
from densehybrid_ros.core.scenes import ScoredImage
from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.engines.choice import ENGINES, choose
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.progress import progress_bar
from densehybrid_ros.taxonomies import prediction_table
from densehybrid_ros.training.datasets import labelled_set
from densehybrid_ros.training.datasets.roadworld import FIRST_VALIDATION_SEED, render_camvid
from densehybrid_ros.training.evaluation.validate import Evaluation, Judge


class PlainSegmenter(Segmenter):
    """All scores of logits at the size of the picture."""

    def scored(self, image: NDArray[np.uint8], scores: Collection[str], semantic: bool = False) -> ScoredImage:
        logits, dataset_logits = self.logits(image)
        with torch.inference_mode():
            found = {name: SCORES[name](logits, dataset_logits)[0].cpu().numpy() for name in scores}
            classes = logits.argmax(1)[0].to(torch.uint8).cpu().numpy() if semantic else np.empty((0, 0), np.uint8)
        return ScoredImage(found, classes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--size", type=int, nargs=2, default=[2048, 1024], metavar=("W", "H"))
    parser.add_argument("--scores", nargs="+", choices=SCORES, default=list(SCORES))
    parser.add_argument("--engine", choices=ENGINES, default="torch")
    parser.add_argument("--precision", default="fp32", help="of ours")
    parser.add_argument("--weights", default="")
    arguments = parser.parse_args()
    width, height = arguments.size
    segmenters = {
        "plain": PlainSegmenter.load(arguments.weights, "auto", "fp32"),
        "ours": Segmenter.load(arguments.weights, "auto", arguments.precision, 0, arguments.engine),
    }
    ours = segmenters["ours"]
    engine = choose(arguments.engine, ours.device, ours.precision).name  # what auto and tensorrt come to here
    if engine != "torch":
        wait_for_engine(ours, np.zeros((height, width, 3), np.uint8), engine)
    with tempfile.TemporaryDirectory() as folder:
        seeds = range(FIRST_VALIDATION_SEED, FIRST_VALIDATION_SEED + arguments.pictures)
        render_camvid(Path(folder), "val", seeds, width, height)
        seconds, found = compared(segmenters, Path(folder), arguments.scores)
    head = f"{arguments.pictures} pictures of {width}x{height}, {len(arguments.scores)} scores"
    print(f"{head}, ours by {segmenters['ours'].engine}, {arguments.precision}")
    for name, taken in seconds.items():
        print(f"{name:6} {taken:8.1f} s {taken / arguments.pictures * 1000:8.0f} ms a picture")
    ratio, difference = seconds["plain"] / seconds["ours"], furthest(found["plain"], found["ours"])
    print(f"ratio {ratio:.2f}, figures differ by at most {difference:.1e}")


def compared(
    segmenters: dict[str, Segmenter], root: Path, scores: list[str]
) -> tuple[dict[str, float], dict[str, Evaluation]]:
    """Seconds and figures of each; the reading of a picture counts for both."""
    source = labelled_set("roadworld", root, "val")
    table = prediction_table(segmenters["plain"].info.classes, source.classes)
    judges = {name: Judge(scores, RankingPool, len(source.classes), table) for name in segmenters}
    seconds = dict.fromkeys(segmenters, 0.0)
    for index in progress_bar(range(len(source)), desc="evaluate", unit="picture", leave=False):
        for name, segmenter in segmenters.items():
            started = time.perf_counter()
            image, truth = source.read(index)
            judges[name].add(segmenter.scored(image, judges[name].needed, semantic=True), truth)
            seconds[name] += time.perf_counter() - started
    found = {}
    for name, judge in judges.items():
        started = time.perf_counter()
        found[name] = judge.evaluation(source.classes)
        seconds[name] += time.perf_counter() - started
    return seconds, found


def furthest(one: Evaluation, other: Evaluation) -> float:
    """Largest difference of AP, AUROC, FPR95 and mean IoU, in 0..1."""
    differences = [abs(one.segmentation.miou - other.segmentation.miou)]
    for name, ranking in one.rankings.items():
        pairs = zip(vars(ranking).values(), vars(other.rankings[name]).values(), strict=True)
        differences += [abs(first - second) for first, second in pairs]
    return max(differences)


if __name__ == "__main__":
    main()
