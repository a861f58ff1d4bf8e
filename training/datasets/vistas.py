"""Mapillary Vistas v1.2 in the 19 classes of Cityscapes; its configuration says which id is which label."""

from __future__ import annotations

import json
from pathlib import Path

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import IGNORE, label_table
from densehybrid_ros.taxonomies import CITYSCAPES_19
from densehybrid_ros.training.datasets.dataset import DataSet, LabelIds
from densehybrid_ros.training.datasets.listing import Listing, folder_listing

SOURCES: dict[str, tuple[str, ...]] = {
    "road": (
        "construction--flat--bike-lane",
        "construction--flat--crosswalk-plain",
        "construction--flat--parking",
        "construction--flat--rail-track",
        "construction--flat--road",
        "construction--flat--service-lane",
        "marking--general",
        "marking--crosswalk-zebra",
    ),
    "sidewalk": (
        "construction--barrier--curb",
        "construction--flat--curb-cut",
        "construction--flat--pedestrian-area",
        "construction--flat--sidewalk",
    ),
    "building": (
        "construction--structure--bridge",
        "construction--structure--building",
        "construction--structure--tunnel",
    ),
    "wall": ("construction--barrier--wall",),
    "fence": ("construction--barrier--fence", "construction--barrier--guard-rail"),
    "pole": ("object--support--pole", "object--support--utility-pole"),
    "traffic light": ("object--traffic-light",),
    "traffic sign": ("object--support--traffic-sign-frame", "object--traffic-sign--front"),
    "vegetation": ("nature--vegetation",),
    "terrain": ("nature--sand", "nature--snow", "nature--terrain"),
    "sky": ("nature--sky",),
    "person": ("human--person",),
    "rider": ("human--rider--bicyclist", "human--rider--motorcyclist", "human--rider--other-rider"),
    "car": ("object--vehicle--car",),
    "truck": ("object--vehicle--truck",),
    "bus": ("object--vehicle--bus",),
    "train": ("object--vehicle--on-rails",),
    "motorcycle": ("object--vehicle--motorcycle",),
    "bicycle": ("object--vehicle--bicycle",),
}
"""Class → labels of Vistas; all others are ignored."""


CONFIGS = ("config.json", "config_v1.2.json")
LABEL_FOLDERS = ("labels", "v1.2/labels")
"""As v1.2 was given out by itself, and as it is today, together with v2.0."""


def vistas_files(root: Path, split: str) -> Listing:
    """Pictures and labels of v1.2."""
    return folder_listing(root / split / "images", _first_there(root / split, LABEL_FOLDERS))


def vistas_ids(root: Path) -> LabelIds:
    """By the names in the configuration.

    Raises:
        SetupError: as `label_names`.
    """
    names = label_names(_first_there(root, CONFIGS))
    class_of = {source: index for index, sources in enumerate(SOURCES.values()) for source in sources}
    table = label_table({index: class_of[name] for index, name in enumerate(names) if name in class_of})
    return LabelIds(table, frozenset([*range(len(names)), IGNORE]))


VISTAS = DataSet(
    "vistas",
    "`config_v1.2.json`, `SPLIT/images/*.jpg`, `SPLIT/v1.2/labels/*.png`; or `config.json` and `SPLIT/labels/*.png`, "
    "as it once was",
    vistas_files,
    vistas_ids,
    CITYSCAPES_19,
    ("training", "validation"),
    ("{}/images", "{}/labels", "{}/v1.2"),
    reported="validation",
    trainable=True,
)


def _first_there(folder: Path, names: tuple[str, ...]) -> Path:
    """The first of them that exists below the folder; where none does, the first, for the message that follows."""
    paths = [folder / name for name in names]
    return next((path for path in paths if path.exists()), paths[0])


def label_names(path: Path) -> list[str]:
    """The labels in the order of their ids.

    Raises:
        SetupError: the file is missing, malformed, or lacks a label that stands for a class.
    """
    try:
        names = [str(label["name"]) for label in json.loads(path.read_text())["labels"]]
    except FileNotFoundError as error:
        raise SetupError(
            f"{path} does not exist, and no {CONFIGS[1]} beside it; it comes with Vistas and says what the ids mean"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SetupError(f"{path} is not the configuration of Vistas v1.2 ({error}); copy it anew") from error
    missing = [source for sources in SOURCES.values() for source in sources if source not in names]
    if missing:
        raise SetupError(
            f"{path} lacks {len(missing)} labels of Vistas v1.2; the first is {missing[0]}; take that of v1.2"
        )
    return names
