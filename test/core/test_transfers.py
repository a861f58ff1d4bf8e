"""Pictures to the device and maps back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from densehybrid_ros.core.transfers import to_cpu, to_device

CPU = torch.device("cpu")


def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 6, 8, 3), np.uint8)


def test_on_a_cpu_nothing_is_copied() -> None:
    given = pixels()
    there = to_device(given, CPU)
    assert there.dtype == torch.uint8
    assert there.data_ptr() == given.ctypes.data
    score, nothing = torch.rand(2, 6, 8), torch.empty(2, 0, 0)
    back, empty = to_cpu([score, nothing])
    assert back.ctypes.data == score.data_ptr()
    assert empty.shape == (2, 0, 0)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_what_goes_to_cuda_comes_back_the_same() -> None:
    given = pixels()
    there = to_device(given, torch.device("cuda", 0))
    expected = given.copy()
    given[:] = 0  # the next frame
    assert there.dtype == torch.uint8
    turned = there.permute(0, 3, 1, 2)  # not in the order of memory
    straight, other, nothing = to_cpu([there, turned, there[:, :0]])
    np.testing.assert_array_equal(straight, expected)
    np.testing.assert_array_equal(other, expected.transpose(0, 3, 1, 2))
    assert nothing.shape == (2, 0, 8, 3)
    assert torch.from_numpy(straight).is_pinned()
