"""Data sets: `DATASETS[name]` is all that is known of one, `labelled_set` opens one whose files are whole."""

from __future__ import annotations

from pathlib import Path

from densehybrid_ros.errors import chosen
from densehybrid_ros.training.datasets import anomalies
from densehybrid_ros.training.datasets.ade20k import ADE20K
from densehybrid_ros.training.datasets.camvid import CAMVID, CAMVID_OOD
from densehybrid_ros.training.datasets.dataset import DataSet
from densehybrid_ros.training.datasets.listing import whole_pairs
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
    )
}
CHECKABLE: dict[str, DataSet] = {**DATASETS, ADE20K.name: ADE20K}
"""Negatives as well, which have segments for labels."""


def labelled_set(name: str, root: Path, split: str) -> LabelledSet:
    """The data set of that name below `root`; "" is the split of sets that have none.

    Raises:
        SetupError: unknown name, a split of a set that has none, or files that are missing.
    """
    dataset = chosen("data set", name, DATASETS).open(root, split)
    whole_pairs(dataset.files)
    return dataset
