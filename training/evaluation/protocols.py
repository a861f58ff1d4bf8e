"""Protocols by name, as the records of the data sets have them."""

from __future__ import annotations

from functools import partial

from densehybrid_ros.errors import SetupError
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.training.evaluation.by_range import examine_drives
from densehybrid_ros.training.evaluation.own_folder import examine_folder
from densehybrid_ros.training.evaluation.per_picture import PicturePool
from densehybrid_ros.training.evaluation.pictures import examine_pictures
from densehybrid_ros.training.evaluation.task import Protocol, Task

POOLED, PER_PICTURE = "pooled", "per-picture"
PROTOCOLS: dict[str, Protocol] = {
    POOLED: Protocol(partial(examine_pictures, pool=RankingPool)),
    PER_PICTURE: Protocol(partial(examine_pictures, pool=PicturePool), PicturePool),
    "by-range": Protocol(examine_drives),
    "folder": Protocol(examine_folder),
}


def protocol_of(task: Task) -> Protocol:
    """That of its data set, or that of StreetHazards where pictures are to be ranked one by one.

    Raises:
        SetupError: the set has a protocol that is neither.
    """
    name = task.dataset.protocol
    if not task.per_picture:
        return PROTOCOLS[name]
    if name not in (POOLED, PER_PICTURE):
        raise SetupError(f"--per-picture: {task.dataset.name} has a protocol of its own ({name}); leave it out")
    return PROTOCOLS[PER_PICTURE]
