"""Scores and labels as NumPy arrays or as torch tensors on any device; torch itself is not imported here."""

from __future__ import annotations

import sys
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


FEWEST_BY_DIGITS = 1 << 16
"""Scores, of which fewer are sorted as quickly by NumPy."""


def rising(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,) finite scores, sorted; the bits are the same however that is done, but for the signs of zeros.

    Torch, where it is loaded and has FBGEMM, sorts integers by their digits, in half the time of NumPy's sort.
    """
    torch = sys.modules.get("torch")
    if scores.size < FEWEST_BY_DIGITS or torch is None or "fbgemm" not in torch.backends.quantized.supported_engines:
        return np.sort(scores)
    keys, _ = torch.from_numpy(_turned(scores.view(np.int32))).sort()
    return _turned(keys.numpy()).view(np.float32)


def _turned(bits: NDArray[np.int32]) -> NDArray[np.int32]:
    """Bits of float32 numbers → integers in the same order, and back: negative numbers have a bit for the sign."""
    turned = bits >> 31
    turned &= 0x7FFFFFFF
    turned ^= bits
    return turned
