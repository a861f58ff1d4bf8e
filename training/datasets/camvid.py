"""CamVid with 11 classes, and CamVid-OOD: the same ids plus 12 = anomaly."""

from __future__ import annotations

from pathlib import Path

from densehybrid_ros.labels import CAMVID_ANOMALY_ID, CAMVID_TABLE
from densehybrid_ros.taxonomies import CAMVID_11
from densehybrid_ros.training.datasets.dataset import DataSet, LabelIds
from densehybrid_ros.training.datasets.listing import Listing, folder_listing


def camvid_files(root: Path, split: str) -> Listing:
    """Pictures and labels of a split; "" where there is none."""
    return folder_listing(root / "images" / split, root / "labels" / split)


def camvid_ids(root: Path) -> LabelIds:
    """11 is void, 12 anomaly."""
    return LabelIds(CAMVID_TABLE, frozenset(range(CAMVID_ANOMALY_ID + 1)))


CAMVID = DataSet(
    "camvid",
    "`images/SPLIT/*.jpg`, `labels/SPLIT/*.png`",
    camvid_files,
    camvid_ids,
    CAMVID_11,
    ("train", "val", "test"),
    ("images/{}", "labels/{}"),
    reported="val",
    trainable=True,
)
CAMVID_OOD = DataSet("camvid-ood", "`images/*.jpg`, `labels/*.png`", camvid_files, camvid_ids, CAMVID_11)
