"""StreetHazards: 12 classes for training, foreign objects in the towns of the test split."""

from __future__ import annotations

from pathlib import Path

from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.training.datasets.pairs import LabelledSet, label_table, pictures_in, with_labels
from densehybrid_ros.training.datasets.road_scenes import folders_in
from densehybrid_ros.training.datasets.taxonomies import STREETHAZARDS_12

OTHER, ANOMALY = 4, 14
"""Ids in the files, which count from 1."""
SPLITS = {
    "training": ("train/{kind}/training", None),
    "validation": ("train/{kind}/validation", None),
    "test": ("test/{kind}/test", ("t5", "t6")),
    "t5": ("test/{kind}/test", ("t5",)),
    "t6": ("test/{kind}/test", ("t6",)),
}
"""Split → folder, and the towns in it; None = all."""


def streethazards(root: Path, split: str) -> LabelledSet:
    """`train/images/{training,validation}/t*/*.png` and `test/images/test/{t5,t6}/*.png`; `annotations` likewise."""
    if split not in SPLITS:
        raise SetupError(f"streethazards has no split '{split}'; choose one of {', '.join(SPLITS)}")
    pattern, towns = SPLITS[split]
    images, annotations = (root / pattern.format(kind=kind) for kind in ("images", "annotations"))
    folders = [images / town for town in towns] if towns else folders_in(images)
    pairs = with_labels(pictures_in(*folders), lambda path: annotations / path.parent.name / path.name)
    taxonomy = STREETHAZARDS_12
    kept = [label for label in range(1, ANOMALY) if label != OTHER]
    train_ids = {label: index for index, label in enumerate(kept)} | {ANOMALY: len(taxonomy.classes)}
    return LabelledSet(
        f"streethazards/{split}",
        pairs,
        label_table(train_ids),
        taxonomy.classes,
        taxonomy.palette,
        frozenset(range(1, ANOMALY + 1)),
    )
