"""python benchmarks/training_step.py [--crop 256 384] [--architecture ladder_lite0] [--plain-memory]

Seconds of an optimiser step, and what shortens it: trains a network in 19 classes on pictures that Roadworld makes,
with all that a step does but composing the batch. Each row adds one key of a recipe to those before it. The rows take
turns, so that a noisy machine hits all alike; printed is the fastest step of each, and how many times faster than the
first row it is. With --plain-memory the C library gives freed memory back to the system, as it does of itself.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import torch

from densehybrid_ros.models import MODELS
from densehybrid_ros.roadworld import Roadworld
from densehybrid_ros.training.batches.batches import Batch
from densehybrid_ros.training.losses.hybrid import HybridLossWeights
from densehybrid_ros.training.recipe.recipe import Recipe, SetSource
from densehybrid_ros.training.run.engine import make_engine
from densehybrid_ros.training.run.segmenter import SegmenterTraining

ADDED: dict[str, dict[str, Any]] = {
    "as it is": {},
    "freeze_early": {"freeze_early": True},
    "loss_stride 2": {"loss_stride": 2},
    "precision bf16": {"precision": "bf16"},
}


def write_set(root: Path, size: tuple[int, int] = (1024, 512), pictures: int = 8) -> None:
    """CamVid's layout, in its classes."""
    for folder in ("images/train", "labels/train"):
        (root / folder).mkdir(parents=True)
    for number in range(pictures):
        frame = Roadworld(number, *size).frame(10, stereo=False)
        cv2.imwrite(str(root / "images" / "train" / f"{number}.png"), cv2.cvtColor(frame.left, cv2.COLOR_RGB2BGR))
        cv2.imwrite(str(root / "labels" / "train" / f"{number}.png"), frame.labels)


def jobs(root: Path, architecture: str, batch: int, crop: list[int]) -> dict[str, SegmenterTraining]:
    source = SetSource("camvid", str(root), "train", classes="cityscapes")
    loss = HybridLossWeights(dataset=1.0, likelihood=0.1, likelihood_form="logistic")
    recipe = Recipe(architecture=architecture, train=[source], steps=1, batch=batch, crop=crop, loss=loss)
    made: dict[str, SegmenterTraining] = {}
    for name, keys in ADDED.items():
        recipe = replace(recipe, **keys)
        made[name] = SegmenterTraining(recipe, make_engine("auto", 1, 1, recipe.precision))
    return made


def seconds_of_step(job: SegmenterTraining, batch: Batch, step: int) -> float:
    started = time.perf_counter()
    job.optimizer.zero_grad(set_to_none=True)
    loss = job.backward(batch, step)["loss"]
    job.optimizer.step()
    float(loss)  # waits for a GPU
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crop", type=int, nargs=2, default=[256, 384], metavar=("H", "W"))
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--architecture", choices=MODELS, default="ladder_lite0")
    parser.add_argument("--plain-memory", action="store_true")
    arguments = parser.parse_args()
    if arguments.plain_memory:
        patch("densehybrid_ros.training.run.engine.keep_freed_memory").start()
    with tempfile.TemporaryDirectory() as folder:
        write_set(Path(folder))
        runs = jobs(Path(folder), arguments.architecture, arguments.batch, arguments.crop)
        batch = next(iter(runs.values())).batches[0]
    times: dict[str, list[float]] = {name: [] for name in runs}
    for step in range(arguments.steps):
        for name, job in runs.items():
            times[name].append(seconds_of_step(job, batch, step))
    slowest = min(times["as it is"])
    print(f"{arguments.batch} crops of {arguments.crop[1]}x{arguments.crop[0]}, {torch.get_num_threads()} threads")
    for name, taken in times.items():
        print(f"{name:16} {min(taken):6.2f} s   {slowest / min(taken):5.2f} times as fast")


if __name__ == "__main__":
    main()
