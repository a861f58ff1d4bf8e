"""Which engine a network runs by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from densehybrid_ros.engines.openvino_session import computes_in
from densehybrid_ros.engines.packages import OPENVINO, how_to_install, how_to_install_tensorrt, missing_packages
from densehybrid_ros.engines.providers import TENSORRT, available
from densehybrid_ros.errors import SetupError, chosen


@dataclass(frozen=True)
class Choice:
    """An engine, and why it is no other."""

    name: str = "torch"
    """torch, onnxruntime, openvino or tensorrt."""
    reason: str = ""
    """Why it is not what was asked for, or what `auto` would like best."""
    warning: str = ""
    """The same for the user, with what to do."""


def choose(engine: str, device: torch.device, precision: torch.dtype) -> Choice:
    """The engine of that name, a key of ENGINES, for a network on that device.

    Raises:
        SetupError: no such engine, or it cannot be had.
    """
    return chosen("engine", engine, ENGINES)(device, precision)


def _torch(device: torch.device, precision: torch.dtype) -> Choice:
    return Choice()


def _onnxruntime(device: torch.device, precision: torch.dtype) -> Choice:
    if device.type != "cpu":
        raise SetupError(f"engine onnxruntime runs on the CPU, and device is {device}; set device cpu, or engine auto")
    if precision != torch.float32:
        found = str(precision).removeprefix("torch.")
        raise SetupError(f"engine onnxruntime runs in fp32, and precision is {found}; set that to fp32, or engine auto")
    if missing := missing_packages():
        raise SetupError(f"engine onnxruntime: {', '.join(missing)} not installed; run: {how_to_install()}")
    return Choice("onnxruntime")


def _auto(device: torch.device, precision: torch.dtype) -> Choice:
    if device.type != "cpu" or precision == torch.float16:
        return Choice()
    if precision == torch.bfloat16:
        return _auto_in_bf16()
    missing = missing_packages()
    if not missing:
        return Choice("onnxruntime")
    reason = f"{', '.join(missing)} not installed"
    return Choice("torch", reason, f"torch, which takes twice as long: {reason}; run: {how_to_install()}")


def _auto_in_bf16() -> Choice:
    """On a CPU, where torch's own bf16 is slower than its fp32."""
    missing = missing_packages(OPENVINO)
    if not missing:
        return Choice("openvino")
    reason = f"{', '.join(missing)} not installed"
    remedy = f"run: {how_to_install(OPENVINO)}; or set precision to fp32"
    return Choice("torch", reason, f"torch, which takes several times as long in bf16: {reason}; {remedy}")


def _openvino(device: torch.device, precision: torch.dtype) -> Choice:
    """Falls back as `auto` does: one parameter file serves several machines."""
    missing = missing_packages(OPENVINO)
    if device.type != "cpu":
        reason, remedy = f"device is {device}", "OpenVINO is used on CPUs alone: set device to cpu"
    elif missing:
        reason, remedy = f"{', '.join(missing)} not installed", f"run: {how_to_install(OPENVINO)}"
    elif precision == torch.float16 and not computes_in(precision):
        raise SetupError("engine openvino: this CPU has no instructions for fp16; set precision to bf16 or fp32")
    else:
        return Choice("openvino")
    other = _auto(device, precision).name
    return Choice(other, reason, f"{other} instead of openvino: {reason}; {remedy}")


def _tensorrt(device: torch.device, precision: torch.dtype) -> Choice:
    """Falls back as `auto` does: one parameter file serves a Jetson and the computer on the desk."""
    reason, remedy = _without_tensorrt(device, precision)
    if not reason:
        return Choice("tensorrt")
    other = _auto(device, precision).name
    return Choice(other, reason, f"{other} instead of tensorrt: {reason}; {remedy}")


def _without_tensorrt(device: torch.device, precision: torch.dtype) -> tuple[str, str]:
    """Why TensorRT cannot be had, and what to do about it; "" where it may be."""
    if device.type != "cuda":
        return f"device is {device}", "TensorRT wants an NVIDIA GPU, its driver and a CUDA build of torch"
    if precision not in (torch.float32, torch.float16):
        return f"precision is {str(precision).removeprefix('torch.')}", "set precision to fp16 or fp32"
    if missing := missing_packages():
        return f"{', '.join(missing)} not installed", f"run: {how_to_install_tensorrt()}"
    if TENSORRT not in available():
        return "the installed onnxruntime was built without TensorRT", f"run: {how_to_install_tensorrt()}"
    return "", ""


ENGINES: dict[str, Callable[[torch.device, torch.dtype], Choice]] = {
    "auto": _auto,
    "torch": _torch,
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "tensorrt": _tensorrt,
}
