"""Data set adapters: `DATASETS[name](root, split)` gives a LabelledSet, `labelled_set` one that is whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.datasets import anomalies
from densehybrid_ros.training.datasets.camvid import camvid, camvid_ood, roadworld
from densehybrid_ros.training.datasets.listing import whole_pairs
from densehybrid_ros.training.datasets.pairs import LabelledSet
from densehybrid_ros.training.datasets.road_scenes import cityscapes, cityscapes_void, wilddash2
from densehybrid_ros.training.datasets.splits import refuse_split
from densehybrid_ros.training.datasets.streethazards import streethazards
from densehybrid_ros.training.datasets.vistas import vistas

DATASETS: dict[str, Callable[[Path, str], LabelledSet]] = {
    "camvid": camvid,
    "camvid-ood": camvid_ood,
    "roadworld": roadworld,
    "cityscapes": cityscapes,
    "cityscapes-void": cityscapes_void,
    "vistas": vistas,
    "wilddash2": wilddash2,
    "streethazards": streethazards,
    "lostandfound": anomalies.lostandfound,
    "fishyscapes-lostandfound": anomalies.fishyscapes_lostandfound,
    "fishyscapes-static": anomalies.fishyscapes_static,
    "smiyc-anomaly": anomalies.smiyc_anomaly,
    "smiyc-obstacle": anomalies.smiyc_obstacle,
    "smiyc-lostandfound-noknown": anomalies.lostandfound_noknown,
    "roadanomaly": anomalies.roadanomaly,
}

EVALUATION_SPLITS = {
    "camvid": "val",
    "roadworld": "val",
    "cityscapes": "val",
    "cityscapes-void": "val",
    "vistas": "validation",
    "streethazards": "test",
    "lostandfound": "test",
    "smiyc-lostandfound-noknown": "test",
}
"""Of the sets that have splits."""


PER_IMAGE = ("streethazards",)
"""Sets whose protocol ranks each picture by itself and takes the mean over those with anomalies."""


def labelled_set(name: str, root: Path, split: str) -> LabelledSet:
    """The data set of that name below `root`; "" is the split of sets that have none.

    Raises:
        SetupError: unknown name, a split of a set that has none, or files that are missing.
    """
    dataset = listed_set(name, root, split)
    whole_pairs(dataset.files)
    return dataset


def listed_set(name: str, root: Path, split: str) -> LabelledSet:
    """The same, of which files may be missing: `files` tells which.

    Raises:
        SetupError: unknown name, a split of a set that has none, or folders that are missing.
    """
    if name not in DATASETS:
        raise SetupError(f"data set '{name}' is unknown; choose one of {', '.join(DATASETS)}")
    refuse_split(name, split)
    return DATASETS[name](root, split)
