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
PART = 1 << 19
"""Scores that are sorted at once."""


def rising(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,) finite scores, sorted."""
    own = scores.copy()
    sort_in_place(own)
    return own


def sort_in_place(scores: NDArray[np.float32]) -> None:
    """Sorts (N,) finite scores, contiguous; the bits are the same however that is done, but for the signs of zeros.

    Torch, where it is loaded and has FBGEMM, sorts integers by their digits, and parts of them one after the other: it
    takes six times their memory meanwhile. NumPy merges the parts. That is half the time of NumPy's sort of all.
    """
    torch = sys.modules.get("torch")
    if scores.size < FEWEST_BY_DIGITS or torch is None or "fbgemm" not in torch.backends.quantized.supported_engines:
        scores.sort()
        return
    keys = scores.view(np.int32)
    parts = [keys[begin : begin + PART] for begin in range(0, keys.size, PART)]
    for part in parts:
        _turn(part)
        turned = torch.from_numpy(part)
        turned.copy_(turned.sort().values)
    keys.sort(kind="stable")  # finds the parts, and merges them
    for part in parts:
        _turn(part)


def _turn(bits: NDArray[np.int32]) -> None:
    """Bits of float32 numbers → integers in the same order, and back: negative numbers have a bit for the sign."""
    others = bits >> 31
    others &= 0x7FFFFFFF
    bits ^= others
