"""The Python packages that ONNX files are written and run with; where one is missing, torch does alone."""

from __future__ import annotations

import sys
from importlib import import_module, metadata
from importlib.util import find_spec

from densehybrid_ros.packages import REQUIREMENTS

PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def missing_packages() -> list[str]:
    """Those of PACKAGES that are not installed."""
    return [name for name in PACKAGES if find_spec(name) is None]


def how_to_install() -> str:
    """The command that brings them."""
    wanted = " ".join(f"'{REQUIREMENTS[name]}'" for name in PACKAGES)
    return f"{sys.executable} -m pip install {wanted}"


def version_of(package: str) -> str:
    """Without importing it, where pip installed it under its own name (onnxruntime-gpu brings onnxruntime, too)."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return str(import_module(package).__version__)
