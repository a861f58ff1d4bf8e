"""What a label id means, and every way from one convention of ground truth to another.

Open-set truth: 0..K−1 a class, K unknown, 254 known without a class, 255 ignored. Binary truth: 0 inlier, 1 anomaly,
255 ignored; it is open-set truth of one class. Files have ids of their own, which a table turns into one of the two.
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

IGNORE = 255
"""Label id of an unlabelled pixel; never used for "unknown", which is K."""
CLASSLESS = 254
"""Label id of what is known and has no class: an inlier to the dataset posterior, ignored by the classifier."""
INLIER, OUTLIER = 0, 1
"""Ids of binary truth; an outlier is what ROS topics call an anomaly."""
IDS = 256

CAMVID_CLASSES = (
    *("sky", "building", "pole", "road", "pavement", "tree"),
    *("sign", "fence", "car", "pedestrian", "bicyclist"),
)
"""By train id. Grass and hedges are "tree", as vegetation is in CamVid."""
CAMVID_UNKNOWN = len(CAMVID_CLASSES)
CAMVID_VOID_ID, CAMVID_ANOMALY_ID = 11, 12
"""Ids in the files of CamVid-OOD, behind those of the classes, which are the train ids."""

CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""Cityscapes' labelIds of the 19 classes in the order of their train ids."""

BACKGROUND_ID, FREE_ID = 0, 1
OBSTACLE_IDS = range(2, 44)
NON_HAZARD_IDS = (31, 33, 34, 36, 37, 38, 39)
"""LostAndFound's labelIds; the last ones are no obstacle that a car must avoid, as its authors have it."""
NON_HAZARD_TRAIN_ID, FREE_TRAIN_ID, OBSTACLE_TRAIN_ID = 0, 1, 2
"""LostAndFound's train ids."""
LOSTANDFOUND_TRUTH = {FREE_TRAIN_ID: INLIER, OBSTACLE_TRAIN_ID: OUTLIER}
"""Those that do not count as ignored, and what they are in binary truth."""


def label_table(train_ids: Mapping[int, int]) -> NDArray[np.uint8]:
    """A (256,) table for `relabelled` that sends every id outside `train_ids` to 255 = ignore."""
    table = np.full(IDS, IGNORE, np.uint8)
    table[list(train_ids)] = list(train_ids.values())
    return table


def relabelled(labels: NDArray[np.uint8], table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) `table[labels]`, several times quicker."""
    return cv2.LUT(labels, table)


def binary_truth(truth: NDArray[np.uint8], classes: int) -> NDArray[np.uint8]:
    """(H, W) open-set truth of K = `classes` as binary truth; what is known without a class is an inlier."""
    return relabelled(truth, label_table(dict.fromkeys((*range(classes), CLASSLESS), INLIER) | {classes: OUTLIER}))


def open_set_truth(binary: NDArray[np.uint8], classes: int) -> NDArray[np.uint8]:
    """(H, W) binary truth as open-set truth of K = `classes`, all inliers in class 0."""
    return relabelled(binary, label_table({INLIER: 0, OUTLIER: classes}))


def closed_set_truth(truth: NDArray[np.uint8], classes: int) -> NDArray[np.uint8]:
    """(H, W) open-set truth of K = `classes` with all that has no class ignored."""
    return relabelled(truth, label_table({index: index for index in range(classes)}))


def lostandfound_truth(train_ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) LostAndFound's train ids as binary truth: free road is inlier, obstacles are outliers, else ignored."""
    return relabelled(train_ids, label_table(LOSTANDFOUND_TRUTH))


CAMVID_TABLE = label_table({index: index for index in range(CAMVID_UNKNOWN)} | {CAMVID_ANOMALY_ID: CAMVID_UNKNOWN})
"""File ids of CamVid and CamVid-OOD → open-set truth."""
TRAIN_ID_TABLES = {
    "lostandfound": label_table(
        {FREE_ID: FREE_TRAIN_ID}
        | dict.fromkeys(OBSTACLE_IDS, OBSTACLE_TRAIN_ID)
        | dict.fromkeys(NON_HAZARD_IDS, NON_HAZARD_TRAIN_ID)
    ),
    "cityscapes": label_table({label: index for index, label in enumerate(CITYSCAPES_IDS)}),
}
"""Data set → labelIds to train ids."""
