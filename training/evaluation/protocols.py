"""Protocols by name, as the records of the data sets have them."""

from __future__ import annotations

from functools import partial

from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.training.evaluation.by_range import examine_drives
from densehybrid_ros.training.evaluation.own_folder import examine_folder
from densehybrid_ros.training.evaluation.per_picture import PicturePool
from densehybrid_ros.training.evaluation.pictures import examine_pictures
from densehybrid_ros.training.evaluation.task import Protocol

PROTOCOLS: dict[str, Protocol] = {
    "pooled": Protocol(partial(examine_pictures, pool=RankingPool)),
    "per-picture": Protocol(partial(examine_pictures, pool=PicturePool), PicturePool),
    "by-range": Protocol(examine_drives),
    "folder": Protocol(examine_folder),
}
