"""By what ONNX Runtime computes: its execution providers, the first that can before the others, with their options."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import torch

Providers: TypeAlias = list[tuple[str, dict[str, Any]]]
"""Names of providers, each with its options."""

TENSORRT, CUDA, ON_CPU = "TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"
CPU: Providers = [(ON_CPU, {})]


def by_tensorrt(device: torch.device, half: bool, folder: Path) -> Providers:
    """TensorRT, and by CUDA what it cannot take.

    Args:
        half: whether TensorRT may compute in fp16, where that is faster.
        folder: where TensorRT's engine of this network lies, or is to lie.
    """
    number = device.index or 0
    tensorrt = {
        "device_id": number,
        "trt_fp16_enable": half,
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(folder),
    }
    return [(TENSORRT, tensorrt), (CUDA, {"device_id": number})]


def available() -> list[str]:
    """Names of the providers with which the installed ONNX Runtime was built. Their libraries may be missing."""
    runtime: Any = import_module("onnxruntime")
    return runtime.get_available_providers()


def load_libraries(providers: Providers) -> None:
    """Those of TensorRT where pip brought them: ONNX Runtime finds them once they are loaded, and by no path."""
    if providers[0][0] == TENSORRT:
        with suppress(ImportError):  # a Jetson has them among those of the system
            import_module("tensorrt")
