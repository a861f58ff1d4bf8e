"""Class names and colours that several data sets share, and one's classes read as another's.

A map has a row for every class. Its value is a class of the target, or None: what is known there has no class of its
own in the target (a CamVid bicyclist is a rider and a bicycle), and is an inlier without a class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.labels import CAMVID_CLASSES, CLASSLESS, IDS, label_table


@dataclass(frozen=True)
class Taxonomy:
    """trainId → name and RGB."""

    title: str
    """For readers."""
    classes: list[str]
    palette: list[list[int]]


def _taxonomy(title: str, colours: dict[str, tuple[int, int, int]]) -> Taxonomy:
    return Taxonomy(title, list(colours), [list(colour) for colour in colours.values()])


CITYSCAPES_19 = _taxonomy(
    "Cityscapes-19",
    {
        "road": (128, 64, 128),
        "sidewalk": (244, 35, 232),
        "building": (70, 70, 70),
        "wall": (102, 102, 156),
        "fence": (190, 153, 153),
        "pole": (153, 153, 153),
        "traffic light": (250, 170, 30),
        "traffic sign": (220, 220, 0),
        "vegetation": (107, 142, 35),
        "terrain": (152, 251, 152),
        "sky": (70, 130, 180),
        "person": (220, 20, 60),
        "rider": (255, 0, 0),
        "car": (0, 0, 142),
        "truck": (0, 0, 70),
        "bus": (0, 60, 100),
        "train": (0, 80, 100),
        "motorcycle": (0, 0, 230),
        "bicycle": (119, 11, 32),
    },
)
"""In the order of the trainIds, with the data set's own colours."""
STREETHAZARDS_12 = _taxonomy(
    "StreetHazards-12",
    {
        "sky": (70, 130, 180),
        "building": (70, 70, 70),
        "fence": (190, 153, 153),
        "pedestrian": (220, 20, 60),
        "pole": (153, 153, 153),
        "road line": (157, 234, 50),
        "road": (128, 64, 128),
        "sidewalk": (244, 35, 232),
        "vegetation": (107, 142, 35),
        "car": (0, 0, 142),
        "wall": (102, 102, 156),
        "traffic sign": (220, 220, 0),
    },
)
"""The 13 labels of the set without "other"; "sky" stands for all that is unlabelled there."""
CAMVID_11 = Taxonomy(
    "CamVid-11",
    list(CAMVID_CLASSES),
    # the CamVid authors' colours, bicyclist brightened to differ from building at night
    [
        [128, 180, 220],
        [150, 75, 60],
        [192, 192, 128],
        [128, 64, 128],
        [200, 90, 180],
        [90, 140, 30],
        [220, 190, 60],
        [110, 110, 160],
        [40, 60, 190],
        [230, 130, 40],
        [0, 150, 160],
    ],
)
BINARY = _taxonomy("binary", {"inlier": (120, 120, 120)})
"""Of sets whose truth is anomaly or not: one class stands for all inliers, so that 1 = K = unknown, as in every set."""
BINARY_CLASSES = BINARY.classes
NO_CLASSES = _taxonomy("none", {})
TAXONOMIES: dict[str, Taxonomy] = {
    "cityscapes": CITYSCAPES_19,
    "streethazards": STREETHAZARDS_12,
    "camvid": CAMVID_11,
}
Names = Mapping[str, str | None]
CAMVID_AS_CITYSCAPES: Names = {
    "sky": "sky",
    "building": "building",
    "pole": "pole",
    "road": "road",
    "pavement": "sidewalk",
    "tree": "vegetation",
    "sign": "traffic sign",
    "fence": "fence",
    "car": "car",
    "pedestrian": "person",
    "bicyclist": None,
}
CITYSCAPES_AS_CAMVID: Names = {
    "road": "road",
    "sidewalk": "pavement",
    "building": "building",
    "wall": "building",
    "fence": "fence",
    "pole": "pole",
    "traffic light": "sign",
    "traffic sign": "sign",
    "vegetation": "tree",
    "terrain": "tree",
    "sky": "sky",
    "person": "pedestrian",
    "rider": "bicyclist",
    "car": "car",
    "truck": "car",
    "bus": "car",
    "train": "car",
    "motorcycle": "bicyclist",
    "bicycle": "bicyclist",
}
"""As the 11 classes were made of CamVid's 32: walls are buildings, lights are signs, trucks are cars."""


@dataclass(frozen=True)
class ClassMap:
    """The classes of a set, each as a class of `target`."""

    target: Taxonomy
    names: Names


BUILT_IN = {
    (tuple(CAMVID_11.classes), "cityscapes"): ClassMap(CITYSCAPES_19, CAMVID_AS_CITYSCAPES),
    (tuple(CITYSCAPES_19.classes), "camvid"): ClassMap(CAMVID_11, CITYSCAPES_AS_CAMVID),
}
"""(Classes of a set, target) → map."""


def map_table(classes: Sequence[str], names: Names, target: Sequence[str]) -> NDArray[np.uint8]:
    """(256,) open-set truth in `classes` → open-set truth in `target`; unknown stays unknown, ignored stays ignored."""
    ids = {len(classes): len(target), CLASSLESS: CLASSLESS}
    for index, name in enumerate(classes):
        new = names[name]
        ids[index] = CLASSLESS if new is None else target.index(new)
    return label_table(ids)


def prediction_table(predicted: Sequence[str], classes: Sequence[str]) -> NDArray[np.uint8] | None:
    """(256,) class of the weights → class of a set; None where no map is known under which every class can come out."""
    if list(predicted) == list(classes):
        return np.arange(IDS, dtype=np.uint8)
    for (of, _), mapped in BUILT_IN.items():
        if of == tuple(predicted) and set(mapped.names.values()) == set(classes):
            return map_table(predicted, mapped.names, classes)
    return None
