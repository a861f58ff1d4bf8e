"""Freed memory stays with the process, or does not, in a process of its own."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

KEPT = """
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

GIVEN_BACK = """
from densehybrid_ros.core.heap import give_back_large_blocks
assert give_back_large_blocks()
import numpy as np

def resident():
    import os
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

np.ones(30 << 20, np.uint8)  # the largest that was freed is the threshold, if none is set
before, small = resident(), []
large = []
for _ in range(20):
    large.append(np.ones(8 << 20, np.uint8))
    small.append(np.ones(100_000, np.uint8))
assert resident() - before > 150
large.clear()
print(resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_a_buffer_that_is_needed_again_and_again_is_not_faulted_in_anew() -> None:
    result = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True)
    # 20 MiB are 5120 pages; without the setting five rounds fault each of them in five times
    assert int(result.stdout) < 1000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_large_blocks_between_small_ones_go_back_to_the_system() -> None:
    result = subprocess.run([sys.executable, "-c", GIVEN_BACK], capture_output=True, text=True, check=True)
    assert int(result.stdout) < 20  # MiB, of 160
