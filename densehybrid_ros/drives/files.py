"""Camera JSON and 16-bit disparity PNG, as Cityscapes and LostAndFound have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import write_whole
from densehybrid_ros.pictures import decode_png, layout_of, read_bytes, write_picture

STEPS_PER_PIXEL = 256
"""Steps of a disparity PNG per pixel of disparity."""
LARGEST_STEP = 65_535
LARGEST_NUMBER = 1e6
"""px or m; so products of a camera's numbers stay finite in single precision."""

WANTED = "wanted extrinsic {baseline, pitch, z} and intrinsic {fx, fy, u0, v0} as numbers"


def read_camera(path: Path) -> Pinhole:
    """The left camera of a `_camera.json`, whose `z` is its height above the road.

    Raises:
        SetupError: not JSON, a key missing, a value that is no finite number, or focal length or baseline not positive.
    """
    contents = read_bytes(path)
    try:
        table = json.loads(contents)
    except ValueError as error:  # UnicodeDecodeError is one too
        raise SetupError(f"{path} is no JSON ({error}); {WANTED}") from error
    except RecursionError:
        raise SetupError(f"{path} is no camera but deeply nested JSON; {WANTED}") from None
    camera = Pinhole(
        fx=_number(table, "intrinsic", "fx", path),
        fy=_number(table, "intrinsic", "fy", path),
        cx=_number(table, "intrinsic", "u0", path),
        cy=_number(table, "intrinsic", "v0", path),
        baseline=_number(table, "extrinsic", "baseline", path),
        pitch=_number(table, "extrinsic", "pitch", path),
        height_above_road=_number(table, "extrinsic", "z", path),
    )
    for name in ("fx", "fy", "baseline"):
        if getattr(camera, name) <= 0:
            raise SetupError(f"{path} has {name} = {getattr(camera, name):g}; wanted a number above 0")
    return camera


def _number(table: Any, group: str, name: str, path: Path) -> float:
    part = table.get(group) if isinstance(table, dict) else None
    if not isinstance(part, dict) or name not in part:
        raise SetupError(f"{path} has no {group}.{name}; {WANTED}")
    value = part[name]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:  # NaN fails too
        raise SetupError(f"{path} has {group}.{name} = {value!r:.40}; wanted a finite number below {LARGEST_NUMBER:g}")
    return float(value)


def write_camera(path: Path, camera: Pinhole) -> None:
    """A `_camera.json` with the data sets' keys; the vehicle's frame is the camera's, but for pitch and height.

    Raises:
        SetupError: it cannot be written.
    """
    table = {
        "extrinsic": {
            "baseline": camera.baseline,
            "pitch": camera.pitch,
            "roll": 0.0,
            "x": 0.0,
            "y": 0.0,
            "yaw": 0.0,
            "z": camera.height_above_road,
        },
        "intrinsic": {"fx": camera.fx, "fy": camera.fy, "u0": camera.cx, "v0": camera.cy},
    }
    write_whole(path, json.dumps(table, indent=4) + "\n")


def read_disparity(path: Path, offset: float = 0.0) -> NDArray[np.float32]:
    """(H, W) disparity of the left picture, px; 0 = invalid.

    Args:
        path: 16-bit PNG of one channel, p = 256·d + offset, 0 = invalid.
        offset: 1 as Cityscapes documents it, 0 as the authors' LostAndFound code has it.

    Raises:
        SetupError: no picture, a truncated one, or not 16 bits in one channel.
    """
    steps = decode_png(read_bytes(path), path)
    if steps.dtype != np.uint16 or steps.ndim != 2:
        raise SetupError(f"{path} is no disparity picture: it has {layout_of(steps)}; wanted 16 bits in one channel")
    # the disparity of a valid step must not become negative by a wrong offset
    disparity = np.maximum((steps.astype(np.float32) - np.float32(offset)) / STEPS_PER_PIXEL, 0)
    return np.where(steps == 0, np.float32(0), disparity)


def write_disparity(path: Path, disparity: NDArray[np.floating], offset: float = 0.0) -> None:
    """A disparity PNG that `read_disparity` reads back to within 1/512 px.

    Args:
        path: ends in `.png`.
        disparity: (H, W) px; 0, negative and not finite are written as invalid, what 16 bits do not hold as the most
            that they do (256 px).
        offset: as in `read_disparity`.

    Raises:
        SetupError: it cannot be written.
    """
    valid = np.isfinite(disparity) & (disparity > 0)
    steps = np.rint(np.where(valid, disparity, 0).astype(np.float64) * STEPS_PER_PIXEL + offset)
    write_picture(path, np.where(valid, np.clip(steps, 0, LARGEST_STEP), 0).astype(np.uint16))
