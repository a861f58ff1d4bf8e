"""StreetHazards: 12 classes for training, foreign objects in the towns of the test split."""

from __future__ import annotations

from pathlib import Path

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import label_table
from densehybrid_ros.training.datasets.listing import by_folder, require_folder
from densehybrid_ros.training.datasets.pairs import LabelledSet
from densehybrid_ros.training.datasets.taxonomies import STREETHAZARDS_12

OTHER, ANOMALY = 4, 14
"""Ids in the files, which count from 1."""
SPLITS = {
    "training": ("train/{kind}/training", "*", ()),
    "validation": ("train/{kind}/validation", "*", ()),
    "test": ("test/{kind}/test", "t[56]", ("t5", "t6")),
    "t5": ("test/{kind}/test", "t5", ("t5",)),
    "t6": ("test/{kind}/test", "t6", ("t6",)),
}
"""Split → folder, pattern of the towns in it, and those that must be there."""


def streethazards(root: Path, split: str) -> LabelledSet:
    """`train/images/{training,validation}/t*/*.png` and `test/images/test/{t5,t6}/*.png`; `annotations` likewise."""
    if split not in SPLITS:
        raise SetupError(f"streethazards has no split '{split}'; choose one of {', '.join(SPLITS)}")
    folder, towns, needed = SPLITS[split]
    images, annotations = (root / folder.format(kind=kind) for kind in ("images", "annotations"))
    for town in needed:
        require_folder(images / town)
    files = by_folder(images, "", annotations, "", towns)
    taxonomy = STREETHAZARDS_12
    kept = [label for label in range(1, ANOMALY) if label != OTHER]
    train_ids = {label: index for index, label in enumerate(kept)} | {ANOMALY: len(taxonomy.classes)}
    return LabelledSet(
        f"streethazards/{split}",
        files,
        label_table(train_ids),
        taxonomy.classes,
        taxonomy.palette,
        frozenset(range(1, ANOMALY + 1)),
    )
