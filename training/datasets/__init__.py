"""Data set adapters: `DATASETS[name](root, split)` gives a LabelledSet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.training.datasets import anomalies
from densehybrid_ros.training.datasets.camvid import camvid, camvid_ood, roadworld
from densehybrid_ros.training.datasets.pairs import LabelledSet
from densehybrid_ros.training.datasets.road_scenes import cityscapes, cityscapes_void, wilddash2
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


def labelled_set(name: str, root: Path, split: str) -> LabelledSet:
    """The data set of that name below `root`.

    Raises:
        SetupError: unknown name, or files that are missing.
    """
    if name not in DATASETS:
        raise SetupError(f"data set '{name}' is unknown; choose one of {', '.join(DATASETS)}")
    return DATASETS[name](root, split)
