"""The only list of what can be set on the node; ROS parameters are made from it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

from densehybrid_ros.camera import MAX_IMAGE_PIXELS
from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.errors import SetupError

STORED = "the value stored with the weights"
TRANSPORTS = ("raw", "compressed")
RANGE_SOURCES = ("auto", "disparity", "depth", "stereo", "ground", "off")
SGBM_MODES = {"sgbm": 0, "hh": 1, "sgbm_3way": 2, "hh4": 3}
"""OpenCV's numbers of the ways to run semi-global matching."""
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
    max_image_pixels: int = setting(
        MAX_IMAGE_PIXELS, "larger images are dropped before they reach the device", 1, 2**31 - 1
    )
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
    range_source: str = setting("auto", f"where ranges come from: {', '.join(RANGE_SOURCES)}; auto = whatever comes")
    min_obstacle_area: int = setting(100, "px; smaller unknown regions are no obstacles", 1, 2**31 - 1, live=True)
    min_range: float = setting(0.5, "m; what is nearer is not reported", 0.0, 1000.0, live=True)
    max_range: float = setting(100.0, "m; what is farther is not reported", 0.0, 100_000.0, live=True)
    min_valid_disparity_fraction: float = setting(
        0.1, "share of an obstacle's pixels whose distance must be valid", 0.0, 1.0, live=True
    )
    sync_tolerance: float = setting(
        0.01, "s; disparity, depth or right image may be so far from the image's stamp", 0.0, 10.0, live=True
    )
    disparity_error: float = setting(0.5, "px; standard deviation of a disparity", 0.0, 100.0, live=True)
    depth_error: float = setting(0.02, "standard deviation of a depth, share of it", 0.0, 1.0, live=True)
    road_gate: bool = setting(False, "report only obstacles that touch drivable classes", live=True)
    drivable_classes: tuple[str, ...] = setting(
        ("road", "road line"), "names of the classes that are road; those the weights do not know are passed over"
    )
    camera_height: float = setting(
        0.0, "m over the road, for ranges where nothing is measured; 0 = not known", 0.0, 100.0, live=True
    )
    camera_pitch: float = setting(0.0, "rad, positive = looks down; goes with camera_height", -1.5, 1.5, live=True)
    track_timeout: float = setting(
        1.0, "s after which an obstacle that is not seen any more loses its number", 0.0, 60.0, live=True
    )
    target_frame: str = setting("", "frame of the obstacles, by TF; empty = the image's own frame, without TF")
    stereo_width: int = setting(0, "px at which a stereo pair is matched; 0 = its own width", 0, 16384, live=True)
    sgbm_mode: str = setting("sgbm_3way", f"of the stereo matcher: {', '.join(SGBM_MODES)}", live=True)
    sgbm_min_disparity: int = setting(0, "px, where the search of disparities begins", -2048, 2048, live=True)
    sgbm_disparity_range: int = setting(128, "px, a multiple of 16: disparities that are searched", 16, 4096, live=True)
    sgbm_correlation_window_size: int = setting(5, "px, odd: side of the block that is matched", 1, 255, live=True)
    sgbm_p1: int = setting(0, "penalty of a change by 1 px; 0 = 8 x window^2", 0, 1_000_000, live=True)
    sgbm_p2: int = setting(0, "penalty of larger changes, above p1; 0 = 32 x window^2", 0, 1_000_000, live=True)
    sgbm_disp12_max_diff: int = setting(1, "px between left and right disparity; -1 = no check", -1, 128, live=True)
    sgbm_prefilter_cap: int = setting(63, "cut-off of the prefiltered gradients", 1, 63, live=True)
    sgbm_uniqueness_ratio: int = setting(10, "% by which the best match must win", 0, 100, live=True)
    sgbm_speckle_size: int = setting(
        100, "px; smaller patches of disparity are removed; 0 = none", 0, 100_000, live=True
    )
    sgbm_speckle_range: int = setting(2, "px of disparity within one patch", 0, 128, live=True)
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
    _check_ranging(settings)
    cameras = settings.cameras
    if not cameras or len(set(cameras)) != len(cameras):
        raise SetupError(f"cameras must be different names, at least one, not {list(cameras)}")
    wrong = [name for name in cameras if not CAMERA_NAME.fullmatch(name) and cameras != ("",)]
    if wrong:
        raise SetupError(
            f"camera name {wrong[0]!r} cannot be part of a topic; use letters, digits and _, beginning with a letter"
        )


def _check_ranging(settings: Settings) -> None:
    if settings.range_source not in RANGE_SOURCES:
        raise SetupError(f"range_source '{settings.range_source}' is unknown; choose {', '.join(RANGE_SOURCES)}")
    if settings.min_range >= settings.max_range:
        raise SetupError(f"min_range {settings.min_range:g} must be less than max_range {settings.max_range:g}")
    if settings.range_source == "ground" and settings.camera_height == 0:
        raise SetupError("range_source ground needs camera_height, m over the road, and camera_pitch")
    if settings.sgbm_mode not in SGBM_MODES:
        raise SetupError(f"sgbm_mode '{settings.sgbm_mode}' is unknown; choose {', '.join(SGBM_MODES)}")
    if settings.sgbm_disparity_range % 16:
        raise SetupError(f"sgbm_disparity_range must be a multiple of 16, not {settings.sgbm_disparity_range}")
    if settings.sgbm_correlation_window_size % 2 == 0:
        raise SetupError(f"sgbm_correlation_window_size must be odd, not {settings.sgbm_correlation_window_size}")
    block = settings.sgbm_correlation_window_size**2
    p1, p2 = settings.sgbm_p1 or 8 * block, settings.sgbm_p2 or 32 * block
    if p1 >= p2:
        raise SetupError(f"sgbm_p1 ({p1}) must be less than sgbm_p2 ({p2}); 0 = by the window's size")


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
