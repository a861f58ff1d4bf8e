"""A segmenter by ONNX Runtime: it answers as torch does, and whatever fails, torch goes on and it is said."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from densehybrid_ros.bench.ways import wait_for_engine
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.engines import building, making, opening, preparation
from densehybrid_ros.engines.building import Build
from densehybrid_ros.engines.key import Key
from densehybrid_ros.engines.packages import missing_packages
from densehybrid_ros.models.checkpoint import BUNDLED, load_weights, save_weights

PATIENCE = 120.0
"""s; the machine may be busy."""
NATIVE = -1

pytestmark = pytest.mark.usefixtures("installed")


class Builds:
    """Counts the builds that are begun."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, start: Callable[[Path, Path, Key], Any] = Build) -> None:
        self.begun: list[Any] = []

        def counted(weights: Path, out: Path, key: Key) -> Any:
            self.begun.append(start(weights, out, key))
            return self.begun[-1]

        monkeypatch.setattr(building, "Build", counted)


class Copied:
    """A build that has been done before."""

    def __init__(self, built: Path, out: Path) -> None:
        shutil.copy(built, out)

    def wait(self) -> None: ...


def killed(weights: Path, out: Path, key: Key) -> Build:
    begun = Build(weights, out, key)
    os.kill(begun.pid, signal.SIGKILL)
    return begun


def loaded(weights: Path, width: int = NATIVE, patient: bool = False) -> Segmenter:
    return Segmenter.load(weights, "cpu", "fp32", width, "onnxruntime", patient)


def asked_until(segmenter: Segmenter, images: list[NDArray[np.uint8]], text: str) -> None:
    """Asks until its engine is one of which `text` is the beginning; not while one is at work, which would slow it."""
    end = time.monotonic() + PATIENCE
    while not segmenter.engine.startswith(text):
        assert time.monotonic() < end, (segmenter.engine, segmenter.engine_warnings)
        if not segmenter.engine.startswith("torch, "):
            segmenter.batch(images)
        time.sleep(0.01)


def assert_as_torch(segmenter: Segmenter, images: list[NDArray[np.uint8]], weights: Path) -> None:
    """By ONNX Runtime, and with the scores and classes of torch."""
    found = segmenter.batch(images).scenes
    assert segmenter.engine == "onnxruntime"
    wanted = Segmenter.load(weights, "cpu", "fp32", segmenter.inference_width or NATIVE).batch(images).scenes
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one.score, other.score, atol=1e-4)
        assert (one.semantic == other.semantic).mean() > 0.999  # but for ties


@pytest.mark.usefixtures("cache")
def test_the_bundled_network_answers_as_torch_does(picture: np.ndarray) -> None:
    segmenter, by_torch = loaded(BUNDLED, 128), Segmenter.load(BUNDLED, "cpu", "fp32", 128)
    asked_until(segmenter, [picture], "onnxruntime")
    for found, wanted in zip(segmenter.logits(picture), by_torch.logits(picture), strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)
    assert_as_torch(segmenter, [picture], BUNDLED)


@pytest.mark.usefixtures("filled_cache")
@pytest.mark.parametrize("shares", [[], [0.7, 0.3]])
def test_other_scales_are_another_engine(
    random_weights: Path, small_picture: np.ndarray, tmp_path: Path, shares: list[float]
) -> None:
    scaled = tmp_path / "scaled.safetensors"
    model, info = load_weights(random_weights)
    save_weights(scaled, model, replace(info, scales=[1.0, 0.5], shares=shares), half=False)
    segmenter = loaded(scaled)
    segmenter.batch([small_picture])
    assert segmenter.engine.startswith("torch")
    asked_until(segmenter, [small_picture], "onnxruntime")
    assert_as_torch(segmenter, [small_picture], scaled)


def test_a_file_in_the_cache_is_used_without_a_build(
    filled_cache: Path, random_weights: Path, small_picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds, segmenter = Builds(monkeypatch), loaded(random_weights)
    asked_until(segmenter, [small_picture], "onnxruntime")
    assert_as_torch(segmenter, [small_picture], random_weights)
    assert not builds.begun
    assert segmenter.engine_warnings == ()


def test_the_first_answer_waits_for_nothing(
    filled_cache: Path, random_weights: Path, small_picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work: list[str] = []
    segmenter = loaded(random_weights)
    by_torch = segmenter._by_torch
    monkeypatch.setattr(segmenter, "_by_torch", lambda images: at_work.append(segmenter.engine) or by_torch(images))
    segmenter.batch([small_picture])
    assert at_work == ["torch"], "an engine is prepared beside the first answer"


@pytest.mark.usefixtures("filled_cache")
def test_batches_and_other_sizes_get_engines_of_their_own(random_weights: Path, small_picture: np.ndarray) -> None:
    segmenter = loaded(random_weights)
    asked_until(segmenter, [small_picture], "onnxruntime")
    mirrored, wide = small_picture[:, ::-1].copy(), np.tile(small_picture, (1, 2, 1))
    for images in ([small_picture, mirrored], [wide]):
        segmenter.batch(images)
        assert segmenter.engine.startswith("torch")
        asked_until(segmenter, images, "onnxruntime")
        assert_as_torch(segmenter, images, random_weights)
    assert_as_torch(segmenter, [small_picture], random_weights)


@pytest.mark.parametrize("damage", ["cut off", "empty", "no protobuf", "of other weights"])
def test_a_damaged_file_is_built_anew(
    filled_cache: Path,
    small_file: Path,
    random_weights: Path,
    small_picture: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    damage: str,
) -> None:
    whole, path = small_file.read_bytes(), filled_cache / small_file.name
    key = b'"weights": "'
    damaged = {
        "cut off": whole[: len(whole) // 2],
        "empty": b"",
        "no protobuf": b"\xff" * 1000,
        "of other weights": whole.replace(key + whole.split(key)[1][:8], key + b"00000000"),
    }[damage]
    assert damaged != whole
    path.write_bytes(damaged)
    builds = Builds(monkeypatch, lambda weights, out, key: Copied(small_file, out))
    segmenter = loaded(random_weights)
    asked_until(segmenter, [small_picture], "onnxruntime")
    assert len(builds.begun) == 1
    assert path.read_bytes() == whole
    assert segmenter.engine_warnings == ()


def test_an_engine_that_answers_otherwise_is_not_used(
    filled_cache: Path,
    small_file: Path,
    random_weights: Path,
    small_picture: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "TOLERANCE", -1.0)
    builds = Builds(monkeypatch, lambda weights, out, key: Copied(small_file, out))
    segmenter = loaded(random_weights)
    asked_until(segmenter, [small_picture], "torch: it differs from torch by")
    segmenter.batch([small_picture])
    (warning,) = segmenter.engine_warnings
    assert "torch goes on instead of onnxruntime: it differs from torch by" in warning
    assert len(builds.begun) == 1, "a new file shows whether the old one was damaged, and once is enough"
    assert not list(filled_cache.iterdir())


@pytest.mark.usefixtures("cache")
def test_an_engine_whose_answer_is_no_number_is_not_used(
    small_file: Path, random_weights: Path, small_picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "difference_to_torch", lambda *_: float("nan"))
    Builds(monkeypatch, lambda weights, out, key: Copied(small_file, out))
    segmenter = loaded(random_weights)
    asked_until(segmenter, [small_picture], "torch: it differs from torch by nan")


def test_a_killed_build_leaves_torch_at_work(
    cache: Path, random_weights: Path, small_picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds, segmenter = Builds(monkeypatch, killed), loaded(random_weights)
    asked_until(segmenter, [small_picture], "torch: its build was ended by signal 9")
    expected = Segmenter.load(random_weights, "cpu", "fp32", NATIVE)(small_picture)
    np.testing.assert_allclose(segmenter(small_picture).score, expected.score, atol=1e-4)
    assert len(builds.begun) == 1
    assert len(segmenter.engine_warnings) == 1


def test_an_engine_that_cannot_be_kept_is_used_all_the_same(
    tmp_path: Path, random_weights: Path, small_picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    segmenter = loaded(random_weights)
    asked_until(segmenter, [small_picture], "onnxruntime")
    assert_as_torch(segmenter, [small_picture], random_weights)
    (warning,) = segmenter.engine_warnings
    assert "not kept for the next start" in warning
    assert str(tmp_path / "file") in warning


@pytest.mark.usefixtures("filled_cache")
def test_torch_answers_where_a_running_engine_fails(
    random_weights: Path, small_picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: Any) -> None:
        raise RuntimeError("Failed to allocate memory")

    segmenter = loaded(random_weights)
    asked_until(segmenter, [small_picture], "onnxruntime")
    expected = segmenter(small_picture).score
    monkeypatch.setattr(opening.Session, "__call__", exhausted)
    np.testing.assert_allclose(segmenter(small_picture).score, expected, atol=1e-4)
    segmenter(small_picture)
    assert segmenter.engine == "torch: onnxruntime failed: RuntimeError: Failed to allocate memory"
    assert len(segmenter.engine_warnings) == 1


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("way", ["closed", "forgotten"])
def test_a_build_ends_with_the_segmenter(
    random_weights: Path, small_picture: np.ndarray, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    builds, segmenter = Builds(monkeypatch), loaded(random_weights)
    asked_until(segmenter, [small_picture], "torch, building onnxruntime 96x64")
    if way == "closed":
        segmenter.close()
        segmenter.batch([small_picture])  # answers all the same, and begins nothing
        assert segmenter.engine == "torch"
    del segmenter
    gc.collect()
    (begun,) = builds.begun
    assert begun._process.wait(PATIENCE) == -signal.SIGKILL


@pytest.mark.usefixtures("filled_cache")
def test_no_more_engines_stay_open_than_have_room(
    random_weights: Path, small_picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "MOST_OPEN", 1)
    segmenter = loaded(random_weights)
    asked_until(segmenter, [small_picture], "onnxruntime")
    builds = Builds(monkeypatch)
    segmenter.batch([small_picture] * 2)
    assert segmenter.engine == "torch"
    assert not builds.begun
    monkeypatch.setattr(preparation, "UNUSED", 0.0)
    asked_until(segmenter, [small_picture] * 2, "onnxruntime")
    segmenter.batch([small_picture])
    assert segmenter.engine.startswith("torch")


def test_a_check_ends_with_the_segmenter_and_keeps_the_file(
    filled_cache: Path, random_weights: Path, small_key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that is in torch while Python ends aborts the process."""
    made = making.Maker(
        "onnxruntime", load_weights(random_weights)[0].eval(), random_weights, torch.device("cpu"), torch.float32
    )

    def closed_meanwhile(network: nn.Module, session: Any, pictures: torch.Tensor) -> float:
        made.builds.stop()
        network(pictures)
        return pytest.fail("all of the network was computed")

    monkeypatch.setattr(making, "difference_to_torch", closed_meanwhile)
    with pytest.raises(building.Stopped, match="closed"):
        made.made(small_key)
    assert [path.name for path in filled_cache.iterdir()] == [small_key.file_name]


@pytest.mark.usefixtures("filled_cache")
def test_a_patient_segmenter_answers_by_its_engine_alone(
    random_weights: Path, small_picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "MOST_OPEN", 1)
    segmenter = loaded(random_weights, patient=True)
    by_torch = segmenter._by_torch
    monkeypatch.setattr(segmenter, "_by_torch", lambda images: pytest.fail("torch has answered"))
    for count in (1, 2, 1):
        segmenter.batch([small_picture] * count)
        assert segmenter.engine == "onnxruntime"
    monkeypatch.setattr(segmenter, "_by_torch", by_torch)
    monkeypatch.setattr(making, "difference_to_torch", lambda *_: float("nan"))
    segmenter.batch([small_picture] * 2)
    assert segmenter.engine == "torch: it differs from torch by nan nats, more than 0.001", "it waits for nothing more"


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_engines_that_are_opened_again_and_again_keep_no_memory(random_weights: Path, engine: str) -> None:
    """A node that is configured anew opens one each time; 14 MB of weights alone would stay each time."""
    if missing := missing_packages(engine):
        pytest.skip(f"{', '.join(missing)} not installed; pip install -r requirements/optional.txt brings it")
    picture = np.zeros((192, 320, 3), np.uint8)
    resident: list[float] = []
    for _ in range(18):
        segmenter = Segmenter.load(random_weights, "cpu", engine=engine)
        wait_for_engine(segmenter, picture, engine)
        segmenter(picture)
        segmenter.close()
        del segmenter
        gc.collect()
        resident.append(resident_mb())
    # the heap's high-water mark rises now and then
    assert np.median(resident[-5:]) - np.median(resident[4:9]) < 90, resident
