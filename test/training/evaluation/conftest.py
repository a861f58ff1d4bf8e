"""Sets for whole rounds of evaluation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from densehybrid_ros.drives.render import render_lostandfound
from densehybrid_ros.training.commands import evaluate


@pytest.fixture(scope="module")
def roadworld(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random pictures of sky over road, with an anomaly in most of them."""
    pictures, height, width = 7, 48, 64
    root, rng = tmp_path_factory.mktemp("roadworld"), np.random.default_rng(0)
    for kind in ("images", "labels"):
        (root / kind / "val").mkdir(parents=True)
    for number in range(pictures):
        labels = np.full((height, width), 3, np.uint8)
        labels[:20] = 0
        labels[25 : 25 + 2 * number, 10 : 14 + 6 * number] = 12
        image = (labels[..., None] * 15 + rng.integers(0, 90, (height, width, 3))).astype(np.uint8)
        cv2.imwrite(str(root / f"images/val/{number}.png"), image)
        cv2.imwrite(str(root / f"labels/val/{number}.png"), labels)
    return root


@pytest.fixture
def run(random_weights: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """run("roadworld", root, "--scores", "all"): what the command writes to --json."""

    def figures(name: str, root: Path, *options: str) -> dict[str, Any]:
        out = tmp_path / "figures.json"
        given = ["--root", str(root), "--weights", str(random_weights), "--device", "cpu", "--json", str(out)]
        evaluate.main([name, *given, *options])
        return json.loads(out.read_text())

    return figures


@pytest.fixture(scope="module")
def drives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drives")
    render_lostandfound(root, "test", [20_000, 20_001], 2, 96, 54, frame_step=20)
    return root
