"""The only list of what can be set on the node; ROS parameters are made from it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.core.scores import SCORES

STORED = "the value stored with the weights"
TRANSPORTS = ("raw", "compressed")
CAMERA_NAME = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*_?")
"""A ROS topic token without a double underscore."""


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

    cameras: tuple[str, ...] = setting(
        ("",), "names of the cameras, which prefix their topics; [''] = one without name"
    )
    image_transport: str = setting("raw", "raw (image_raw) or compressed (image_raw/compressed)")
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
    target_tpr: float = setting(
        0.0, "share of unknown pixels to find, by the calibration stored with the weights; 0 = off", 0.0, 1.0, live=True
    )
    score: str = setting("hybrid", f"anomaly score: {', '.join(SCORES)}", live=True)
    overlay_alpha: float = setting(0.45, "weight of the colours in the overlay", 0.0, 1.0, live=True)
    max_frame_age: float = setting(
        0.0, "s; frames whose stamp is older, by the node's clock, are dropped; 0 = off", 0.0, 3600.0, live=True
    )
    camera_timeout: float = setting(
        2.0, "s without a frame after which a camera is reported STALE, on the steady clock", 0.05, 3600.0, live=True
    )
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
    _check_whole(settings)
    return settings


def _check_whole(settings: Settings) -> None:
    """What no setting can be checked for alone."""
    if settings.score not in SCORES:
        raise SetupError(f"score '{settings.score}' is unknown; choose one of {', '.join(SCORES)}")
    if settings.image_transport not in TRANSPORTS:
        raise SetupError(f"image_transport '{settings.image_transport}' is unknown; choose {' or '.join(TRANSPORTS)}")
    cameras = settings.cameras
    if not cameras or len(set(cameras)) != len(cameras):
        raise SetupError(f"cameras must be different names, at least one, not {list(cameras)}")
    wrong = [name for name in cameras if not CAMERA_NAME.fullmatch(name) and cameras != ("",)]
    if wrong:
        raise SetupError(
            f"camera name {wrong[0]!r} cannot be part of a topic; use letters, digits and _, beginning with a letter"
        )


def _checked(entry: Field[Any], value: Any) -> Any:
    wanted = type(entry.default)
    if wanted is tuple:
        if not isinstance(value, Sequence) or isinstance(value, str) or not all(isinstance(v, str) for v in value):
            raise SetupError(f"{entry.name} must be a list of strings, not {value!r}")
        return tuple(value)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise SetupError(f"{entry.name} must be of type {wanted.__name__}, not {value!r}")
    low, high = entry.metadata["low"], entry.metadata["high"]
    if low is not None and not low <= value <= high:
        raise SetupError(f"{entry.name} must be from {low} to {high}, not {value}")
    return value
