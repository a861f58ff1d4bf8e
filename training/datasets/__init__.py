"""Data set adapters: `DATASETS[name](root, split)` gives a LabelledSet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.training.datasets.camvid import camvid, camvid_ood, roadworld
from densehybrid_ros.training.datasets.pairs import LabelledSet

DATASETS: dict[str, Callable[[Path, str], LabelledSet]] = {
    "camvid": camvid,
    "camvid-ood": camvid_ood,
    "roadworld": roadworld,
}


def labelled_set(name: str, root: Path, split: str) -> LabelledSet:
    """The data set of that name below `root`.

    Raises:
        SetupError: unknown name, or files that are missing.
    """
    if name not in DATASETS:
        raise SetupError(f"data set '{name}' is unknown; choose one of {', '.join(DATASETS)}")
    return DATASETS[name](root, split)
