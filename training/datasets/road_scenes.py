"""Cityscapes and WildDash2, in the 19 classes of Cityscapes."""

from __future__ import annotations

from pathlib import Path

from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.training.datasets.pairs import LabelledSet, label_table, pair_files, pictures_in, with_labels
from densehybrid_ros.training.datasets.taxonomies import CITYSCAPES_19

CLASSES, PALETTE = CITYSCAPES_19.classes, CITYSCAPES_19.palette
UNKNOWN = len(CLASSES)
LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""Cityscapes' label id of each trainId."""
VOID_AS_UNKNOWN = (4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30)
"""Label ids of things outside the 19 classes, which one protocol takes for anomalies."""
WILDDASH_EXTRA = {34: 13, 35: 13, 38: 0}
"""Van and pick-up are cars, lane markings are road."""
TRAIN_IDS = {label: index for index, label in enumerate(LABEL_IDS)}


def cityscapes(root: Path, split: str) -> LabelledSet:
    """`leftImg8bit/{split}/{city}/*_leftImg8bit.png` with `gtFine/{split}/{city}/*_gtFine_labelIds.png`."""
    return _cityscapes(root, split, "cityscapes", TRAIN_IDS)


def cityscapes_void(root: Path, split: str) -> LabelledSet:
    """The same, with labelled things outside the 19 classes as unknown."""
    return _cityscapes(root, split, "cityscapes-void", TRAIN_IDS | dict.fromkeys(VOID_AS_UNKNOWN, UNKNOWN))


def wilddash2(root: Path, split: str = "") -> LabelledSet:
    """`images/*.jpg` with `labels/*.png`; there are no splits."""
    if split not in ("", "all"):
        raise SetupError(f"wilddash2 has no split '{split}'; leave it empty")
    table = label_table(TRAIN_IDS | WILDDASH_EXTRA)
    pairs = pair_files(root / "images", root / "labels")
    return LabelledSet("wilddash2", pairs, table, CLASSES, PALETTE, frozenset([*range(39), 255]))


def _cityscapes(root: Path, split: str, name: str, train_ids: dict[int, int]) -> LabelledSet:
    images, labels = root / "leftImg8bit" / split, root / "gtFine" / split
    pictures = [path for path in pictures_in(*folders_in(images)) if path.stem.endswith("_leftImg8bit")]

    def labels_of(path: Path) -> Path:
        return labels / path.parent.name / path.name.replace("_leftImg8bit.png", "_gtFine_labelIds.png")

    pairs = with_labels(pictures, labels_of)
    # 255 is the licence plate, −1 in Cityscapes' own table
    return LabelledSet(f"{name}/{split}", pairs, label_table(train_ids), CLASSES, PALETTE, frozenset([*range(34), 255]))


def folders_in(folder: Path) -> list[Path]:
    """
    Raises:
        SetupError: it is absent, or holds none.
    """
    found = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if not found:
        raise SetupError(
            f"{folder} holds no folders of pictures; give the folder of the data set with --data or --root"
        )
    return found
