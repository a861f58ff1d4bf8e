"""Freed memory stays with a training's process, and goes back to the system without it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

MEASURE = """
import os, sys
import numpy as np
from densehybrid_ros.training.run.engine import make_engine

def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

if sys.argv[1] == "training":
    make_engine("cpu")
block = np.ones(50_000_000)  # more than is asked for at a time
size = block.nbytes
held = resident()
del block
print((held - resident()) / size)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
@pytest.mark.parametrize(("kind", "given_back"), [("training", 0.0), ("plain", 1.0)])
def test_a_training_on_the_cpu_keeps_what_it_freed(kind: str, given_back: float) -> None:
    done = subprocess.run([sys.executable, "-c", MEASURE, kind], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(given_back, abs=0.1)
