"""TensorRT's way: all of it but TensorRT's own work, here by the CPU's provider; and on a GPU, where there is one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.engines import building, key, making, opening, tensorrt_folder
from densehybrid_ros.engines.building import BuildFailed, Unavailable
from densehybrid_ros.engines.key import Key, Shape, TensorrtKey, tensorrt_key
from densehybrid_ros.engines.making import Maker, Unfit
from densehybrid_ros.engines.opening import Session
from densehybrid_ros.engines.providers import CUDA, TENSORRT, Providers, available
from densehybrid_ros.errors import SetupError
from densehybrid_ros.models.checkpoint import load_weights

pytestmark = pytest.mark.usefixtures("installed")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """What torch says of one."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda number: (8, 7))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: f"Orin {number}")
    monkeypatch.setattr(key, "tensorrt_version", lambda: "10.3")


class Machine:
    """Builds engines as TensorRT does, and opens them by the CPU."""

    def __init__(self, onnx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.onnx = onnx
        self.built: list[str] = []
        """Kinds of files and folders."""
        self.opened: list[tuple[bool, list[str]]] = []
        """Whether in fp16, and the files in the folder."""
        self.fails: Callable[[], Exception | None] = lambda: None
        self.off: dict[bool, float] = {}
        """What is added to the logits, by whether it is in fp16."""
        monkeypatch.setattr(building, "Build", self.build)
        monkeypatch.setattr(making, "by_tensorrt", self.providers)
        monkeypatch.setattr(making, "Session", self.open)

    def build(self, source: Path, out: Path, wanted: Key | TensorrtKey) -> Any:
        machine = self

        class Done:
            def wait(self) -> None:
                if error := machine.fails():
                    raise error
                machine.built.append(out.suffix)
                if isinstance(wanted, Key):
                    shutil.copy(machine.onnx, out)
                    return
                assert source.read_bytes() == machine.onnx.read_bytes()
                out.mkdir()
                (out / "fp.engine").write_text(wanted.text)

        return Done()

    def providers(self, device: torch.device, half: bool, folder: Path) -> Providers:
        return [("CPUExecutionProvider", {"half": half, "folder": folder})]

    def open(self, contents: bytes, threads: int, providers: Providers) -> Session:
        options = providers[0][1]
        self.opened.append((options["half"], sorted(path.name for path in options["folder"].iterdir())))
        if json.loads((options["folder"] / "fp.engine").read_text())["half"] != options["half"]:
            raise RuntimeError("an engine of another precision")
        session = Session(contents, threads)
        inner, off = session.outputs, self.off.get(options["half"], 0.0)
        session.outputs = lambda images, names: [each + off for each in inner(images, names)]
        return session


@pytest.fixture
def machine(filled_cache: Path, small_file: Path, gpu: None, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(small_file, monkeypatch)


def maker(weights: Path, precision: torch.dtype = torch.float16) -> Maker:
    return Maker("tensorrt", load_weights(weights)[0], weights, torch.device("cpu"), precision)


def folders(cache: Path) -> list[Path]:
    return sorted(cache.glob("*.tensorrt"))


def test_the_folder_is_built_of_the_onnx_file_in_the_cache_once(
    machine: Machine, filled_cache: Path, random_weights: Path, small_key: Key
) -> None:
    made = maker(random_weights)
    made.made(small_key)
    assert machine.built == [".tensorrt"]
    (folder,) = folders(filled_cache)
    assert folder.name == tensorrt_key(small_key, torch.device("cpu"), True).file_name
    assert folder.name.startswith("ladder_lite0-1x96x64-fp16-")
    os.utime(folder, (0, 0))
    maker(random_weights).made(small_key)
    assert machine.built == [".tensorrt"], "the next start opens what is there"
    assert folder.stat().st_mtime > 0, "and counts it as used"
    assert machine.opened == [(True, ["fp.engine"])] * 2
    assert (made.not_half, made.not_kept) == ("", "")


def test_without_an_onnx_file_that_is_built_first(
    machine: Machine, filled_cache: Path, random_weights: Path, small_key: Key
) -> None:
    shutil.rmtree(filled_cache)
    maker(random_weights).made(small_key)
    assert machine.built == [".onnx", ".tensorrt"]


def test_in_fp32_no_engine_of_fp16_is_made(machine: Machine, random_weights: Path, small_key: Key) -> None:
    maker(random_weights, torch.float32).made(small_key)
    assert [half for half, _ in machine.opened] == [False]


def test_fp16_that_differs_too_much_is_left_for_fp32_and_not_built_again(
    machine: Machine, filled_cache: Path, random_weights: Path, small_key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.off = {True: 0.5}
    monkeypatch.setattr(making, "tolerance", lambda network, pictures, precision, rounded: 0.0 if rounded else 0.4)
    for _ in range(2):
        made = maker(random_weights)
        made.made(small_key)
        assert made.not_half == "it differs from torch by 0.5 nats, more than 0.4"
    assert machine.built == [".tensorrt"] * 2, "one of each precision"
    assert [half for half, _ in machine.opened] == [True, False] * 2
    assert len(folders(filled_cache)) == 2


def test_fp32_that_differs_is_not_used(machine: Machine, random_weights: Path, small_key: Key) -> None:
    machine.off = {False: 2 * opening.TOLERANCE}
    with pytest.raises(Unfit, match=r"it differs from torch by 0\.002"):
        maker(random_weights, torch.float32).made(small_key)


def test_a_damaged_folder_is_built_anew(
    machine: Machine, filled_cache: Path, random_weights: Path, small_key: Key
) -> None:
    maker(random_weights).made(small_key)
    (folder,) = folders(filled_cache)
    (folder / "fp.engine").write_text("{")
    maker(random_weights).made(small_key)
    assert machine.built == [".tensorrt"] * 2
    assert json.loads((folder / "fp.engine").read_text())["half"]


def test_missing_libraries_cost_no_onnx_file(
    machine: Machine, filled_cache: Path, random_weights: Path, small_key: Key
) -> None:
    machine.fails = lambda: Unavailable("no TensorRT; run: pip")
    with pytest.raises(Unavailable, match="no TensorRT"):
        maker(random_weights).made(small_key)
    assert machine.built == []
    assert (filled_cache / small_key.file_name).exists()


def test_a_failed_build_is_tried_with_a_new_onnx_file(
    machine: Machine, filled_cache: Path, random_weights: Path, small_key: Key
) -> None:
    errors = [BuildFailed("its build was ended by signal 9")]
    machine.fails = lambda: errors.pop() if errors else None
    maker(random_weights).made(small_key)
    assert machine.built == [".onnx", ".tensorrt"]


@pytest.mark.usefixtures("gpu")
def test_what_decides_about_an_engine_decides_about_its_folder(small_key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tensorrt_key(small_key, torch.device("cuda"), True)
    assert first.device == "Orin 0, 8.7"
    others = [
        tensorrt_key(small_key, torch.device("cuda:1"), True),
        tensorrt_key(small_key, torch.device("cuda"), False),
    ]
    monkeypatch.setattr(key, "tensorrt_version", lambda: "10.9")
    others.append(tensorrt_key(small_key, torch.device("cuda"), True))
    assert len({each.file_name for each in [first, *others]}) == 4


class Written:
    """A session that leaves what TensorRT would."""

    files: tuple[str, ...] = ("net_fp16_sm87.engine",)

    def __init__(self, contents: bytes, threads: int, providers: Providers) -> None:
        for name in self.files:
            (Path(providers[0][1]["trt_engine_cache_path"]) / name).write_bytes(contents)


@pytest.mark.usefixtures("gpu")
def test_a_folder_is_whole_or_not_there(tmp_path: Path, small_key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx, wanted = tmp_path / "network.onnx", tensorrt_key(small_key, torch.device("cuda:1"), True)
    onnx.write_bytes(b"new")
    out = tmp_path / wanted.file_name
    out.mkdir()
    (out / "old.engine").touch()
    monkeypatch.setattr(tensorrt_folder, "Session", Written)
    monkeypatch.setattr(Written, "files", ())
    with pytest.raises(SetupError, match="TensorRT took no part of the network"):
        tensorrt_folder.build_folder(onnx, out, wanted.text)
    assert [path.name for path in out.iterdir()] == ["old.engine"]
    monkeypatch.undo()
    monkeypatch.setattr(tensorrt_folder, "Session", Written)
    tensorrt_folder.build_folder(onnx, out, wanted.text)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {"net_fp16_sm87.engine": b"new"}
    assert sorted(tmp_path.iterdir()) == sorted([onnx, out]), "no part is left"


@pytest.mark.usefixtures("gpu")
@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_the_other_process_says_that_tensorrt_is_missing(tmp_path: Path, small_file: Path, small_key: Key) -> None:
    wanted = tensorrt_key(small_key, torch.device("cuda"), True)
    with pytest.raises(Unavailable, match=r"TensorrtExecutionProvider did not load.*; run: .* -m pip uninstall"):
        building.Build(small_file, tmp_path / wanted.file_name, wanted).wait()
    assert not list(tmp_path.iterdir())


def on_gpu(provider: str) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    if provider not in available():
        pytest.skip(f"onnxruntime was built without {provider} here")


def test_cuda_tensors_are_answered_where_they_lie(small_file: Path, random_weights: Path) -> None:
    on_gpu(CUDA)
    network = load_weights(random_weights)[0].cuda()
    session = Session(small_file.read_bytes(), 1, [(CUDA, {"device_id": 0})])
    pictures = opening.noise_and_edges(Shape(1, 64, 96), torch.device("cuda"))
    assert all(each.is_cuda for each in session(pictures))
    assert opening.difference_to_torch(network, session, pictures) < 0.05  # TF32


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_on_cuda_tensorrt_answers_as_torch(random_weights: Path, small_picture: np.ndarray, precision: str) -> None:
    on_gpu(TENSORRT)
    from densehybrid_ros.bench.ways import wait_for_engine

    segmenter = Segmenter.load(random_weights, "cuda", precision, -1, "tensorrt")
    wait_for_engine(segmenter, small_picture, "tensorrt")
    expected = Segmenter.load(random_weights, "cpu", "fp32", -1)(small_picture).score
    assert np.percentile(np.abs(segmenter(small_picture).score - expected), 99) < 0.1
    assert segmenter.engine_warnings == ()
