"""StreetHazards: 12 classes for training, foreign objects in the towns of the test split."""

from __future__ import annotations

from pathlib import Path

from densehybrid_ros.errors import SetupError
from densehybrid_ros.taxonomies import STREETHAZARDS_12
from densehybrid_ros.training.datasets.dataset import DataSet, fixed_ids
from densehybrid_ros.training.datasets.listing import Listing, by_folder, require_folder

OTHER, ANOMALY = 4, 14
"""Ids in the files, which count from 1."""
PLACES = {
    "training": ("train/{kind}/training", "*", ()),
    "validation": ("train/{kind}/validation", "*", ()),
    "test": ("test/{kind}/test", "t[56]", ("t5", "t6")),
    "t5": ("test/{kind}/test", "t5", ("t5",)),
    "t6": ("test/{kind}/test", "t6", ("t6",)),
}
"""Split → folder, pattern of the towns in it, and those that must be there."""
KEPT = [label for label in range(1, ANOMALY) if label != OTHER]
TRAIN_IDS = {label: index for index, label in enumerate(KEPT)} | {ANOMALY: len(STREETHAZARDS_12.classes)}


def streethazards_files(root: Path, split: str) -> Listing:
    """A folder for each town.

    Raises:
        SetupError: no such split, or a folder that is missing.
    """
    if split not in PLACES:
        raise SetupError(f"streethazards has no split '{split}'; choose one of {', '.join(PLACES)}")
    folder, towns, needed = PLACES[split]
    images, annotations = (root / folder.format(kind=kind) for kind in ("images", "annotations"))
    for town in needed:
        require_folder(images / town)
    return by_folder(images, "", annotations, "", towns)


STREETHAZARDS = DataSet(
    "streethazards",
    "`train/images/SPLIT/TOWN/*.png`, `test/images/test/TOWN/*.png`, `annotations` beside `images`",
    streethazards_files,
    fixed_ids(TRAIN_IDS, range(1, ANOMALY + 1)),
    STREETHAZARDS_12,
    ("training", "validation", "t5", "t6"),  # "test" is t5 and t6
    ("train/images/{}", "train/annotations/{}", "test/images/test/{}", "test/annotations/test/{}"),
    reported="test",
    protocol="per-picture",
    trainable=True,
)
