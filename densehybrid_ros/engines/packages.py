"""The Python packages that ONNX files are written and run with; where one is missing, torch does alone."""

from __future__ import annotations

import sys
from importlib import import_module, metadata
from importlib.util import find_spec

from densehybrid_ros.packages import REQUIREMENTS

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
OPENVINO = "openvino"
"""Beside PACKAGES, which write what it runs."""
ON_GPUS = "'onnxruntime-gpu>=1.18,<2' tensorrt"
"""Instead of the last of PACKAGES."""


def missing_packages(*more: str) -> list[str]:
    """Those of PACKAGES, and of `more`, that are not installed."""
    return [name for name in (*PACKAGES, *more) if find_spec(name) is None]


def how_to_install(*more: str) -> str:
    """The command that brings them."""
    wanted = " ".join(f"'{REQUIREMENTS[name]}'" for name in (*PACKAGES, *more))
    return f"{sys.executable} -m pip install {wanted}"


def how_to_install_tensorrt() -> str:
    """The same of ONNX Runtime with TensorRT. One package replaces the other: both bring the module `onnxruntime`."""
    pip = f"{sys.executable} -m pip"
    others = " ".join(f"'{REQUIREMENTS[name]}'" for name in PACKAGES[:-1])
    return f"{pip} uninstall -y onnxruntime; {pip} install {others} {ON_GPUS} (Jetson: NVIDIA's wheel for its JetPack)"


def tensorrt_version() -> str:
    """That of pip; "" where TensorRT is not there or is the system's, and refuses engines of others by itself."""
    try:
        return metadata.version("tensorrt")
    except metadata.PackageNotFoundError:
        return ""


def version_of(package: str) -> str:
    """Without importing it, where pip installed it under its own name (onnxruntime-gpu brings onnxruntime, too)."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return str(import_module(package).__version__)
