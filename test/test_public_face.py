"""What can be imported from the package itself, and what that costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import densehybrid_ros
from densehybrid_ros.core import segmenter
from densehybrid_ros.models import attach

ROOT = Path(__file__).resolve().parents[1]


def in_a_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_public_names_are_those_of_their_rooms() -> None:
    assert densehybrid_ros.Segmenter is segmenter.Segmenter
    assert densehybrid_ros.Scene is segmenter.Scene
    assert densehybrid_ros.attach is attach.attach
    assert set(densehybrid_ros.__all__) <= set(dir(densehybrid_ros))
    assert in_a_new_process("from densehybrid_ros import *; print(Segmenter.__name__, attach.__name__)") == (
        "Segmenter attach"
    )


def test_the_package_alone_loads_neither_torch_nor_numpy() -> None:
    code = "import sys, densehybrid_ros; print([name for name in ('torch', 'numpy', 'cv2') if name in sys.modules])"
    assert in_a_new_process(code) == "[]"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"densehybrid_ros.*Segmentor"):
        _ = densehybrid_ros.Segmentor
