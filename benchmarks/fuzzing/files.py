"""Recipes, class maps, cameras, pictures, labels and disparities."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.drives.files import read_camera, read_disparity, write_camera, write_disparity
from densehybrid_ros.pictures import read_labels, read_rgb
from densehybrid_ros.taxonomies import CAMVID_11
from densehybrid_ros.training.datasets.class_maps import read_class_map
from densehybrid_ros.training.recipe.reading import read_recipe
from fuzzing.changes import changed_bytes, changed_json, changed_text, changed_zip
from fuzzing.target import Target, contents

RECIPES = Path(__file__).resolve().parents[2] / "training" / "recipes"
MERGED = b"""\
architecture: ladder_lite0
train:
  - &set {name: camvid, root: somewhere, split: train}
  - {<<: *set, split: val}
validation: [{name: camvid, root: elsewhere, split: val}]
steps: 10
"""


def _recipes(folder: Path) -> list[bytes]:
    """Beside copies of all: some are like others."""
    for path in RECIPES.glob("*.yaml"):
        shutil.copy(path, folder)
    return [*contents(sorted(RECIPES.glob("*.yaml"))), MERGED]


def _class_maps(folder: Path) -> list[bytes]:
    rows = "".join(f"  {name}: {name}\n" for name in CAMVID_11.classes[:-1])
    return [f"target: camvid\nclasses:\n{rows}  {CAMVID_11.classes[-1]}: null\n".encode()]


def _cameras(folder: Path) -> list[bytes]:
    path = folder / "camera.json"
    write_camera(path, Pinhole(100.0, 100.0, 16.0, 12.0, baseline=0.2, pitch=0.05, height_above_road=1.5))
    return contents([path])


def _noise(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def _pictures(suffix: str) -> Callable[[Path], list[bytes]]:
    """Colour, grey, and of more bits or with transparency where the format has it."""

    def made(folder: Path) -> list[bytes]:
        kinds = [_noise(9, 14, 3), _noise(9, 14), np.zeros((300, 200, 3), np.uint8)]
        if suffix in (".png", ".webp"):
            kinds.append(_noise(9, 14, 4))
        if suffix == ".png":
            kinds.append(_noise(9, 14, 3).astype(np.uint16) << 8)
        return [cv2.imencode(suffix, each, [])[1].tobytes() for each in kinds]

    return made


def _labels(folder: Path) -> list[bytes]:
    """Of 8 bits, with a palette, and of 4 bits and 1."""
    from PIL import Image

    values, made = _noise(9, 14) % 2, [cv2.imencode(".png", _noise(9, 14), [])[1].tobytes()]
    palette = Image.fromarray(values).convert("P")
    for picture, options in ((palette, {}), (palette, {"bits": 4}), (Image.fromarray(values * 255).convert("1"), {})):
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", **options)
        made.append(buffer.getvalue())
    return made


def _disparities(folder: Path) -> list[bytes]:
    path = folder / "disparity.png"
    write_disparity(path, _noise(9, 14).astype(np.float32))
    return contents([path])


def _arrays(folder: Path) -> list[bytes]:
    path = folder / "picture.npz"
    for save in (np.savez, np.savez_compressed):
        save(path, picture=_noise(9, 14, 3))
        yielded = contents([path])
    return yielded


TARGETS = {
    "recipe": Target(".yaml", _recipes, read_recipe, changed_text),
    "class map": Target(".yaml", _class_maps, lambda path: read_class_map(path, CAMVID_11.classes), changed_text),
    "camera": Target(".json", _cameras, read_camera, changed_json),
    "labels": Target(".png", _labels, read_labels),
    "disparity": Target(".png", _disparities, read_disparity),
    "picture array": Target(".npz", _arrays, read_rgb, changed_zip()),
    **{
        f"picture {suffix}": Target(suffix, _pictures(suffix), lambda path: read_rgb(path, upright=True), changed_bytes)
        for suffix in (".png", ".jpg", ".webp", ".bmp")
    },
}
