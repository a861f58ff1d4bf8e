"""Batches stay what they were: a run that is resumed with newer code sees what it would have seen.

The table holds the mean brightness of each crop and its numbers of inlier and of negative pixels, as they were when
every style of pasting was first written. A random number more or less, or in another order, changes all of them;
another build of OpenCV changes none by much.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from densehybrid_ros.training.batches.batches import Batches
from densehybrid_ros.training.recipe.recipe import Pasting, Recipe, SetSource

STEPS = 3


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five frames and three negatives, drawn."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(4)
    for number in range(5):
        labels = np.full((240, 320), 3, np.uint8)
        labels[:100], labels[60:150, 20:120], labels[150:220, 200:240] = 0, 8, 11
        image = labels[..., None] * 20 + rng.integers(0, 20, (240, 320, 3))
        write_pair(root / "camvid", "labels", "train", number, image, labels)
    for number in range(3):
        segments = np.ones((90, 130), np.uint8)
        cv2.circle(segments, (60, 45), 25, (2,), -1)
        segments[20:70, 85:110] = 3
        write_pair(root / "negatives", "annotations", "training", number, rng.integers(0, 256, (90, 130, 3)), segments)
    return root


def write_pair(root: Path, kind: str, split: str, number: int, image: np.ndarray, labels: np.ndarray) -> None:
    for folder, content in (("images", image.astype(np.uint8)), (kind, labels)):
        path = root / folder / split / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), content)


def summary(pasting: Pasting, data: Path) -> list[list[float]]:
    """[brightness, inlier pixels, negative pixels] of every crop."""
    batches = Batches(
        Recipe(
            architecture="ladder_lite0",
            train=[SetSource("camvid", str(data / "camvid"))],
            steps=STEPS,
            batch=2,
            crop=[128, 160],
            pasting=pasting,
            ground_classes=["road"],
            rare_classes=["car"],
            seed=3,
        )
    )
    crops = [crop for step in range(STEPS) for crop in zip(*batches[step], strict=True)]
    return [
        [round(float(image.float().mean()), 1), int((dataset == 0).sum()), int((dataset == 1).sum())]
        for image, _, dataset in crops
    ]


@pytest.mark.parametrize("style", ["natural", "shapes", "machines", "released", "inliers", "painted"])
def test_a_style_of_pasting_gives_the_batches_that_it_gave_before(data: Path, style: str) -> None:
    root = str(data / "negatives")
    pasting = {
        "natural": Pasting(root, negative_probability=1.0, made_share=0.0),
        "shapes": Pasting(root, negative_probability=1.0, made_share=1.0, inlier_probability=0.0, max_negatives=5),
        "machines": Pasting(root, negative_probability=1.0, made_share=1.0, machine_share=1.0, inlier_probability=0.0),
        "released": Pasting(root, negative_probability=1.0, style="released", patch=96),
        "inliers": Pasting(inlier_probability=1.0, max_inliers=4),
        "painted": Pasting(paint_probability=1.0, inlier_probability=0.0),
    }[style]
    found = summary(pasting, data)
    for (brightness, *pixels), (golden_brightness, *golden_pixels) in zip(found, GOLDEN[style], strict=True):
        assert brightness == pytest.approx(golden_brightness, abs=0.5)
        assert pixels == pytest.approx(golden_pixels, rel=0.01, abs=5)


GOLDEN: dict[str, list[list[float]]] = {
    "natural": [
        [119.0, 20037, 367],
        [6.2, 19829, 500],
        [84.4, 18976, 1350],
        [141.8, 20323, 106],
        [84.3, 19730, 575],
        [62.5, 18647, 674],
    ],
    "shapes": [
        [94.8, 19727, 567],
        [2.0, 19343, 940],
        [58.0, 18396, 1632],
        [173.0, 20239, 160],
        [54.0, 19734, 637],
        [38.2, 19076, 200],
    ],
    "machines": [
        [62.4, 17716, 2303],
        [38.7, 18765, 1548],
        [79.6, 18408, 1782],
        [191.3, 19758, 668],
        [66.6, 16143, 4069],
        [86.1, 17653, 1653],
    ],
    "painted": [
        [152.7, 20480, 0],
        [2.9, 20480, 0],
        [64.1, 20480, 0],
        [76.9, 20480, 0],
        [75.1, 20480, 0],
        [84.0, 19382, 0],
    ],
    "released": [
        [60.7, 11264, 9216],
        [14.0, 17792, 2688],
        [95.1, 16960, 3520],
        [193.8, 11264, 9216],
        [80.3, 11264, 9216],
        [38.4, 10166, 9216],
    ],
    "inliers": [
        [77.2, 20480, 0],
        [10.0, 20480, 0],
        [89.7, 20393, 0],
        [171.3, 20480, 0],
        [60.9, 20373, 0],
        [114.8, 19353, 0],
    ],
}
