"""How far an engine is from torch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from densehybrid_ros.engines.building import Unavailable
from densehybrid_ros.engines.key import Shape
from densehybrid_ros.engines.opening import TOLERANCE, Session, difference_to_torch, noise_and_edges, tolerance
from densehybrid_ros.engines.providers import TENSORRT, by_tensorrt

SMALL = Shape(1, 64, 96)


class Doubled(nn.Module):
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * images, images[:, :2] + 1  # no view of the pictures


@pytest.mark.parametrize(("output", "change"), [(0, 0.5), (1, -0.25), (1, math.nan), (0, math.nan)])
def test_the_largest_difference_of_either_output_counts(output: int, change: float) -> None:
    def session(images: Tensor) -> tuple[Tensor, ...]:
        assert images.shape == (2, 3, 5, 7)
        outputs = Doubled()(images)
        outputs[output][1, 1, 3, 2] += change
        return tuple(each.clone() for each in outputs)

    found = difference_to_torch(Doubled(), session, noise_and_edges(Shape(2, 5, 7)))
    assert found == pytest.approx(abs(change), abs=1e-6, nan_ok=True)


class Summed(nn.Module):
    """A thousand ones and 1/1024: a sum that bf16, with 8 bits, cannot hold."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        total = torch.ones(1, 1024) @ (torch.ones(1024, 1) + 1 / 1024)
        return total.float(), images[:, :2]


def test_in_a_coarse_precision_an_engine_may_be_twice_as_far_off_as_torch_is() -> None:
    """Each summand is rounded to 1, so that 1025 becomes 1024."""
    pictures = noise_and_edges(Shape(1, 4, 4))
    assert tolerance(Summed(), pictures, torch.float32) == TOLERANCE
    assert tolerance(Summed(), pictures, torch.bfloat16) == pytest.approx(2.0)
    assert tolerance(Doubled(), pictures, torch.bfloat16) == TOLERANCE


class Shifted(nn.Module):
    """By 256 and back: bf16 keeps no fractions there, and autocast leaves sums in fp32."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        shifted = images + 256
        shifted.add_(0)  # of what is changed in place the engine has no other copy
        return shifted - 256, images[:, :2]


def test_an_engine_that_rounds_all_numbers_is_measured_by_torch_doing_so() -> None:
    pictures = noise_and_edges(Shape(1, 8, 8))
    assert tolerance(Shifted(), pictures, torch.bfloat16) == TOLERANCE
    # two numbers that bf16 has lie 2 apart there
    assert 1 < tolerance(Shifted(), pictures, torch.bfloat16, rounded=True) <= 2.001
    assert tolerance(Shifted(), pictures, torch.float32, rounded=True) == TOLERANCE
    assert tolerance(Doubled(), pictures, torch.bfloat16, rounded=True) == pytest.approx(2 * 2**-8, rel=0.2)


def test_the_exact_answer_is_without_tf32_and_leaves_the_setting_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def network(pictures: Tensor) -> tuple[Tensor]:
        seen.append(torch.backends.cudnn.allow_tf32)
        return (pictures,)

    any_network: Any = network
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    assert difference_to_torch(any_network, network, noise_and_edges(Shape(1, 4, 4))) == 0
    assert seen == [True, False], "the engine's answer comes before torch's"
    assert torch.backends.cudnn.allow_tf32


def test_pictures_and_answers_are_bound_where_they_lie(small_file: Path) -> None:
    session = Session(small_file.read_bytes(), threads=1)
    pictures = noise_and_edges(SMALL)
    bound: list[tuple[str, str, int, int]] = []
    inner = session._session

    class Recorded:
        def __init__(self) -> None:
            self.binding = inner.io_binding()

        def bind_input(self, name: str, kind: str, number: int, element: type, shape: tuple, pointer: int) -> None:
            bound.append((name, kind, number, pointer))
            self.binding.bind_input(name, kind, number, element, shape, pointer)

        def bind_output(self, name: str, kind: str, number: int, element: type, shape: tuple, pointer: int) -> None:
            bound.append((name, kind, number, pointer))
            self.binding.bind_output(name, kind, number, element, shape, pointer)

        def synchronize_outputs(self) -> None:
            self.binding.synchronize_outputs()

    class Runs:
        io_binding = staticmethod(Recorded)

        @staticmethod
        def run_with_iobinding(recorded: Recorded) -> None:
            inner.run_with_iobinding(recorded.binding)

    session._session = Runs
    logits, dataset_logits = session(pictures)
    assert bound == [
        ("images", "cpu", 0, pictures.data_ptr()),
        ("logits", "cpu", 0, logits.data_ptr()),
        ("dataset_logits", "cpu", 0, dataset_logits.data_ptr()),
    ]
    again, _ = session(pictures.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(again, logits, atol=1e-5, rtol=0)
    assert again.data_ptr() != logits.data_ptr(), "an answer is not overwritten by the next one"


@pytest.mark.usefixtures("installed")
@pytest.mark.filterwarnings("ignore:Specified provider 'TensorrtExecutionProvider':UserWarning")
@pytest.mark.filterwarnings("ignore:Specified provider 'CUDAExecutionProvider':UserWarning")
def test_a_provider_that_is_not_here_is_refused_and_not_replaced(small_file: Path, tmp_path: Path) -> None:
    import onnxruntime

    if TENSORRT in onnxruntime.get_available_providers():
        pytest.skip("TensorRT is installed here: nothing is refused")
    with pytest.raises(Unavailable, match="TensorrtExecutionProvider did not load, only CPUExecutionProvider"):
        Session(small_file.read_bytes(), 1, by_tensorrt(torch.device("cuda"), True, tmp_path))


@pytest.mark.parametrize(("device", "number"), [("cuda", 0), ("cuda:2", 2)])
@pytest.mark.parametrize("half", [True, False])
def test_tensorrt_comes_before_cuda_on_the_same_device_with_a_folder_of_ours(
    device: str, number: int, half: bool, tmp_path: Path
) -> None:
    (first, options), (second, others) = by_tensorrt(torch.device(device), half, tmp_path)
    assert (first, second) == ("TensorrtExecutionProvider", "CUDAExecutionProvider")
    assert options == {
        "device_id": number,
        "trt_fp16_enable": half,
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(tmp_path),
    }
    assert others == {"device_id": number}
