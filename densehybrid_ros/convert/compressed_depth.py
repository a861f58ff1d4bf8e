"""Depth images that image_transport has compressed: a PNG of 16 bits, behind 12 bytes of its depth plugin.

Those 12 bytes are an int32 and two floats A and B: of 32FC1 the PNG holds p = A / depth + B, of 16UC1 mm as they are.
"""

from __future__ import annotations

import struct

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage

from densehybrid_ros.camera import MAX_IMAGE_PIXELS
from densehybrid_ros.convert.images import FrameError
from densehybrid_ros.formats.picture_headers import PNG_START, claimed_size, png_is_whole

HEADER = struct.Struct("<iff")


def depth_from_compressed(message: CompressedImage) -> NDArray[np.uint16] | NDArray[np.float32]:
    """(H, W) uint16 mm, or float32 m, 0 = none, of the PNG in `…/compressedDepth` or `…/compressed`.

    Raises:
        FrameError: no PNG of 16 bits in one channel (RVL is none), broken, or too many pixels.
    """
    data = bytes(memoryview(message.data).cast("B"))
    start = data[: HEADER.size + len(PNG_START)].find(PNG_START)
    if start not in (0, HEADER.size):
        raise FrameError(f"depth of format '{message.format}' is no PNG; republish it as raw with image_transport")
    picture = memoryview(data)[start:]
    width, height = claimed_size(picture) or (0, 0)
    if not 0 < width * height <= MAX_IMAGE_PIXELS:
        raise FrameError(f"depth image of {width}x{height} has no pixels, or more than {MAX_IMAGE_PIXELS}")
    values = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_UNCHANGED) if png_is_whole(picture) else None
    if values is None or values.dtype != np.uint16 or values.ndim != 2:
        raise FrameError(f"depth of format '{message.format}' and {width}x{height} cannot be decoded")
    if start == 0 or not message.format.startswith("32FC1"):
        return values.view(np.uint16)
    return _metres(values, *HEADER.unpack(data[: HEADER.size])[1:])


def _metres(inverse: NDArray[np.generic], quantum: float, offset: float) -> NDArray[np.float32]:
    """quantum / (p − offset); 0 where p is 0."""
    values = inverse.astype(np.float32)
    with np.errstate(divide="ignore"):
        return np.where(values > 0, np.float32(quantum) / (values - np.float32(offset)), np.float32(0))
