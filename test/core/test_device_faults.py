"""Faults of a device are told apart, and a step's time is told by stage."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from densehybrid_ros.core import device_faults
from densehybrid_ros.core.device_faults import DeviceLost, OutOfDeviceMemory, device_fault
from densehybrid_ros.core.postprocess import PARTS
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.core.stages import StageClock

CPU = torch.device("cpu")
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
        MemoryError("Unable to allocate 9 GiB"),
    ],
)
def test_exhausted_memory_is_known_by_its_type_or_words(error: Exception) -> None:
    assert isinstance(device_fault(error, CPU), OutOfDeviceMemory)


def test_memory_that_the_cpu_cannot_give_is_a_fault_of_the_device() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60)
    assert isinstance(device_fault(raised.value, CPU), OutOfDeviceMemory)


def test_a_device_is_lost_where_it_answers_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    error = RuntimeError("CUDA error: an illegal memory access was encountered\nCompile with …")
    assert device_fault(error, CPU) is None
    monkeypatch.setattr(device_faults, "answers", lambda device: False)
    fault = device_fault(error, CPU)
    assert isinstance(fault, DeviceLost)
    assert str(fault) == "device cpu is lost: CUDA error: an illegal memory access was encountered"
    assert device_fault(ValueError("a bug of ours"), CPU) is None


@pytest.mark.parametrize("device", DEVICES)
def test_a_device_that_computes_answers(device: str) -> None:
    assert device_faults.answers(torch.device(device))


@pytest.mark.parametrize(
    ("error", "alive"), [(torch.cuda.OutOfMemoryError("full"), True), (RuntimeError("CUDA error: unspecified"), False)]
)
def test_a_full_device_is_alive_and_one_that_fails_is_not(
    monkeypatch: pytest.MonkeyPatch, error: Exception, alive: bool
) -> None:
    def fail(*arguments: object, **named: object) -> torch.Tensor:
        raise error

    monkeypatch.setattr(torch, "ones", fail)
    assert device_faults.answers(CPU) is alive


def test_a_device_that_computes_wrongly_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "ones", lambda *arguments, **named: torch.tensor([5.0]))
    assert device_faults.answers(CPU) is False


@pytest.mark.parametrize("device", DEVICES)
def test_stages_of_one_name_are_summed(device: str) -> None:
    clock = StageClock(torch.device(device))
    for name in ("upload", "infer", "infer"):
        torch.ones(100, 100, device=device).sum().item()
        clock.mark(name)
    spent = clock.milliseconds()
    assert set(spent) == {"upload", "infer"}
    assert all(value > 0 for value in spent.values())


@pytest.mark.parametrize("parts", [{"semantic"}, {"score"}, {"open_set"}, {"semantic", "score"}, PARTS, set()])
def test_only_the_parts_that_are_asked_for_are_given(
    random_weights: object, picture: np.ndarray, parts: set[str]
) -> None:
    segmenter = Segmenter.load(str(random_weights), "cpu")
    answer = segmenter.batch([picture], parts=parts)
    whole, (scene,) = segmenter(picture), answer.scenes
    for name in PARTS:
        if name in parts:
            np.testing.assert_array_equal(getattr(scene, name), getattr(whole, name))
        else:
            assert getattr(scene, name).shape == (0, 0)
        assert getattr(scene, name).dtype == getattr(whole, name).dtype
    assert set(answer.stage_ms) == ({"upload", "infer", "postprocess"} if parts else set())
