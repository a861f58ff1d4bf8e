"""Data sets in miniature: one pair of every set, laid out as the real one is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from densehybrid_ros.training.commands import check_data

WIDTH, HEIGHT = 24, 16
VISTAS = {
    "animal--bird": 255, "animal--ground-animal": 255,
    "construction--barrier--curb": 1, "construction--barrier--fence": 4, "construction--barrier--guard-rail": 4,
    "construction--barrier--other-barrier": 255, "construction--barrier--wall": 3, "construction--flat--bike-lane": 0,
    "construction--flat--crosswalk-plain": 0, "construction--flat--curb-cut": 1, "construction--flat--parking": 0,
    "construction--flat--pedestrian-area": 1, "construction--flat--rail-track": 0, "construction--flat--road": 0,
    "construction--flat--service-lane": 0, "construction--flat--sidewalk": 1, "construction--structure--bridge": 2,
    "construction--structure--building": 2, "construction--structure--tunnel": 2,
    "human--person": 11, "human--rider--bicyclist": 12, "human--rider--motorcyclist": 12,
    "human--rider--other-rider": 12,
    "marking--crosswalk-zebra": 0, "marking--general": 0,
    "nature--mountain": 255, "nature--sand": 9, "nature--sky": 10, "nature--snow": 9, "nature--terrain": 9,
    "nature--vegetation": 8, "nature--water": 255,
    "object--banner": 255, "object--bench": 255, "object--bike-rack": 255, "object--billboard": 255,
    "object--catch-basin": 255, "object--cctv-camera": 255, "object--fire-hydrant": 255, "object--junction-box": 255,
    "object--mailbox": 255, "object--manhole": 255, "object--phone-booth": 255, "object--pothole": 255,
    "object--street-light": 255, "object--support--pole": 5, "object--support--traffic-sign-frame": 7,
    "object--support--utility-pole": 5, "object--traffic-light": 6, "object--traffic-sign--back": 255,
    "object--traffic-sign--front": 7, "object--trash-can": 255, "object--vehicle--bicycle": 18,
    "object--vehicle--boat": 255, "object--vehicle--bus": 15, "object--vehicle--car": 13,
    "object--vehicle--caravan": 255, "object--vehicle--motorcycle": 17, "object--vehicle--on-rails": 16,
    "object--vehicle--other-vehicle": 255, "object--vehicle--trailer": 255, "object--vehicle--truck": 14,
    "object--vehicle--wheeled-slow": 255,
    "void--car-mount": 255, "void--ego-vehicle": 255, "void--unlabeled": 255,
}  # fmt: skip
"""Label → trainId, 255 where it is ignored; the 66 labels of Vistas v1.2 stand in the order of their ids."""


@dataclass(frozen=True)
class Miniature:
    """How one pair of a set is laid out, and what its ids mean."""

    split: str
    image: str
    labels: str
    expected: dict[int, int]
    """Some ids in the file → what the adapter makes of them."""
    foreign: int | None = 250
    """An id that the set does not have."""
    palette: bool = False
    decoy: str = "notes.txt"
    """A file beside the picture that the set does not look at."""
    label_decoy: str = "notes.txt"

    @property
    def ids(self) -> np.ndarray:
        """Vertical stripes, one for each id."""
        ids = np.array(list(self.expected), np.uint8)
        return np.repeat(ids[np.arange(WIDTH) * len(ids) // WIDTH][None], HEIGHT, 0)

    def write_labels(self, root: Path, ids: np.ndarray) -> None:
        path = root / self.labels
        path.parent.mkdir(parents=True, exist_ok=True)
        if not self.palette:
            cv2.imwrite(str(path), ids)
            return
        image = pytest.importorskip("PIL.Image", reason="Pillow is not installed").fromarray(ids)
        image.putpalette([value for index in range(256) for value in (index, 255 - index, 7)])
        image.save(path)


CAMVID = {0: 0, 3: 3, 10: 10, 11: 255, 12: 11}
CITYSCAPES = {0: 255, 7: 0, 8: 1, 11: 2, 26: 13, 29: 255, 33: 18}
BINARY = {0: 0, 1: 1, 255: 255}
LOST = "04_Maurener_Weg_8/04_Maurener_Weg_8_000000_000030"
MINIATURES: dict[str, Miniature] = {
    "camvid": Miniature("val", "images/val/a_1.jpg", "labels/val/a_1.png", CAMVID),
    "camvid-ood": Miniature("", "images/a_1.jpg", "labels/a_1.png", CAMVID),
    "roadworld": Miniature("train", "images/train/a_1.jpg", "labels/train/a_1.png", CAMVID),
    "cityscapes": Miniature(
        "val",
        "leftImg8bit/val/bonn/bonn_000000_000019_leftImg8bit.png",
        "gtFine/val/bonn/bonn_000000_000019_gtFine_labelIds.png",
        CITYSCAPES,
        decoy="foo.jpg",
    ),
    "cityscapes-void": Miniature(
        "val",
        "leftImg8bit/val/bonn/bonn_000000_000019_leftImg8bit.png",
        "gtFine/val/bonn/bonn_000000_000019_gtFine_labelIds.png",
        {**CITYSCAPES, 4: 19, 29: 19, 30: 19, 1: 255},
        decoy="foo.jpg",
    ),
    "vistas": Miniature(
        "validation",
        "validation/images/x1y2.jpg",
        "validation/labels/x1y2.png",
        {0: 255, 2: 1, 6: 3, 13: 0, 24: 0, 52: 18, 65: 255},
        palette=True,
    ),
    "wilddash2": Miniature(
        "", "images/ar0001_100000.jpg", "labels/ar0001_100000.png", {7: 0, 34: 13, 35: 13, 38: 0, 36: 255, 33: 18}
    ),
    "streethazards": Miniature(
        "t5",
        "test/images/test/t5/300.png",
        "test/annotations/test/t5/300.png",
        {1: 0, 3: 2, 4: 255, 5: 3, 13: 11, 14: 12},
        foreign=0,
    ),
    "lostandfound": Miniature(
        "test",
        f"leftImg8bit/test/{LOST}_leftImg8bit.png",
        f"gtCoarse/test/{LOST}_gtCoarse_labelTrainIds.png",
        {255: 255, 1: 0, 2: 1, 0: 255},
        decoy="foo.png",
    ),
    "smiyc-lostandfound-noknown": Miniature(
        "test",
        f"leftImg8bit/test/{LOST}_leftImg8bit.png",
        f"gtCoarse/test/{LOST}_gtCoarse_labelIds.png",
        {0: 255, 1: 0, 2: 1, 43: 1, 200: 1},
        decoy="foo.png",
    ),
    "fishyscapes-lostandfound": Miniature(
        "",
        f"leftImg8bit/train/{LOST}_leftImg8bit.png",
        "fishyscapes_lostandfound/0000_04_Maurener_Weg_8_000000_000030_labels.png",
        BINARY,
        label_decoy="foo.png",
    ),
    "fishyscapes-static": Miniature("", "0003_bonn_rgb.npz", "0003_bonn_labels.png", BINARY, decoy="foo.npz"),
    "smiyc-anomaly": Miniature(
        "",
        "dataset_AnomalyTrack/images/validation0001.jpg",
        "dataset_AnomalyTrack/labels_masks/validation0001_labels_semantic.png",
        BINARY,
        decoy="zebra0001.jpg",
    ),
    "smiyc-obstacle": Miniature(
        "",
        "dataset_ObstacleTrack/images/validation_1.webp",
        "dataset_ObstacleTrack/labels_masks/validation_1_labels_semantic.png",
        BINARY,
        decoy="curvy-street_1.webp",
    ),
    "roadanomaly": Miniature(
        "", "frames/animals01.jpg", "frames/animals01.labels/labels_semantic.png", {0: 0, 2: 1, 255: 255}
    ),
    "folder": Miniature("", "images/a_1.jpg", "masks/a_1.png", BINARY),
    "ade20k": Miniature(
        "validation", "images/validation/a_1.jpg", "annotations/validation/a_1.png", {0: 255, 7: 255}, foreign=None
    ),
}


def smooth_picture() -> np.ndarray:
    """RGB, smooth, so that JPEG keeps it."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([rows * 10, columns * 8, 0 * rows + 90], -1).astype(np.uint8)


def make_miniature(root: Path, name: str) -> Miniature:
    miniature = MINIATURES[name]
    path = root / miniature.image
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npz":
        np.savez(path, smooth_picture())
    else:
        cv2.imwrite(str(path), smooth_picture()[..., ::-1])
    miniature.write_labels(root, miniature.ids)
    if name == "vistas":
        (root / "config.json").write_text(json.dumps({"labels": [{"name": each} for each in VISTAS]}))
    return miniature


@pytest.fixture
def miniatures() -> dict[str, Miniature]:
    return MINIATURES


@pytest.fixture
def make() -> Callable[[Path, str], Miniature]:
    """make(root, "camvid") writes the miniature of that set below `root`."""
    return make_miniature


@pytest.fixture
def gradient() -> np.ndarray:
    """The picture in every miniature, 16×24 RGB."""
    return smooth_picture()


@pytest.fixture
def vistas_targets() -> dict[str, int]:
    """Label of Vistas → trainId, in the order of their ids; 255 is ignored."""
    return VISTAS


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """check("camvid", root, "--split", "val") runs check-data; its exit status and what it printed."""

    def run(name: str, root: Path, *options: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            check_data.main([name, str(root), *options])
        return int(str(ended.value.code)), capsys.readouterr().out

    return run
