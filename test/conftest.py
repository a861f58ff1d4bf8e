"""Small made-up data that several tests share."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from densehybrid_ros.dds.segments import remove_abandoned_segments
from densehybrid_ros.models import build_model
from densehybrid_ros.models.checkpoint import Calibration, WeightsInfo, save_weights

cv2.setNumThreads(1)
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # which Triton reads when it is imported
SHARED = Path(os.environ.get("DENSEHYBRID_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
CLASSES = ["sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real pictures, which are not part of the project."""
    if not SHARED.is_dir():
        pytest.skip(f"real data are not at {SHARED}; name their folder in DENSEHYBRID_DATA")
    return SHARED


@pytest.fixture(autouse=True)
def place_on_the_machine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where several processes share the tests, one marked `alone` waits for those of the others, and holds them up."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    alone = request.node.get_closest_marker("alone") is not None
    with (tmp_path_factory.getbasetemp().parent / "place").open("w") as place:
        fcntl.flock(place, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
        fcntl.flock(place, fcntl.LOCK_UN)  # whatever forked process still holds the file


@pytest.fixture(scope="session", autouse=True)
def shared_memory() -> Iterator[None]:
    """Nodes that tests kill leave 67 MB each."""
    yield
    remove_abandoned_segments()


@pytest.fixture(scope="session", autouse=True)
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Engines that tests build, here or in nodes, are not left to the user."""
    folder = tmp_path_factory.mktemp("cache_home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


def random_weights_info(threshold: float = 0.25) -> WeightsInfo:
    """Metadata for a network with random weights."""
    curve = Calibration([3.0, 1.0, -2.0], [0.2, 0.6, 0.95], [0.001, 0.01, 0.2], "nothing")
    shifted = Calibration([30.0, 10.0, -20.0], [0.2, 0.6, 0.95], [0.001, 0.01, 0.2], "nothing")
    return WeightsInfo(
        architecture="ladder_lite0",
        classes=CLASSES,
        palette=[[20 * index, 255 - 20 * index, 128] for index in range(11)],
        normalisation="inside the model",
        inference_width=0,
        threshold=threshold,
        calibration={"hybrid": curve, "likelihood": shifted},
    )


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file of ladder_lite0 with seeded random weights."""
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_weights(path, build_model("ladder_lite0", 11), random_weights_info())
    return path


@pytest.fixture
def picture() -> np.ndarray:
    """A smooth random RGB picture, 96×160."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (6, 10, 3), dtype=np.uint8)
    return cv2.resize(coarse, (160, 96), interpolation=cv2.INTER_CUBIC)
