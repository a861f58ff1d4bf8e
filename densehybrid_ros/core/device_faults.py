"""What can go wrong on a device, told apart: memory that comes back, and a device that does not."""

from __future__ import annotations

import torch

EXHAUSTED = ("out of memory", "can't allocate memory", "ALLOC_FAILED")
"""Words in the messages of errors that carry no type of their own: cuBLAS, cuDNN, and torch's allocator on the CPU."""


class OutOfDeviceMemory(RuntimeError):
    """This step did not fit; the next one may."""


class DeviceLost(RuntimeError):
    """The device answers no more: nothing in this process can use it again."""


def device_fault(error: Exception, device: torch.device) -> OutOfDeviceMemory | DeviceLost | None:
    """The fault behind an exception of a step on `device`; None where it lies in our code or in the input."""
    text = str(error)
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError) or any(words in text for words in EXHAUSTED):
        return OutOfDeviceMemory(f"out of memory on {device}: {_first_line(text)}")
    if isinstance(error, RuntimeError) and not answers(device):
        return DeviceLost(f"device {device} is lost: {_first_line(text)}")
    return None


def answers(device: torch.device) -> bool:
    """Whether the device still computes. After a fatal CUDA error every later call fails, whatever it is."""
    try:
        return bool(torch.ones(1, device=device).add_(1).item() == 2)
    except torch.cuda.OutOfMemoryError:
        return True  # full, but alive
    except RuntimeError:
        return False


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0] or "no message"
