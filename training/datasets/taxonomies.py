"""Class names and colours that several data sets share."""

from __future__ import annotations

from dataclasses import dataclass

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.datasets.camvid import CLASSES, PALETTE


@dataclass(frozen=True)
class Taxonomy:
    """trainId → name and RGB."""

    classes: list[str]
    palette: list[list[int]]


def _taxonomy(colours: dict[str, tuple[int, int, int]]) -> Taxonomy:
    return Taxonomy(list(colours), [list(colour) for colour in colours.values()])


CITYSCAPES_19 = _taxonomy(
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
    }
)
"""In the order of the trainIds, with the data set's own colours."""
STREETHAZARDS_12 = _taxonomy(
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
    }
)
"""The 13 labels of the set without "other"; "sky" stands for all that is unlabelled there."""
TAXONOMIES: dict[str, Taxonomy] = {
    "cityscapes": CITYSCAPES_19,
    "streethazards": STREETHAZARDS_12,
    "camvid": Taxonomy(CLASSES, PALETTE),
}


def taxonomy_named(name: str) -> Taxonomy:
    """
    Raises:
        SetupError: no such taxonomy.
    """
    if name not in TAXONOMIES:
        raise SetupError(f"taxonomy '{name}' is unknown; choose one of {', '.join(TAXONOMIES)}")
    return TAXONOMIES[name]
