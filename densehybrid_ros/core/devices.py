"""Which device and precision a network runs with, and what the device says of itself."""

from __future__ import annotations

import torch
from torch import nn

from densehybrid_ros.errors import SetupError

DEFAULT_THREADS = torch.get_num_threads()
"""By the cores and OMP_NUM_THREADS."""


def resolve_device(name: str) -> torch.device:
    """The torch device for auto, cpu, cuda or cuda:N.

    Raises:
        SetupError: unknown name, or a CUDA device that is not there. There is no silent fall-back to the CPU.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SetupError(f"device '{name}' is unknown; choose auto, cpu, cuda or cuda:N") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SetupError(
            f"device '{name}' was asked for, but torch sees {torch.cuda.device_count()} CUDA devices; "
            "choose device auto or cpu, or install a CUDA build of torch and the driver"
        )
    if device.type not in ("cpu", "cuda"):
        raise SetupError(f"device '{name}' is not supported; choose auto, cpu, cuda or cuda:N")
    return device


def missing_gpu(name: str) -> str:
    """Why `auto` may not have found what was meant: torch can use a GPU and sees none; "" where nothing is odd."""
    built_for = torch.version.cuda or getattr(torch.version, "hip", None)
    if name != "auto" or not built_for or torch.cuda.is_available():
        return ""
    return (
        f"device auto is the CPU: torch was built for GPUs ({built_for}) and sees none; look after the driver "
        "(nvidia-smi) and the container's devices, or set device to cpu"
    )


def resolve_precision(name: str, device: torch.device) -> torch.dtype:
    """The torch dtype for auto, fp32, fp16 or bf16 on that device."""
    choices = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
    if name == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    if name not in choices:
        raise SetupError(f"precision '{name}' is unknown; choose auto, {', '.join(choices)}")
    return choices[name]


def use_threads(count: int) -> None:
    """Threads by which an operation runs on the CPU, in threads that are started after; 0 = torch's own default."""
    torch.set_num_threads(count or DEFAULT_THREADS)


def device_name(device: torch.device) -> str:
    """What the driver calls a CUDA device; "" for the CPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else ""


def release_cached_memory(device: torch.device) -> None:
    """Gives the allocator's unused blocks back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def allocated_mb(device: torch.device) -> float | None:
    """Memory that torch has reserved on a CUDA device, MB; None on the CPU."""
    return torch.cuda.memory_reserved(device) / 1e6 if device.type == "cuda" else None


def placed(model: nn.Module, device: torch.device) -> nn.Module:
    """The network on the device, its weights channels_last, as its input is."""
    # torch's stubs do not know memory_format
    return model.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
