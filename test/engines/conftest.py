"""One engine that is built once, for all tests that need a file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from densehybrid_ros.engines.building import Build
from densehybrid_ros.engines.key import Key, Shape, key_of, origin_of
from densehybrid_ros.engines.packages import missing_packages
from densehybrid_ros.models.checkpoint import load_weights

SMALL = Shape(1, 64, 96)


@pytest.fixture(scope="session")
def installed() -> None:
    if missing := missing_packages():
        pytest.skip(f"{', '.join(missing)} not installed; ./test.sh brings it")


@pytest.fixture(scope="session")
def small_key(installed: None, random_weights: Path) -> Key:
    return key_of(origin_of(*_loaded(random_weights)), SMALL)


@pytest.fixture(scope="session")
def small_file(random_weights: Path, small_key: Key, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The engine of the random weights for one picture of 64×96."""
    path = tmp_path_factory.mktemp("engine") / small_key.file_name
    Build(random_weights, path, small_key).wait()
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder of this test, which is not there yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "densehybrid_ros" / "engines"


@pytest.fixture
def filled_cache(cache: Path, small_file: Path) -> Path:
    """With the small engine in it."""
    cache.mkdir(parents=True)
    shutil.copy(small_file, cache)
    return cache


@pytest.fixture
def small_picture(picture: np.ndarray) -> NDArray[np.uint8]:
    """64×96."""
    return np.ascontiguousarray(picture[:64, :96])


def _loaded(weights: Path):
    network, info = load_weights(weights)
    return network, info.architecture
