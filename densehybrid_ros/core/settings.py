"""The only list of what can be set on the node; ROS parameters are made from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.core.scores import SCORES

STORED = "the value stored with the weights"


def setting(
    default: Any, description: str, low: float | None = None, high: float | None = None, live: bool = False
) -> Any:
    """A dataclass field with what a parameter descriptor needs.

    Args:
        low, high: inclusive range of a number.
        live: changeable while the node runs; otherwise read when the node is configured.
    """
    return field(default=default, metadata={"description": description, "low": low, "high": high, "live": live})


@dataclass(frozen=True)
class Settings:
    """A whole, valid set; changed only by replacing it whole."""

    model_path: str = setting("", "weights file (.safetensors); empty = the bundled weights")
    device: str = setting("auto", "auto (cuda:0 if there, else cpu), cpu, cuda, cuda:N")
    precision: str = setting("auto", "auto (fp16 on CUDA, fp32 on the CPU), fp32, fp16, bf16")
    inference_width: int = setting(
        0, "width in px at which the network runs; 0 = what the weights recommend, -1 = native", -1, 16384
    )
    max_image_pixels: int = setting(33_554_432, "larger images are dropped before they reach the device", 1, 2**31 - 1)
    warmup_iterations: int = setting(3, "runs on black images while configuring", 0, 100)
    threshold: float = setting(
        math.nan, f"pixels whose score is at least this are unknown; unset = {STORED}", -1000.0, 1000.0, live=True
    )
    score: str = setting("hybrid", f"anomaly score: {', '.join(SCORES)}", live=True)
    overlay_alpha: float = setting(0.45, "weight of the colours in the overlay", 0.0, 1.0, live=True)
    autostart: bool = setting(True, "configure and activate without being asked")


LIVE = tuple(entry.name for entry in fields(Settings) if entry.metadata["live"])
"""Names of the settings that may change while the node runs."""


def setting_fields() -> tuple[Field[Any], ...]:
    """All settings with their metadata, in order."""
    return fields(Settings)


def changed_settings(current: Settings, changes: Mapping[str, Any]) -> Settings:
    """A new set with the changes applied and checked as a whole; an integer is taken for a float.

    Raises:
        SetupError: unknown name, wrong type, out of range, or a value that is no choice.
    """
    known = {entry.name: entry for entry in fields(Settings)}
    values: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in known:
            raise SetupError(f"setting '{name}' is unknown; known are {', '.join(known)}")
        values[name] = _checked(known[name], value)
    settings = replace(current, **values)
    if settings.score not in SCORES:
        raise SetupError(f"score '{settings.score}' is unknown; choose one of {', '.join(SCORES)}")
    return settings


def _checked(entry: Field[Any], value: Any) -> Any:
    wanted = type(entry.default)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise SetupError(f"{entry.name} must be of type {wanted.__name__}, not {value!r}")
    low, high = entry.metadata["low"], entry.metadata["high"]
    if low is not None and not low <= value <= high:
        raise SetupError(f"{entry.name} must be from {low} to {high}, not {value}")
    return value
