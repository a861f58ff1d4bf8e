"""Cityscapes and WildDash2, in the 19 classes of Cityscapes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from densehybrid_ros.labels import CITYSCAPES_IDS, IGNORE
from densehybrid_ros.taxonomies import CITYSCAPES_19
from densehybrid_ros.training.datasets.dataset import DataSet, fixed_ids
from densehybrid_ros.training.datasets.listing import Listing, by_folder, folder_listing
from densehybrid_ros.training.datasets.pairs import Mistaken

UNKNOWN = len(CITYSCAPES_19.classes)
VOID_AS_UNKNOWN = (4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30)
"""Label ids of things outside the 19 classes, which one protocol takes for anomalies."""
KNOWN_VOID = (1, 2, 6, 9, 10, 14, 15, 16, 18, 29, 30)
"""Ego vehicle, border, ground, parking, rail track, guard rail, bridge, tunnel, pole group, caravan, trailer: no
obstacles, of no class. What is left out: static and dynamic, which hold real obstacles."""
WILDDASH_EXTRA = {34: 13, 35: 13, 38: 0}
"""Van and pick-up are cars, lane markings are road."""
TRAIN_IDS = {label: index for index, label in enumerate(CITYSCAPES_IDS)}
IDS = (*range(34), IGNORE)
"""255 is the licence plate, −1 in Cityscapes' own table."""

MISTAKEN = Mistaken(frozenset((*range(UNKNOWN), IGNORE)), "trainIds; give the labelIds")
"""labelIds of a whole set have more: vegetation is 21, sky 23, a car 26; and 255 stands in none."""


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
    known_void=KNOWN_VOID,
    mistaken=MISTAKEN,
)
CITYSCAPES_VOID = replace(
    CITYSCAPES,
    name="cityscapes-void",
    layout="the same; labelled things outside the 19 classes are unknown",
    ids=fixed_ids(TRAIN_IDS | dict.fromkeys(VOID_AS_UNKNOWN, UNKNOWN), IDS),
    splits=("val",),
    trainable=False,
    known_void=(),
)
WILDDASH2 = DataSet(
    "wilddash2",
    "`images/*.jpg`, `labels/*.png`",
    lambda root, split: folder_listing(root / "images", root / "labels"),
    fixed_ids(TRAIN_IDS | WILDDASH_EXTRA, [*range(39), IGNORE]),
    CITYSCAPES_19,
    trainable=True,
    mistaken=MISTAKEN,
)
