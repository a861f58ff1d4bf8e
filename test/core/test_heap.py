"""Freed memory stays with the process, in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
from densehybrid_ros.core.heap import keep_freed_memory
assert keep_freed_memory()
import numpy as np

def faults():
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(3):
    np.ones(20 << 20, np.uint8)
before = faults()
for _ in range(5):
    np.ones(20 << 20, np.uint8)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_a_buffer_that_is_needed_again_and_again_is_not_faulted_in_anew() -> None:
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    # 20 MiB are 5120 pages; without the setting five rounds fault each of them in five times
    assert int(result.stdout) < 1000
