"""Which engine a network runs by."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.engines import packages
from densehybrid_ros.engines.choice import ENGINES, Choice, choose
from densehybrid_ros.errors import SetupError

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


def install(monkeypatch: pytest.MonkeyPatch, *absent: str) -> None:
    """As if all packages but those were installed."""
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name in absent else object())


def test_auto_takes_onnxruntime_on_a_cpu_in_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    assert choose("auto", CPU, torch.float32) == Choice(True)
    assert choose("auto", CPU, torch.bfloat16) == Choice(False)
    assert choose("auto", CUDA, torch.float32) == Choice(False)


@pytest.mark.parametrize("absent", packages.PACKAGES)
def test_auto_takes_torch_where_a_package_is_missing_and_says_which(
    monkeypatch: pytest.MonkeyPatch, absent: str
) -> None:
    install(monkeypatch, absent)
    assert choose("auto", CPU, torch.float32) == Choice(False, f"{absent} not installed")


@pytest.mark.parametrize(
    ("device", "precision", "absent", "message"),
    [
        (CUDA, torch.float32, (), "device is cuda:0; set device cpu"),
        (CPU, torch.bfloat16, (), "precision is bfloat16; set that to fp32"),
        (CPU, torch.float32, ("onnx",), "onnx not installed; run: .* -m pip install 'onnx>=1.16,<2' 'onnxscript>=0.5"),
    ],
)
def test_onnxruntime_that_cannot_be_had_is_refused(
    monkeypatch: pytest.MonkeyPatch, device: torch.device, precision: torch.dtype, absent: tuple[str], message: str
) -> None:
    install(monkeypatch, *absent)
    with pytest.raises(SetupError, match=message):
        choose("onnxruntime", device, precision)


def test_an_unknown_engine_lists_the_choices(random_weights: Path) -> None:
    with pytest.raises(SetupError, match="engine 'tflite' is unknown; choose one of auto, torch, onnxruntime"):
        Segmenter.load(random_weights, "cpu", engine="tflite")
    assert list(ENGINES) == ["auto", "torch", "onnxruntime"]


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
