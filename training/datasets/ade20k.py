"""Negatives in the layout of ADE20K: segments without classes. They are checked and pasted, and never labelled."""

from __future__ import annotations

from pathlib import Path

from densehybrid_ros.taxonomies import NO_CLASSES
from densehybrid_ros.training.datasets.dataset import DataSet, fixed_ids
from densehybrid_ros.training.datasets.listing import Listing, folder_listing


def ade20k_files(root: Path, split: str) -> Listing:
    """Pictures and their segments."""
    return folder_listing(root / "images" / split, root / "annotations" / split)


ADE20K = DataSet(
    "ade20k",
    "`images/SPLIT/*.jpg`, `annotations/SPLIT/*.png`; 0 is no segment",
    ade20k_files,
    fixed_ids({}, range(256)),
    NO_CLASSES,
    ("training", "validation"),
    ("images/{}", "annotations/{}"),
)
