"""What the tests of the flow share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn


@pytest.fixture
def disturbed() -> Callable[..., nn.Module]:
    """disturbed(module, scale) moves every weight, so that all count: fresh couplings do nothing."""

    def moved(module: nn.Module, scale: float = 0.1) -> nn.Module:
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in module.parameters():
                parameter += scale * torch.randn(parameter.shape, generator=generator)
        return module.eval()

    return moved
