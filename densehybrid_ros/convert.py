"""sensor_msgs ↔ NumPy, and nothing else. Headers are copied unchanged; layouts are checked before anything is read."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

MAX_IMAGE_PIXELS = 33_554_432


class FrameError(ValueError):
    """A message that cannot be used, and why; the frame is dropped and counted."""


@dataclass(frozen=True)
class Encoding:
    """How the rows of an encoding are laid out, and how they become RGB."""

    channels: int
    depth: int
    """Bytes per channel."""
    to_rgb: Callable[[NDArray[np.generic]], NDArray[np.uint8]]
    """(H, W[, C]) in the machine's byte order → (H, W, 3) uint8."""
    even_width: bool = False


def rgb_from_image(message: Image, max_pixels: int = MAX_IMAGE_PIXELS) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of any supported encoding; `step` and `is_bigendian` are honoured.

    rgb8 is a read-only view of the message, without a copy.

    Raises:
        FrameError: unsupported encoding, no pixels, too many pixels, or fewer bytes than the layout needs.
    """
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        raise FrameError(f"encoding '{message.encoding}' is not supported; supported are {', '.join(ENCODINGS)}")
    if encoding.even_width and message.width % 2:
        raise FrameError(f"encoding '{message.encoding}' needs an even width, not {message.width}")
    if message.encoding == "nv12":
        return _rgb_from_nv12(message, max_pixels)
    return encoding.to_rgb(_pixels(message, encoding.channels, encoding.depth, max_pixels))


def rgb_from_compressed(message: CompressedImage, max_pixels: int = MAX_IMAGE_PIXELS) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a JPEG or PNG.

    Raises:
        FrameError: empty or broken data, or too many pixels.
    """
    if len(message.data) == 0:
        raise FrameError("compressed image without data")
    image = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise FrameError(f"compressed image of format '{message.format}' cannot be decoded")
    if image.shape[0] * image.shape[1] > max_pixels:
        raise FrameError(f"image of {image.shape[1]}x{image.shape[0]} has more than {max_pixels} pixels")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def array_from_image(message: Image, max_pixels: int = MAX_IMAGE_PIXELS) -> NDArray[np.uint8] | NDArray[np.float32]:
    """(H, W) uint8 of mono8 or 8UC1, or (H, W) float32 of 32FC1.

    Raises:
        FrameError: another encoding, or a layout that does not fit its data.
    """
    if message.encoding in ("mono8", "8UC1"):
        return _pixels(message, 1, 1, max_pixels).view(np.uint8)
    if message.encoding == "32FC1":
        return _pixels(message, 1, 4, max_pixels).view(np.float32)
    raise FrameError(f"encoding '{message.encoding}' is not supported here; supported are mono8, 8UC1, 32FC1")


def image_message(values: NDArray[np.generic], encoding: str, header: Header) -> Image:
    """An Image from (H, W) uint8 (mono8), (H, W, 3) uint8 (rgb8) or (H, W) float32 (32FC1), under `header`."""
    contiguous = np.ascontiguousarray(values)
    message = Image()
    message.header = header
    message.height, message.width = contiguous.shape[:2]
    message.encoding = encoding
    message.is_bigendian = 0
    message.step = contiguous.strides[0]
    # the one quick way into a message: rclpy checks every element of bytes and ndarrays, but trusts array.array
    data = array("B")
    data.frombytes(memoryview(contiguous).cast("B"))
    message.data = data
    return message


def _pixels(message: Image, channels: int, depth: int, max_pixels: int) -> NDArray[np.generic]:
    """View of the rows without their padding, (H, W) or (H, W, C), uint8 or native uint16/uint32."""
    _check_layout(message, message.width * channels * depth, message.height, max_pixels)
    rows = np.frombuffer(message.data, np.uint8, message.step * message.height).reshape(message.height, message.step)
    used = rows[:, : message.width * channels * depth]
    if depth > 1:
        order = ">" if message.is_bigendian else "<"
        used = np.ascontiguousarray(used).view(f"{order}u{depth}").astype(f"=u{depth}", copy=False)
    return used.reshape(message.height, message.width, channels) if channels > 1 else used


def _check_layout(message: Image, row_bytes: int, rows: int, max_pixels: int) -> None:
    if message.width == 0 or message.height == 0:
        raise FrameError(f"image of {message.width}x{message.height} has no pixels")
    if message.width * message.height > max_pixels:
        raise FrameError(f"image of {message.width}x{message.height} has more than {max_pixels} pixels")
    if message.step < row_bytes:
        raise FrameError(f"step {message.step} is less than the {row_bytes} bytes of a {message.encoding} row")
    if len(message.data) < message.step * rows:
        raise FrameError(f"truncated: {len(message.data)} bytes where step x rows = {message.step * rows}")


def _rgb_from_nv12(message: Image, max_pixels: int) -> NDArray[np.uint8]:
    """Y plane, then half as many rows of interleaved U and V."""
    if message.height % 2:
        raise FrameError(f"encoding 'nv12' needs an even height, not {message.height}")
    rows = message.height * 3 // 2
    _check_layout(message, message.width, rows, max_pixels)
    planes = np.frombuffer(message.data, np.uint8, message.step * rows).reshape(rows, message.step)
    return _colour(cv2.COLOR_YUV2RGB_NV12)(planes[:, : message.width])


def _colour(code: int) -> Callable[[NDArray[np.generic]], NDArray[np.uint8]]:
    def convert(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
        return cv2.cvtColor(np.ascontiguousarray(pixels), code).astype(np.uint8, copy=False)

    return convert


def _from_16_bit(code: int | None) -> Callable[[NDArray[np.generic]], NDArray[np.uint8]]:
    def convert(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
        high_bytes = (pixels.astype(np.uint16, copy=False) >> 8).astype(np.uint8)
        return high_bytes if code is None else _colour(code)(high_bytes)

    return convert


def _unchanged(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    return pixels.view(np.uint8)


# OpenCV names a Bayer pattern by the second row's second and third pixel, ROS by the first two: rggb ↔ BG
ENCODINGS: dict[str, Encoding] = {
    "rgb8": Encoding(3, 1, _unchanged),
    "bgr8": Encoding(3, 1, _colour(cv2.COLOR_BGR2RGB)),
    "rgba8": Encoding(4, 1, _colour(cv2.COLOR_RGBA2RGB)),
    "bgra8": Encoding(4, 1, _colour(cv2.COLOR_BGRA2RGB)),
    "mono8": Encoding(1, 1, _colour(cv2.COLOR_GRAY2RGB)),
    "mono16": Encoding(1, 2, _from_16_bit(cv2.COLOR_GRAY2RGB)),
    "rgb16": Encoding(3, 2, _from_16_bit(None)),
    "bgr16": Encoding(3, 2, _from_16_bit(cv2.COLOR_BGR2RGB)),
    "bayer_rggb8": Encoding(1, 1, _colour(cv2.COLOR_BayerBG2RGB)),
    "bayer_bggr8": Encoding(1, 1, _colour(cv2.COLOR_BayerRG2RGB)),
    "bayer_gbrg8": Encoding(1, 1, _colour(cv2.COLOR_BayerGR2RGB)),
    "bayer_grbg8": Encoding(1, 1, _colour(cv2.COLOR_BayerGB2RGB)),
    "yuv422": Encoding(2, 1, _colour(cv2.COLOR_YUV2RGB_UYVY), even_width=True),
    "uyvy": Encoding(2, 1, _colour(cv2.COLOR_YUV2RGB_UYVY), even_width=True),
    "yuv422_yuy2": Encoding(2, 1, _colour(cv2.COLOR_YUV2RGB_YUY2), even_width=True),
    "yuyv": Encoding(2, 1, _colour(cv2.COLOR_YUV2RGB_YUY2), even_width=True),
    "nv12": Encoding(1, 1, _unchanged, even_width=True),
}
