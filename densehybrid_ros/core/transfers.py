"""Pictures to the device and maps back: on the CPU no copy at all, on CUDA one by page-locked memory.

Of such memory a GPU reads and writes by itself, at the bus's full rate, and nobody waits meanwhile: the CPU prepares
the network's kernels. From any other the driver copies first, and the caller waits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_device(pixels: NDArray[np.uint8], device: torch.device) -> Tensor:
    """The bytes as they are, a quarter of what they become there; they may be overwritten after the call on CUDA."""
    found = torch.from_numpy(pixels)
    return found if device.type == "cpu" else found.pin_memory().to(device, non_blocking=True)


def to_cpu(maps: Sequence[Tensor]) -> list[NDArray[np.generic]]:
    """Maps of one device, complete; waits once for all of them."""
    device = maps[0].device
    if device.type == "cpu":
        return [each.numpy() for each in maps]
    found = [torch.empty(each.shape, dtype=each.dtype, pin_memory=True) for each in maps]
    for host, each in zip(found, maps, strict=True):
        host.copy_(each, non_blocking=True)
    torch.cuda.current_stream(device).synchronize()
    return [each.numpy() for each in found]
