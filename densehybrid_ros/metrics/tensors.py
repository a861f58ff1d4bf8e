"""Scores and labels as NumPy arrays or as torch tensors on any device; torch itself is not imported."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray


class Tensor(Protocol):
    """What is asked of a torch tensor."""

    def __len__(self) -> int: ...

    def detach(self) -> Any: ...

    def sum(self) -> Any: ...


Array: TypeAlias = NDArray[Any] | Tensor
"""Of NumPy, or a tensor."""


def on_host(values: Array) -> NDArray[Any]:
    """As an array; tensors of floating-point numbers as float32, whatever their precision."""
    if isinstance(values, np.ndarray):
        return values
    tensor = values.detach()
    return (tensor.float() if tensor.is_floating_point() else tensor).cpu().numpy()
