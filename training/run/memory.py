"""What a training on CPUs does with memory that it has freed."""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4
"""mallopt's parameters (malloc.h)."""
PADDING = 256 << 20
"""Bytes to ask for at a time."""


def keep_freed_memory() -> None:
    """Has the C library keep freed memory for the next step, where it is glibc.

    glibc gives each block above 32 MiB back to the system when it is freed, and a step frees hundreds: their pages are
    mapped and cleared again in the next one, which takes up to a tenth of its time. The process then stays as large
    as its largest step.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for parameter, value in ((MMAP_MAX, 0), (TRIM_THRESHOLD, -1), (TOP_PAD, PADDING)):
        mallopt(parameter, value)
