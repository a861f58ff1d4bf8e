"""The splits that each data set has, and how one sees which of them are there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from densehybrid_ros.errors import SetupError


@dataclass(frozen=True)
class Splits:
    """Names, and folders of which at least one is there where the split is; {} stands for the name."""

    names: tuple[str, ...]
    folders: tuple[str, ...]


CITYSCAPES_FOLDERS = ("leftImg8bit/{}", "gtFine/{}")
LOSTANDFOUND_FOLDERS = ("leftImg8bit/{}", "gtCoarse/{}")
CAMVID_FOLDERS = ("images/{}", "labels/{}")
SPLITS = {
    "camvid": Splits(("train", "val", "test"), CAMVID_FOLDERS),
    "roadworld": Splits(("train", "val"), CAMVID_FOLDERS),
    "cityscapes": Splits(("train", "val"), CITYSCAPES_FOLDERS),
    "cityscapes-void": Splits(("val",), CITYSCAPES_FOLDERS),
    "vistas": Splits(("training", "validation"), ("{}/images", "{}/labels", "{}/v1.2")),
    # its split "test" is t5 and t6
    "streethazards": Splits(
        ("training", "validation", "t5", "t6"),
        ("train/images/{}", "train/annotations/{}", "test/images/test/{}", "test/annotations/test/{}"),
    ),
    "lostandfound": Splits(("train", "test"), LOSTANDFOUND_FOLDERS),
    "smiyc-lostandfound-noknown": Splits(("test",), LOSTANDFOUND_FOLDERS),
    "ade20k": Splits(("training", "validation"), ("images/{}", "annotations/{}")),
}
"""Of the sets that have splits."""


def refuse_split(name: str, split: str) -> None:
    """
    Raises:
        SetupError: a split is asked for of a set that has none.
    """
    if split and name not in SPLITS:
        raise SetupError(f"data set {name} has no splits, but '{split}' was asked for; leave the split empty")


def splits_below(name: str, root: Path) -> list[str]:
    """Those that lie below `root`, whole or not; "" for a set without splits.

    Raises:
        SetupError: there are none.
    """
    if name not in SPLITS:
        return [""]
    known = SPLITS[name]
    found = [split for split in known.names if any((root / folder.format(split)).is_dir() for folder in known.folders)]
    if not found:
        wanted = ", ".join(folder.format("SPLIT") for folder in known.folders)
        raise SetupError(
            f"{root} holds no split of {name}; looked for {' or '.join(known.names)} as SPLIT in {wanted}; "
            "give the folder above these"
        )
    return found
