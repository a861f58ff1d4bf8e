"""CamVid with 11 classes, and CamVid-OOD: the same ids plus 12 = anomaly."""

from __future__ import annotations

from pathlib import Path

from densehybrid_ros.labels import CAMVID_ANOMALY_ID, CAMVID_CLASSES, CAMVID_TABLE
from densehybrid_ros.training.datasets.listing import folder_listing
from densehybrid_ros.training.datasets.pairs import LabelledSet

CLASSES = list(CAMVID_CLASSES)
# the CamVid authors' colours, bicyclist brightened to differ from building at night
PALETTE = [
    [128, 180, 220],
    [150, 75, 60],
    [192, 192, 128],
    [128, 64, 128],
    [200, 90, 180],
    [90, 140, 30],
    [220, 190, 60],
    [110, 110, 160],
    [40, 60, 190],
    [230, 130, 40],
    [0, 150, 160],
]
IDS = frozenset(range(CAMVID_ANOMALY_ID + 1))


def camvid(root: Path, split: str, name: str = "camvid") -> LabelledSet:
    """`images/{split}/*.jpg|png` with `labels/{split}/*.png`."""
    files = folder_listing(root / "images" / split, root / "labels" / split)
    return LabelledSet(f"{name}/{split}", files, CAMVID_TABLE, CLASSES, PALETTE, IDS)


def roadworld(root: Path, split: str) -> LabelledSet:
    """What `densehybrid render-roadworld` writes: the layout of CamVid, anomalies with id 12."""
    return camvid(root, split, "roadworld")


def camvid_ood(root: Path, split: str = "") -> LabelledSet:
    """`images/*.jpg` with `labels/*.png`; anomalies have id 12."""
    files = folder_listing(root / "images", root / "labels")
    return LabelledSet("camvid-ood", files, CAMVID_TABLE, CLASSES, PALETTE, IDS)
