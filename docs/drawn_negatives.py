"""python docs/drawn_negatives.py: draws the picture of docs/training.md: machines, and paint on Roadworld's roads.

Everything in it is drawn by this project, so that no data set's terms hold for it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.pictures import write_picture
from densehybrid_ros.roadworld import Frame, Roadworld
from densehybrid_ros.taxonomies import CAMVID_CLASSES
from densehybrid_ros.training.batches.batches import class_mask
from densehybrid_ros.training.batches.made.machines import machine_cutout
from densehybrid_ros.training.batches.negative_set import NegativeSet
from densehybrid_ros.training.batches.negatives import LARGEST_MACHINE, Painted, Several, Standing, Surroundings
from densehybrid_ros.training.batches.sample import sample_from_truth

OUT = Path(__file__).resolve().parent / "images" / "machines.jpg"
SIZE = 480, 270
DRIVES = 0, 2, 5
SEEDS = 36, 30, 35
"""Of what is drawn into their first frames."""
PAPER = 235
QUALITY = 85
Picture = NDArray[np.uint8]


def as_negatives(picture: Picture, folder: Path) -> NegativeSet:
    """One picture in the ADE20K layout, whose brightness weathers the machines."""
    for kind, content in (("images", picture), ("annotations", np.ones(picture.shape[:2], np.uint8))):
        (folder / kind / "training").mkdir(parents=True)
        cv2.imwrite(str(folder / kind / "training" / "0.png"), content)
    return NegativeSet([folder])


def on_paper(negatives: NegativeSet, seed: int, side: int) -> Picture:
    """One machine alone."""
    cutout = machine_cutout(negatives, np.random.default_rng(seed))
    alpha = cutout.alpha[..., None]
    drawn = np.full((side, side, 3), PAPER, np.uint8)
    part = cutout.image * alpha + PAPER * (1 - alpha)
    scale = min(1.0, side / max(part.shape[:2]))
    small = cv2.resize(part.astype(np.uint8), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    drawn[: small.shape[0], : small.shape[1]] = small
    return drawn


def on_the_road(negatives: NegativeSet, frame: Frame, seed: int) -> Picture:
    """A frame with lines and up to three machines, as a recipe shows them."""
    around = Surroundings(class_mask(["road", "pavement"], list(CAMVID_CLASSES)), lambda: (frame.left, frame.labels))
    machines = Several(3, Standing(partial(machine_cutout, negatives), LARGEST_MACHINE))
    sample, rng = sample_from_truth(frame.left, frame.labels, len(CAMVID_CLASSES)), np.random.default_rng(seed)
    for source in (Painted(), machines):
        sample = source.paste_into(sample, around, rng)
    return sample.image


def drawn() -> Picture:
    """(H, W, 3) RGB."""
    frames = [Roadworld(drive, *SIZE).frame(0) for drive in DRIVES]
    with TemporaryDirectory() as folder:
        negatives = as_negatives(frames[0].left, Path(folder))
        machines = [on_paper(negatives, seed, len(DRIVES) * SIZE[0] // 8) for seed in range(8)]
        roads = [on_the_road(negatives, frame, seed) for seed, frame in zip(SEEDS, frames, strict=True)]
    return np.concatenate([np.concatenate(machines, 1), np.concatenate(roads, 1)])


if __name__ == "__main__":
    write_picture(OUT, cv2.cvtColor(drawn(), cv2.COLOR_RGB2BGR), QUALITY)
