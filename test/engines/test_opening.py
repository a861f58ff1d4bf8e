"""How far an engine is from torch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from densehybrid_ros.engines.key import Shape
from densehybrid_ros.engines.opening import difference_to_torch


class Doubled(nn.Module):
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return 2 * images, images[:, :2] + 1  # no view of the pictures


@pytest.mark.parametrize(("output", "change"), [(0, 0.5), (1, -0.25), (1, math.nan), (0, math.nan)])
def test_the_largest_difference_of_either_output_counts(output: int, change: float) -> None:
    def session(images: np.ndarray) -> tuple[Tensor, ...]:
        assert images.shape == (2, 3, 5, 7)
        outputs = Doubled()(torch.from_numpy(images))
        outputs[output][1, 1, 3, 2] += change
        return tuple(each.clone() for each in outputs)

    unknown: Any = session
    found = difference_to_torch(Doubled(), unknown, Shape(2, 5, 7))
    assert found == pytest.approx(abs(change), abs=1e-6, nan_ok=True)
