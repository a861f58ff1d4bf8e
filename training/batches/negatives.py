"""What is pasted into a crop: one interface for all of it, and what each style of a recipe is made of.

A new source of negatives is a file that cuts them out, like `segments.py` or `made/shapes.py`, and a row in `STYLES`.
What a network samples is pasted on its device instead, into a whole batch: see `training/run/companion.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.batches.cutouts import CutOut
from densehybrid_ros.training.batches.inliers import inlier_cutout
from densehybrid_ros.training.batches.made.boxes import box_cutout
from densehybrid_ros.training.batches.made.flat_things import with_flat_thing
from densehybrid_ros.training.batches.made.machines import machine_cutout
from densehybrid_ros.training.batches.made.paint import with_painted_lines
from densehybrid_ros.training.batches.made.shapes import shape_cutout
from densehybrid_ros.training.batches.negative_set import NegativeSet
from densehybrid_ros.training.batches.pasting import LARGEST, paste_as_released, paste_naturally, random_placement
from densehybrid_ros.training.batches.released import released_patch
from densehybrid_ros.training.batches.sample import Sample
from densehybrid_ros.training.batches.segments import segment_cutout
from densehybrid_ros.training.recipe.recipe import Pasting

Frame = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""A picture (H, W, 3) and its open-set labels (H, W)."""
Rng = np.random.Generator
MOST_FLAT = 4
"""Flat things in one crop."""
MOST_PAINTED = 2
"""Lines, or pairs of them, in one crop."""
LARGEST_MACHINE = 1.0
"""Its height, in heights of the crop: its sides are what is to be learnt, and they are seen from near."""


@dataclass(frozen=True)
class Surroundings:
    """What a crop is composed in."""

    ground: NDArray[np.bool_]
    """(256,) ids of the classes on which things stand."""
    neighbour: Callable[[], Frame]
    """Reads the frame of another crop of the batch."""


class Negatives(Protocol):
    """Something that can be pasted."""

    def paste_into(self, sample: Sample, around: Surroundings, rng: Rng) -> Sample: ...


@dataclass(frozen=True)
class Standing:
    """One cut-out, pasted naturally: on the ground, or anywhere."""

    cutout: Callable[[Rng], CutOut]
    largest: float = LARGEST
    """In heights of the crop."""

    def paste_into(self, sample: Sample, around: Surroundings, rng: Rng) -> Sample:
        placement = random_placement(sample, around.ground, rng, self.largest)
        return paste_naturally(sample, self.cutout(rng), placement, rng)


@dataclass(frozen=True)
class Inliers:
    """One segment of another frame, pasted naturally; it keeps its class."""

    classes: int

    def paste_into(self, sample: Sample, around: Surroundings, rng: Rng) -> Sample:
        cutout = inlier_cutout(*around.neighbour(), self.classes, rng)
        if cutout is None:
            return sample
        return paste_naturally(sample, cutout, random_placement(sample, around.ground, rng), rng)


@dataclass(frozen=True)
class Flat:
    """A cover, a stain or a patch that lies in the ground, which stays what it is: no obstacle."""

    def paste_into(self, sample: Sample, around: Surroundings, rng: Rng) -> Sample:
        return with_flat_thing(sample, around.ground, rng)


@dataclass(frozen=True)
class Painted:
    """A line on the ground, or two, which stays what it is: no obstacle."""

    def paste_into(self, sample: Sample, around: Surroundings, rng: Rng) -> Sample:
        return with_painted_lines(sample, around.ground, rng)


@dataclass(frozen=True)
class Released:
    """One hard-edged patch at a random place."""

    cutout: Callable[[Rng], CutOut]

    def paste_into(self, sample: Sample, around: Surroundings, rng: Rng) -> Sample:
        return paste_as_released(sample, self.cutout(rng), rng)


@dataclass(frozen=True)
class Mixture:
    """The first with probability `share`, else the second."""

    share: float
    first: Negatives
    second: Negatives

    def paste_into(self, sample: Sample, around: Surroundings, rng: Rng) -> Sample:
        chosen = self.first if rng.random() < self.share else self.second
        return chosen.paste_into(sample, around, rng)


@dataclass(frozen=True)
class Several:
    """One to `most` of them."""

    most: int
    each: Negatives

    def paste_into(self, sample: Sample, around: Surroundings, rng: Rng) -> Sample:
        for _ in range(int(rng.integers(1, self.most + 1))):
            sample = self.each.paste_into(sample, around, rng)
        return sample


@dataclass(frozen=True)
class Sometimes:
    """With that probability; else the crop stays as it is."""

    probability: float
    what: Negatives

    def paste_into(self, sample: Sample, around: Surroundings, rng: Rng) -> Sample:
        return self.what.paste_into(sample, around, rng) if rng.random() < self.probability else sample


def natural(pasting: Pasting, negatives: NegativeSet) -> Negatives:
    """Segments of real pictures and synthetic shapes, with soft edges and in the light of their place."""
    made: Negatives = Standing(partial(shape_cutout, negatives))
    if pasting.box_share:
        made = Mixture(pasting.box_share, Standing(box_cutout), made)
    if pasting.machine_share:
        made = Mixture(pasting.machine_share, Standing(partial(machine_cutout, negatives), LARGEST_MACHINE), made)
    segments = Standing(partial(segment_cutout, negatives), pasting.largest)
    return Several(pasting.max_negatives, Mixture(pasting.made_share, made, segments))


def released(pasting: Pasting, negatives: NegativeSet) -> Negatives:
    """The authors' patches, one per crop."""
    return Released(partial(released_patch, negatives, pasting.patch))


Style = Callable[[Pasting], Negatives | None]
"""What a recipe pastes; None = nothing."""


def of_set(make: Callable[[Pasting, NegativeSet], Negatives]) -> Style:
    """Out of the recipe's set of negatives; nothing where it names none."""
    return lambda pasting: make(pasting, _set(pasting)) if pasting.root else None


def _set(pasting: Pasting) -> NegativeSet:
    return NegativeSet([Path(root) for root in (pasting.root, *pasting.also)], pasting.split)


STYLES: dict[str, Style] = {"natural": of_set(natural), "released": of_set(released)}
"""By `pasting.style` of a recipe."""


def negatives_of(pasting: Pasting, classes: int) -> list[Negatives]:
    """Everything that a recipe pastes into its crops, in this order.

    Raises:
        SetupError: an unknown style, or the set of negatives is not there.
    """
    if pasting.style not in STYLES:
        raise SetupError(f"pasting.style is '{pasting.style}'; choose one of {', '.join(STYLES)}")
    pasted: list[Negatives] = [Sometimes(pasting.inlier_probability, Several(pasting.max_inliers, Inliers(classes)))]
    if pasting.flat_probability:  # a recipe without them draws the random numbers that it always drew
        pasted.insert(0, Sometimes(pasting.flat_probability, Several(MOST_FLAT, Flat())))
    if pasting.paint_probability:
        pasted.insert(0, Sometimes(pasting.paint_probability, Several(MOST_PAINTED, Painted())))
    source = STYLES[pasting.style](pasting)
    return pasted if source is None else [*pasted, Sometimes(pasting.negative_probability, source)]
