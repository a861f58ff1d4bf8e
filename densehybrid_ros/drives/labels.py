"""Label numbers of LostAndFound and Cityscapes, and the open-set truth they give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IGNORE = 255
INLIER, ANOMALY = 0, 1

BACKGROUND_ID, FREE_ID = 0, 1
OBSTACLE_IDS = range(2, 44)
NON_HAZARD_IDS = (31, 33, 34, 36, 37, 38, 39)
"""Labelled, but no obstacle that a car must avoid, as LostAndFound's authors have it."""
NON_HAZARD_TRAIN_ID, FREE_TRAIN_ID, OBSTACLE_TRAIN_ID = 0, 1, 2

CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""labelIds of the 19 classes in the order of their train ids."""


def _lostandfound_table() -> NDArray[np.uint8]:
    table = np.full(256, IGNORE, np.uint8)
    table[FREE_ID] = FREE_TRAIN_ID
    table[list(OBSTACLE_IDS)] = OBSTACLE_TRAIN_ID
    table[list(NON_HAZARD_IDS)] = NON_HAZARD_TRAIN_ID
    return table


def _cityscapes_table() -> NDArray[np.uint8]:
    table = np.full(256, IGNORE, np.uint8)
    table[list(CITYSCAPES_IDS)] = np.arange(len(CITYSCAPES_IDS), dtype=np.uint8)
    return table


TRAIN_ID_TABLES = {"lostandfound": _lostandfound_table(), "cityscapes": _cityscapes_table()}
"""Data set → (256,) uint8: `TRAIN_ID_TABLES[name][label_ids]` are train ids, 255 = ignore.

LostAndFound: 1 = free road, 2 = obstacle, 0 = no hazard. Cityscapes: the 19 classes.
"""


def anomaly_truth(train_ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) open-set truth of LostAndFound's (H, W) train ids: 0 = inlier (free road), 1 = anomaly, 255 = ignore."""
    truth = np.full(train_ids.shape, IGNORE, np.uint8)
    truth[train_ids == FREE_TRAIN_ID] = INLIER
    truth[train_ids == OBSTACLE_TRAIN_ID] = ANOMALY
    return truth
