"""Class names and colours that several data sets share."""

from __future__ import annotations

from dataclasses import dataclass

from densehybrid_ros.labels import CAMVID_CLASSES


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
