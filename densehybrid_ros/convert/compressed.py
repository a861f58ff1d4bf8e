"""sensor_msgs/CompressedImage ↔ NumPy. The size stands in the first bytes: it is read before anything is decoded."""

from __future__ import annotations

import struct
from array import array

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

from densehybrid_ros.camera import MAX_IMAGE_PIXELS
from densehybrid_ros.convert.images import FrameError

JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
PNG_START = b"\x89PNG\r\n\x1a\n"
FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers SOF0..SOF15; the three others in that range are tables."""
ALONE = frozenset(range(0xD0, 0xD9)) | {0x01}
"""JPEG markers without a length behind them."""
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
    start = bytes(data[:8])
    if start[:3] == JPEG_START:
        size = _jpeg_size(data)
    elif start == PNG_START:
        size = _png_size(data)
    else:
        raise FrameError(f"compressed image of format '{message.format}' is neither JPEG nor PNG")
    if size[0] == 0 or size[1] == 0:
        raise FrameError(f"image of {size[0]}x{size[1]} has no pixels")
    if size[0] * size[1] > max_pixels:
        raise FrameError(f"image of {size[0]}x{size[1]} has more than {max_pixels} pixels")
    return size


def _png_size(data: memoryview) -> tuple[int, int]:
    """From IHDR, the first chunk of every PNG; the last is IEND."""
    if len(data) < 45 or b"IEND" not in bytes(data[-64:]):
        raise FrameError(f"truncated PNG: its {len(data)} bytes do not end with IEND")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _jpeg_size(data: memoryview) -> tuple[int, int]:
    """From the frame header (SOF), which every JPEG has before its first scan.

    The end marker is looked for too: libjpeg fills what is missing with grey, or, in OpenCV 4.10 and 4.11, with the
    picture that was decoded before. Some cameras pad behind it.
    """
    if JPEG_END not in bytes(data[-4096:]):
        raise FrameError(f"truncated JPEG: its {len(data)} bytes do not end with the end marker")
    position = 2
    while position + 9 <= len(data):
        if data[position] != 0xFF:
            break
        marker = data[position + 1]
        if marker == 0xFF or marker in ALONE:
            position += 1 if marker == 0xFF else 2
            continue
        if marker in FRAME_HEADERS:
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            return width, height
        if marker == 0xDA:
            break
        position += 2 + struct.unpack(">H", data[position + 2 : position + 4])[0]
    raise FrameError("broken JPEG: no frame header before the pixels")
