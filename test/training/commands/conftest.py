"""A small training: data, a recipe, and the command that runs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Roadworld drawn by hand: sky over road, with a box that is an anomaly in val."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(4)
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (root / "camvid" / kind / split).mkdir(parents=True)
        for number in range(2):
            labels = np.full((80, 96), 3, np.uint8)
            labels[:40] = 0
            if split == "val":
                labels[50:60, 20:40] = 12
            image = (labels[..., None] * 15 + rng.integers(0, 20, (80, 96, 3))).astype(np.uint8)
            cv2.imwrite(str(root / "camvid" / "images" / split / f"{number}.png"), image)
            cv2.imwrite(str(root / "camvid" / "labels" / split / f"{number}.png"), labels)
    for kind in ("images", "annotations"):
        (root / "negatives" / kind / "training").mkdir(parents=True)
    segments = np.ones((60, 60), np.uint8)
    cv2.circle(segments, (30, 30), 15, (2,), -1)
    cv2.imwrite(str(root / "negatives/images/training/0.png"), rng.integers(0, 256, (60, 60, 3), dtype=np.uint8))
    cv2.imwrite(str(root / "negatives/annotations/training/0.png"), segments)
    return root


@pytest.fixture
def write_recipe() -> Callable[..., Path]:
    """write_recipe(folder, steps=3) writes recipe.yaml with these changes."""

    def written(folder: Path, **changes: object) -> Path:
        content = {
            "architecture": "ladder_lite0",
            "train": [{"name": "camvid", "root": "camvid", "split": "train"}],
            "validation": [{"name": "camvid", "root": "camvid", "split": "val"}],
            "steps": 6,
            "batch": 2,
            "crop": [64, 64],
            "pasting": {"root": "negatives"},
            "loss": {"likelihood_form": "logistic"},
            "validate_every": 3,
            "checkpoint_every": 2,
            "average": 0.9,
            "loss_stride": 2,
            "freeze_early": True,
        }
        path = folder / "recipe.yaml"
        path.write_text(yaml.safe_dump({**content, **changes}))
        return path

    return written


@pytest.fixture
def run() -> Callable[..., None]:
    """run(data, recipe, out, *options) trains."""
    # here, as the training packages may not be installed
    from densehybrid_ros.training.commands import train

    def trained(data: Path, recipe: Path, out: Path, *options: str) -> None:
        train.main([str(recipe), "--data", str(data), "--out", str(out), "--device", "cpu", "--workers", "0", *options])

    return trained
