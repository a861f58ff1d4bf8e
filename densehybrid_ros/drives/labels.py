"""Label pictures of drives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.drives.pictures import decode_png, read_bytes
from densehybrid_ros.errors import SetupError


def read_labels(path: Path) -> NDArray[np.uint8]:
    """(H, W) uint8 of a label PNG, its numbers as they are.

    Raises:
        SetupError: no picture, a truncated one, or not 8 bits in one channel.
    """
    labels = decode_png(read_bytes(path), path)
    if labels.dtype != np.uint8 or labels.ndim != 2:
        found = f"{8 * labels.dtype.itemsize} bits in {1 if labels.ndim == 2 else labels.shape[2]} channels"
        raise SetupError(f"{path} is no label picture: it has {found}; wanted 8 bits in one channel")
    return labels.view(np.uint8)
