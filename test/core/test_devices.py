"""What is said of a device, and how long a stage took."""

from __future__ import annotations

import time

import pytest
import torch

from densehybrid_ros.core.devices import allocated_mb, device_name, missing_gpu, resolve_precision
from densehybrid_ros.core.stages import StageClock
from densehybrid_ros.errors import SetupError

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


def test_the_cpu_has_no_name_and_no_memory_of_its_own() -> None:
    assert device_name(CPU) == ""
    assert allocated_mb(CPU) is None


def test_memory_of_a_cuda_device_is_told_in_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 2_500_000)
    assert allocated_mb(CUDA) == 2.5


@pytest.mark.parametrize(
    ("name", "device", "precision"),
    [
        ("auto", CPU, torch.float32),
        ("auto", CUDA, torch.float16),
        ("fp32", CUDA, torch.float32),
        ("fp16", CPU, torch.float16),
        ("bf16", CPU, torch.bfloat16),
    ],
)
def test_half_precision_is_chosen_on_cuda_alone(name: str, device: torch.device, precision: torch.dtype) -> None:
    assert resolve_precision(name, device) is precision


@pytest.mark.parametrize("name", ["", "FP16", "half"])
def test_another_precision_is_refused(name: str) -> None:
    with pytest.raises(SetupError, match="fp16, bf16"):
        resolve_precision(name, CPU)


def test_stages_are_told_in_milliseconds_and_summed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 10.5, 12.0, 12.25])
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    clock = StageClock(CPU)
    for name in ("upload", "infer", "upload"):
        clock.mark(name)
    assert clock.milliseconds() == {"upload": 750.0, "infer": 1500.0}


def test_auto_without_the_gpu_that_torch_was_built_for_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert missing_gpu("auto") == ""
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    assert "torch was built for GPUs (12.8) and sees none" in missing_gpu("auto")
    assert missing_gpu("cpu") == ""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert missing_gpu("auto") == ""
