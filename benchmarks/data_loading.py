"""python benchmarks/data_loading.py [--negatives DIR]: how many finished crops of 768x768 one core composes a second.

Reads pictures of 2048x1024, as Cityscapes has them, in PNG, made by Roadworld; jitters, pastes negatives, and changes
light, as the recipes do. The negatives are segments of Roadworld's pictures, or those of a folder in the ADE20K layout.
Prints crops per second on one core, with pictures from PNG and from the cache of decoded pictures.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import torch

from densehybrid_ros.roadworld import Roadworld
from densehybrid_ros.training.batches.batches import Batches
from densehybrid_ros.training.recipe.recipe import Pasting, Recipe, SetSource

SIZE, CROP = (2048, 1024), [768, 768]
PICTURES = 6


def write_pictures(root: Path) -> None:
    """CamVid's layout for training, ADE20K's for the negatives."""
    for folder in ("images/train", "labels/train", "images/training", "annotations/training"):
        (root / folder).mkdir(parents=True)
    for number in range(PICTURES):
        frame = Roadworld(300 + number, *SIZE).frame(20, stereo=False)
        picture = cv2.cvtColor(frame.left, cv2.COLOR_RGB2BGR)
        # a camera's noise, without which PNG would be smaller and quicker than real pictures
        noise = np.random.default_rng(number).normal(0, 2, picture.shape)
        noisy = np.clip(picture + noise, 0, 255).astype(np.uint8)
        cv2.imwrite(str(root / "images" / "train" / f"{number}.png"), noisy)
        cv2.imwrite(str(root / "labels" / "train" / f"{number}.png"), frame.labels)
        small = cv2.resize(noisy, (683, 512), interpolation=cv2.INTER_AREA)
        segments = cv2.resize(frame.labels + np.uint8(1), (683, 512), interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(root / "images" / "training" / f"{number}.jpg"), small)
        cv2.imwrite(str(root / "annotations" / "training" / f"{number}.png"), segments)


def recipe(root: Path, negatives: Path, style: str) -> Recipe:
    return Recipe(
        architecture="ldn121",
        train=[SetSource("camvid", str(root), "train")],
        steps=1,
        batch=2,
        crop=CROP,
        scale=[0.5, 2.0],
        rare_classes=["pole", "sign", "pedestrian", "bicyclist"],
        ground_classes=["road", "pavement"],
        pasting=Pasting(root=str(negatives), style=style),
    )


def crops_per_second(batches: Batches, count: int) -> float:
    """On this one core."""
    begun = time.perf_counter()
    for index in range(count):
        batches.sample(index // 2, index % 2)
    return count / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--negatives", type=Path, help="folder in the ADE20K layout")
    parser.add_argument("--crops", type=int, default=40)
    parser.add_argument("--profile", action="store_true", help="where the time goes")
    arguments = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_pictures(root)
        for style in ("natural", "released"):
            for source, cache in (("PNG", None), ("cache", root / "cache")):
                batches = Batches(recipe(root, arguments.negatives or root, style), cache=cache)
                crops_per_second(batches, arguments.crops)  # fills the cache
                rate = crops_per_second(batches, arguments.crops)
                print(f"{style:<9}{source:<6}{rate:6.1f} crops of {CROP[1]}x{CROP[0]} per second and core")
                if arguments.profile:
                    profile = cProfile.Profile()
                    profile.runcall(crops_per_second, batches, arguments.crops)
                    pstats.Stats(profile).sort_stats("tottime").print_stats(22)


if __name__ == "__main__":
    main()
