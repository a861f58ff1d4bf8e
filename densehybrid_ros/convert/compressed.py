"""sensor_msgs/CompressedImage ↔ NumPy. The size stands in the first bytes: it is read before anything is decoded."""

from __future__ import annotations

from array import array

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

from densehybrid_ros.camera import MAX_IMAGE_PIXELS
from densehybrid_ros.convert.images import FrameError
from densehybrid_ros.formats.picture_headers import JPEG, JPEG_END, PNG, claimed_size, format_of, png_is_whole

LONGEST_PADDING = 4096
"""Bytes behind the end of a JPEG."""
JPEG_QUALITY = 85
JPEG_FORMAT = "rgb8; jpeg compressed bgr8"
"""As image_transport writes it, for pictures that are RGB before and after."""


def check_compressed(message: CompressedImage, max_pixels: int = MAX_IMAGE_PIXELS) -> None:
    """Whether the message is a whole JPEG or PNG of a usable size, from its first and last bytes, without decoding.

    Raises:
        FrameError: it is not.
    """
    compressed_size(message, max_pixels)


def rgb_from_compressed(message: CompressedImage, max_pixels: int = MAX_IMAGE_PIXELS) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a JPEG or PNG. An EXIF orientation is passed over: camera_info knows nothing of it.

    Raises:
        FrameError: neither JPEG nor PNG, broken or truncated data, or too many pixels.
    """
    width, height = compressed_size(message, max_pixels)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(message.data, np.uint8), flags)
    if image is None or image.shape != (height, width, 3):
        raise FrameError(f"compressed image of format '{message.format}' and {width}x{height} cannot be decoded")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)


def jpeg_message(picture: NDArray[np.uint8], header: Header) -> CompressedImage:
    """(H, W, 3) uint8 RGB as JPEG."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return CompressedImage(header=header, format=JPEG_FORMAT, data=array("B", data.tobytes()))


def compressed_size(message: CompressedImage, max_pixels: int) -> tuple[int, int]:
    """Width and height of a whole JPEG or PNG, px.

    Raises:
        FrameError: neither JPEG nor PNG, truncated, no pixels, or too many.
    """
    # bytes() of a message's array would copy megabytes: only the ends are looked at, through a view
    data = memoryview(message.data).cast("B")
    if len(data) == 0:
        raise FrameError("compressed image without data")
    kind = format_of(data)
    if kind not in (PNG, JPEG):
        raise FrameError(f"compressed image of format '{message.format}' is neither JPEG nor PNG")
    # libjpeg fills what is missing with grey, or, in OpenCV 4.10 and 4.11, with the picture that was decoded before;
    # some cameras pad behind the end
    if kind == JPEG and JPEG_END not in bytes(data[-LONGEST_PADDING:]):
        raise FrameError(f"truncated JPEG: its {len(data)} bytes do not end with the end marker")
    if kind == PNG and not png_is_whole(data):
        raise FrameError(f"truncated or broken PNG: its {len(data)} bytes have no end of their own")
    size = claimed_size(data)
    if size is None:
        raise FrameError(f"broken {kind}: no frame header before the pixels")
    if size[0] == 0 or size[1] == 0:
        raise FrameError(f"image of {size[0]}x{size[1]} has no pixels")
    if size[0] * size[1] > max_pixels:
        raise FrameError(f"image of {size[0]}x{size[1]} has more than {max_pixels} pixels")
    return size
