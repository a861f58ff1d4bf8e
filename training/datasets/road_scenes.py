"""Cityscapes and WildDash2, in the 19 classes of Cityscapes."""

from __future__ import annotations

from pathlib import Path

from densehybrid_ros.labels import CITYSCAPES_IDS, IGNORE, label_table
from densehybrid_ros.training.datasets.listing import by_folder, folder_listing
from densehybrid_ros.training.datasets.pairs import LabelledSet
from densehybrid_ros.training.datasets.taxonomies import CITYSCAPES_19

CLASSES, PALETTE = CITYSCAPES_19.classes, CITYSCAPES_19.palette
UNKNOWN = len(CLASSES)
VOID_AS_UNKNOWN = (4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30)
"""Label ids of things outside the 19 classes, which one protocol takes for anomalies."""
WILDDASH_EXTRA = {34: 13, 35: 13, 38: 0}
"""Van and pick-up are cars, lane markings are road."""
TRAIN_IDS = {label: index for index, label in enumerate(CITYSCAPES_IDS)}


def cityscapes(root: Path, split: str) -> LabelledSet:
    """`leftImg8bit/{split}/{city}/*_leftImg8bit.png` with `gtFine/{split}/{city}/*_gtFine_labelIds.png`."""
    return _cityscapes(root, split, "cityscapes", TRAIN_IDS)


def cityscapes_void(root: Path, split: str) -> LabelledSet:
    """The same, with labelled things outside the 19 classes as unknown."""
    return _cityscapes(root, split, "cityscapes-void", TRAIN_IDS | dict.fromkeys(VOID_AS_UNKNOWN, UNKNOWN))


def wilddash2(root: Path, split: str = "") -> LabelledSet:
    """`images/*.jpg` with `labels/*.png`; there are no splits."""
    table = label_table(TRAIN_IDS | WILDDASH_EXTRA)
    files = folder_listing(root / "images", root / "labels")
    return LabelledSet("wilddash2", files, table, CLASSES, PALETTE, frozenset([*range(39), IGNORE]))


def _cityscapes(root: Path, split: str, name: str, train_ids: dict[int, int]) -> LabelledSet:
    images, labels = root / "leftImg8bit" / split, root / "gtFine" / split
    files = by_folder(images, "_leftImg8bit", labels, "_gtFine_labelIds")
    # 255 is the licence plate, −1 in Cityscapes' own table
    return LabelledSet(
        f"{name}/{split}", files, label_table(train_ids), CLASSES, PALETTE, frozenset([*range(34), IGNORE])
    )
