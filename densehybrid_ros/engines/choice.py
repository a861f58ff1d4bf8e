"""Which engine a network runs by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from densehybrid_ros.engines.packages import how_to_install, missing_packages
from densehybrid_ros.errors import SetupError, chosen


@dataclass(frozen=True)
class Choice:
    """An engine, and why it is no other."""

    onnxruntime: bool
    """Else torch."""
    reason: str = ""
    """Why torch alone, where that was not asked for."""


def choose(engine: str, device: torch.device, precision: torch.dtype) -> Choice:
    """The engine of that name, a key of ENGINES, for a network on that device.

    Raises:
        SetupError: no such engine, or it cannot be had.
    """
    return chosen("engine", engine, ENGINES)(device, precision)


def _torch(device: torch.device, precision: torch.dtype) -> Choice:
    return Choice(False)


def _onnxruntime(device: torch.device, precision: torch.dtype) -> Choice:
    if device.type != "cpu":
        raise SetupError(f"engine onnxruntime runs on the CPU, and device is {device}; set device cpu, or engine auto")
    if precision != torch.float32:
        found = str(precision).removeprefix("torch.")
        raise SetupError(f"engine onnxruntime runs in fp32, and precision is {found}; set that to fp32, or engine auto")
    if missing := missing_packages():
        raise SetupError(f"engine onnxruntime: {', '.join(missing)} not installed; run: {how_to_install()}")
    return Choice(True)


def _auto(device: torch.device, precision: torch.dtype) -> Choice:
    if device.type != "cpu" or precision != torch.float32:
        return Choice(False)
    missing = missing_packages()
    return Choice(not missing, f"{', '.join(missing)} not installed" if missing else "")


ENGINES: dict[str, Callable[[torch.device, torch.dtype], Choice]] = {
    "auto": _auto,
    "torch": _torch,
    "onnxruntime": _onnxruntime,
}
