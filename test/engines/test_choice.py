"""Which engine a network runs by."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.engines import choice, packages, providers
from densehybrid_ros.engines.choice import ENGINES, Choice, choose
from densehybrid_ros.errors import SetupError

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
FP32, BF16, FP16 = torch.float32, torch.bfloat16, torch.float16


def install(monkeypatch: pytest.MonkeyPatch, *absent: str) -> None:
    """As if all packages but those were installed."""
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name in absent else object())


def test_auto_takes_onnxruntime_on_a_cpu_in_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    assert choose("auto", CPU, FP32) == Choice("onnxruntime")
    assert choose("auto", CPU, FP16) == Choice()
    assert choose("auto", CUDA, FP32) == Choice()


def test_auto_takes_openvino_on_a_cpu_in_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    assert choose("auto", CPU, BF16) == Choice("openvino")
    assert choose("auto", CUDA, BF16) == Choice()
    install(monkeypatch, "openvino")
    found = choose("auto", CPU, BF16)
    assert (found.name, found.reason) == ("torch", "openvino not installed")
    assert re.search(r"run: \S+ -m pip install 'onnx>=.*'openvino>=.*; or set precision to fp32", found.warning)


@pytest.mark.parametrize("precision", [FP32, BF16])
def test_openvino_is_taken_where_it_is_installed(monkeypatch: pytest.MonkeyPatch, precision: torch.dtype) -> None:
    install(monkeypatch)
    assert choose("openvino", CPU, precision) == Choice("openvino")


@pytest.mark.parametrize("able", [True, False])
def test_openvino_takes_fp16_on_cpus_with_instructions_for_it_alone(
    monkeypatch: pytest.MonkeyPatch, able: bool
) -> None:
    install(monkeypatch)
    monkeypatch.setattr(choice, "computes_in", lambda precision: able)
    if able:
        assert choose("openvino", CPU, FP16) == Choice("openvino")
        return
    with pytest.raises(SetupError, match="this CPU has no instructions for fp16; set precision to bf16 or fp32"):
        choose("openvino", CPU, FP16)


@pytest.mark.parametrize("absent", packages.PACKAGES)
def test_auto_takes_torch_where_a_package_is_missing_and_says_which(
    monkeypatch: pytest.MonkeyPatch, absent: str
) -> None:
    install(monkeypatch, absent)
    found = choose("auto", CPU, FP32)
    assert (found.name, found.reason) == ("torch", f"{absent} not installed")


@pytest.mark.parametrize(
    ("device", "precision", "absent", "message"),
    [
        (CUDA, FP32, (), "device is cuda:0; set device cpu"),
        (CPU, BF16, (), "precision is bfloat16; set that to fp32"),
        (CPU, FP32, ("onnx",), "onnx not installed; run: .* -m pip install 'onnx>=1.16,<2' 'onnxscript>=0.5"),
    ],
)
def test_onnxruntime_that_cannot_be_had_is_refused(
    monkeypatch: pytest.MonkeyPatch, device: torch.device, precision: torch.dtype, absent: tuple[str], message: str
) -> None:
    install(monkeypatch, *absent)
    with pytest.raises(SetupError, match=message):
        choose("onnxruntime", device, precision)


def test_an_unknown_engine_lists_the_choices(random_weights: Path) -> None:
    with pytest.raises(SetupError, match="engine 'tflite' is unknown; choose one of auto, torch, onnxruntime, o"):
        Segmenter.load(random_weights, "cpu", engine="tflite")
    assert list(ENGINES) == ["auto", "torch", "onnxruntime", "openvino", "tensorrt"]


@pytest.mark.parametrize("precision", [FP32, FP16])
def test_tensorrt_is_taken_where_onnxruntime_was_built_with_it(
    monkeypatch: pytest.MonkeyPatch, precision: torch.dtype
) -> None:
    install(monkeypatch)
    monkeypatch.setattr(choice, "available", lambda: ["TensorrtExecutionProvider", "CPUExecutionProvider"])
    assert choose("tensorrt", CUDA, precision) == Choice("tensorrt")


WHEELS = r"run: \S+ -m pip uninstall -y onnxruntime; \S+ -m pip install 'onnx>=1.*'onnxruntime-gpu>=1.18,<2' tensorrt"


@pytest.mark.parametrize(
    ("engine", "device", "precision", "absent", "taken", "reason", "remedy"),
    [
        ("tensorrt", CPU, FP32, (), "onnxruntime", "device is cpu", "wants an NVIDIA GPU, its driver and a CUDA build"),
        ("tensorrt", CPU, FP32, ("onnx",), "torch", "device is cpu", "wants an NVIDIA GPU"),
        ("tensorrt", CPU, BF16, (), "openvino", "device is cpu", "wants an NVIDIA GPU"),
        ("tensorrt", CUDA, BF16, (), "torch", "precision is bfloat16", "set precision to fp16 or fp32"),
        ("tensorrt", CUDA, FP16, ("onnx", "onnxruntime"), "torch", "onnx, onnxruntime not installed", WHEELS),
        ("tensorrt", CUDA, FP16, (), "torch", "the installed onnxruntime was built without TensorRT", WHEELS),
        ("openvino", CUDA, FP16, (), "torch", "device is cuda:0", "on CPUs alone: set device to cpu"),
        ("openvino", CPU, FP32, ("openvino",), "onnxruntime", "openvino not installed", "run: .* 'openvino>="),
        ("openvino", CPU, BF16, ("openvino",), "torch", "openvino not installed", "run: .* 'openvino>="),
        (
            "openvino",
            CPU,
            FP32,
            ("onnx", "openvino"),
            "torch",
            "onnx, openvino not installed",
            "run: .*'onnx>=1.16",
        ),
    ],
)
def test_an_engine_that_cannot_be_had_falls_back_as_auto_does_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
    engine: str,
    device: torch.device,
    precision: torch.dtype,
    absent: tuple[str, ...],
    taken: str,
    reason: str,
    remedy: str,
) -> None:
    install(monkeypatch, *absent)
    monkeypatch.setattr(choice, "available", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    found = choose(engine, device, precision)
    assert (found.name, found.reason) == (taken, reason)
    assert re.match(f"{taken} instead of {engine}: {reason}; .*{remedy}", found.warning)
    assert "://" not in found.warning


def test_what_onnxruntime_was_built_with_is_asked_of_it() -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; ./test.sh brings it")
    assert providers.ON_CPU in providers.available()


@pytest.mark.usefixtures("installed")
def test_a_segmenter_that_falls_back_from_tensorrt_warns_once(random_weights: Path) -> None:
    segmenter = Segmenter.load(random_weights, "cpu", engine="tensorrt")
    (warning,) = segmenter.engine_warnings
    assert warning.startswith("engine: onnxruntime instead of tensorrt: device is cpu; TensorRT wants an NVIDIA GPU")
    segmenter.close()


def test_a_segmenter_says_why_it_runs_by_torch(random_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "onnx", "onnxruntime")
    chosen = Segmenter.load(random_weights, "cpu")
    assert (chosen.engine, chosen.engine_warnings) == ("torch", ())
    fallen_back = Segmenter.load(random_weights, "cpu", engine="auto")
    assert fallen_back.engine == "torch: onnx, onnxruntime not installed"
    (warning,) = fallen_back.engine_warnings
    assert "twice as long: onnx, onnxruntime not installed; run: " in warning
    assert "-m pip install 'onnx>=" in warning
    with pytest.raises(SetupError, match=r"onnx, onnxruntime not installed; run: .* -m pip install"):
        Segmenter.load(random_weights, "cpu", engine="onnxruntime")
