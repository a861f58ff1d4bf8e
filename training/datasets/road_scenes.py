"""Cityscapes and WildDash2, in the 19 classes of Cityscapes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from densehybrid_ros.labels import CITYSCAPES_IDS, IGNORE
from densehybrid_ros.training.datasets.dataset import DataSet, fixed_ids
from densehybrid_ros.training.datasets.listing import Listing, by_folder, folder_listing
from densehybrid_ros.training.datasets.taxonomies import CITYSCAPES_19

UNKNOWN = len(CITYSCAPES_19.classes)
VOID_AS_UNKNOWN = (4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30)
"""Label ids of things outside the 19 classes, which one protocol takes for anomalies."""
WILDDASH_EXTRA = {34: 13, 35: 13, 38: 0}
"""Van and pick-up are cars, lane markings are road."""
TRAIN_IDS = {label: index for index, label in enumerate(CITYSCAPES_IDS)}
IDS = (*range(34), IGNORE)
"""255 is the licence plate, −1 in Cityscapes' own table."""


def cityscapes_files(root: Path, split: str) -> Listing:
    """A folder for each city."""
    return by_folder(root / "leftImg8bit" / split, "_leftImg8bit", root / "gtFine" / split, "_gtFine_labelIds")


CITYSCAPES = DataSet(
    "cityscapes",
    "`leftImg8bit/SPLIT/CITY/*_leftImg8bit.png`, `gtFine/SPLIT/CITY/*_gtFine_labelIds.png`",
    cityscapes_files,
    fixed_ids(TRAIN_IDS, IDS),
    CITYSCAPES_19,
    ("train", "val"),
    ("leftImg8bit/{}", "gtFine/{}"),
    reported="val",
    trainable=True,
)
CITYSCAPES_VOID = replace(
    CITYSCAPES,
    name="cityscapes-void",
    layout="the same; labelled things outside the 19 classes are unknown",
    ids=fixed_ids(TRAIN_IDS | dict.fromkeys(VOID_AS_UNKNOWN, UNKNOWN), IDS),
    splits=("val",),
    trainable=False,
)
WILDDASH2 = DataSet(
    "wilddash2",
    "`images/*.jpg`, `labels/*.png`",
    lambda root, split: folder_listing(root / "images", root / "labels"),
    fixed_ids(TRAIN_IDS | WILDDASH_EXTRA, [*range(39), IGNORE]),
    CITYSCAPES_19,
    trainable=True,
)
