"""A labelled set with negatives pasted into its pictures: anomalies to measure on where a set has none of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import OUTLIER
from densehybrid_ros.taxonomies import BINARY_CLASSES, prediction_table
from densehybrid_ros.training.batches.batches import class_mask
from densehybrid_ros.training.batches.made.shapes import shape_cutout
from densehybrid_ros.training.batches.negative_set import NegativeSet
from densehybrid_ros.training.batches.pasting import paste_naturally, random_placement
from densehybrid_ros.training.batches.sample import sample_from_truth
from densehybrid_ros.training.batches.segments import segment_cutout
from densehybrid_ros.training.datasets import labelled_set
from densehybrid_ros.training.datasets.pairs import LabelledSet, LabelledSource
from densehybrid_ros.training.recipe.recipe import SetSource

GROUND = ("road", "pavement", "sidewalk")
"""Classes on which pasted things stand, where a set has them."""
MADE_SHARE = 0.3
"""Of the negatives, made outlines and patterns."""


@dataclass(frozen=True)
class PastedSet:
    """`source` with one to three naturally pasted negatives in each picture, the same ones every time."""

    source: LabelledSource
    negatives: NegativeSet

    def __post_init__(self) -> None:
        if self.source.classes == BINARY_CLASSES:
            raise SetupError(f"{self.source.name} has no classes; nothing can be pasted on its ground")

    @property
    def name(self) -> str:
        return f"{self.source.name} with pasted negatives"

    @property
    def classes(self) -> list[str]:
        return self.source.classes

    @property
    def protocol(self) -> str:
        return self.source.protocol

    def __len__(self) -> int:
        return len(self.source)

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """RGB (H, W, 3) uint8 and open-set labels (H, W) uint8, K on what is pasted."""
        image, truth = self.source.read(index)
        classes, rng = self.classes, np.random.default_rng([2026, index])
        ground = class_mask([name for name in GROUND if name in classes], classes)
        sample = sample_from_truth(image, truth, len(classes))
        for _ in range(int(rng.integers(1, 4))):
            make = shape_cutout if rng.random() < MADE_SHARE else segment_cutout
            cutout = make(self.negatives, rng)
            sample = paste_naturally(sample, cutout, random_placement(sample, ground, rng), rng)
        pasted = sample.labels.copy()
        pasted[sample.dataset_labels == OUTLIER] = len(classes)
        return sample.image, pasted


def validation_sets(entries: Sequence[SetSource], classes: list[str]) -> list[LabelledSource]:
    """The sets of a recipe's entries, with negatives in those that name some.

    Raises:
        SetupError: files are missing, or a set has other classes than those that are trained.
    """
    sets: list[LabelledSource] = []
    for entry in entries:
        source: LabelledSource = labelled_set(
            entry.name, Path(entry.root), entry.split, entry.classes, entry.known_void
        )
        if source.classes != BINARY_CLASSES and prediction_table(classes, source.classes) is None:
            raise SetupError(
                f"validation set {source.name} has other classes than the train sets; read it in theirs by its key "
                "'classes', or leave it out"
            )
        if entry.negatives:
            source = PastedSet(source, NegativeSet([Path(entry.negatives)], entry.negatives_split))
        sets.append(source)
    return sets


def file_of(source: LabelledSource, index: int) -> Path | None:
    """Of a picture, also where something is pasted into it; None where it is rendered."""
    while isinstance(source, PastedSet):
        source = source.source
    return source.pairs[index][0] if isinstance(source, LabelledSet) else None
