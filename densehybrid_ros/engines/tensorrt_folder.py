"""The folder in which TensorRT keeps the engines that it makes of one ONNX file: opened in seconds, made in minutes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch

from densehybrid_ros.engines.cache import forget
from densehybrid_ros.engines.opening import Session
from densehybrid_ros.engines.providers import by_tensorrt
from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import make_folder, unwritable

ENGINES = "*.engine"
"""As ONNX Runtime calls them."""


def build_folder(onnx: Path, out: Path, key: str) -> None:
    """Makes the folder, there whole or not at all; another one in its place goes.

    In a process of its own: ONNX Runtime holds Python's lock while TensorRT measures its kernels.

    Args:
        onnx: a file of one size: for those engines are made when it is opened.
        key: of a TensorrtKey.

    Raises:
        SetupError: the folder cannot be written, or TensorRT took no part of the network.
        Unavailable: no TensorRT.
    """
    wanted = json.loads(key)
    part = out.with_name(f".{out.stem}.{os.getpid()}.part{out.suffix}")
    make_folder(part)
    try:
        Session(onnx.read_bytes(), 1, by_tensorrt(torch.device("cuda", wanted["number"]), wanted["half"], part))
        if not list(part.glob(ENGINES)):
            raise SetupError("TensorRT took no part of the network")
        forget(out)
        part.replace(out)
    except OSError as error:
        raise unwritable(out, error) from error
    finally:
        forget(part)
