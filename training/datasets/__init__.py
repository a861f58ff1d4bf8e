"""Data sets: `DATASETS[name]` is all that is known of one, `labelled_set` opens one whose files are whole."""

from __future__ import annotations

from pathlib import Path

from densehybrid_ros.errors import chosen
from densehybrid_ros.training.datasets import anomalies
from densehybrid_ros.training.datasets.ade20k import ADE20K
from densehybrid_ros.training.datasets.camvid import CAMVID, CAMVID_OOD
from densehybrid_ros.training.datasets.class_maps import in_classes
from densehybrid_ros.training.datasets.dataset import DataSet
from densehybrid_ros.training.datasets.listing import whole_pairs
from densehybrid_ros.training.datasets.looking import look_at_labels
from densehybrid_ros.training.datasets.pairs import LabelledSet
from densehybrid_ros.training.datasets.road_scenes import CITYSCAPES, CITYSCAPES_VOID, WILDDASH2
from densehybrid_ros.training.datasets.roadworld import ROADWORLD
from densehybrid_ros.training.datasets.streethazards import STREETHAZARDS
from densehybrid_ros.training.datasets.vistas import VISTAS

DATASETS: dict[str, DataSet] = {
    each.name: each
    for each in (
        CITYSCAPES,
        CITYSCAPES_VOID,
        VISTAS,
        WILDDASH2,
        CAMVID,
        CAMVID_OOD,
        ROADWORLD,
        STREETHAZARDS,
        anomalies.LOSTANDFOUND,
        anomalies.LOSTANDFOUND_NOKNOWN,
        anomalies.FISHYSCAPES_LOSTANDFOUND,
        anomalies.FISHYSCAPES_STATIC,
        anomalies.SMIYC_ANOMALY,
        anomalies.SMIYC_OBSTACLE,
        anomalies.ROADANOMALY,
        anomalies.FOLDER,
    )
}
CHECKABLE: dict[str, DataSet] = {**DATASETS, ADE20K.name: ADE20K}
"""Negatives as well, which have segments for labels."""


def labelled_set(name: str, root: Path, split: str, classes: str = "", known_void: bool = False) -> LabelledSet:
    """The data set of that name below `root`; "" is the split of sets that have none.

    Args:
        classes: taxonomy or YAML class map in which its labels are read; "" = its own classes.
        known_void: void that it knows is an inlier without a class instead of ignored.

    Raises:
        SetupError: unknown name, a split of a set that has none, files that are missing, label maps in which every
            pixel is ignored, no such map, or no known void.
    """
    dataset = chosen("data set", name, DATASETS)
    opened = (dataset.with_known_void() if known_void else dataset).open(root, split)
    whole_pairs(opened.files)
    look_at_labels(opened)
    return in_classes(opened, classes)
