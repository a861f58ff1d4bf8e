"""sensor_msgs ↔ NumPy, and nothing else. Headers are copied unchanged; layouts are checked before anything is read."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from densehybrid_ros.camera import MAX_IMAGE_PIXELS

SMALLEST_BAYER = 3
"""px; of smaller pictures OpenCV makes black ones without a word."""

BLACK = np.uint8(16)
"""The luma of video."""
VIDEO_TO_RGB = np.array(
    [[1.164, 0, 1.596, -222.912], [1.164, -0.392, -0.813, 135.616], [1.164, 2.017, 0, -276.8]], np.float32
)
"""Y, U, V, 1 → R, G, B, for luma of 16..235 and chroma of 16..240 (ITU-R BT.601)."""


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
    planes: int = 2
    """Rows of `step` bytes for every two of the picture: 3 and 6 where a plane of chroma follows that of luma."""

    def rows(self, message: Image) -> int:
        """Rows of `step` bytes that the data must hold."""
        return message.height * self.planes // 2

    def step(self, message: Image) -> int:
        """Bytes from one row to the next.

        `sensor_msgs` counts two channels for encodings with a plane of chroma, and drivers that multiply by them say
        twice as much as their rows have.
        """
        tight = message.width * self.channels * self.depth
        doubled = self.planes > 2 and message.step == 2 * tight and len(message.data) == tight * self.rows(message)
        return tight if doubled else message.step

    def pixels(self, message: Image) -> NDArray[np.generic]:
        """(rows, W[, C]) as `to_rgb` wants them; the layout has been checked."""
        return _pixels(message, self.step(message), self.channels, self.depth, self.rows(message))


def check_image(message: Image, max_pixels: int = MAX_IMAGE_PIXELS) -> None:
    """Looks at the header alone, in microseconds: whether `rgb_from_image` can use the message.

    Raises:
        FrameError: unsupported encoding, no pixels, too many pixels, or fewer bytes than the layout needs.
    """
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        if cv_bridge_class() is None:
            raise FrameError(f"encoding '{message.encoding}' is not supported; supported are {', '.join(ENCODINGS)}")
        _check_layout(message, message.step, message.width, message.height, max_pixels)
        return
    if encoding.even_width and message.width % 2:
        raise FrameError(f"encoding '{message.encoding}' needs an even width, not {message.width}")
    if message.encoding.startswith("bayer") and min(message.width, message.height) < SMALLEST_BAYER:
        raise FrameError(f"a Bayer picture of {message.width}x{message.height} is too small to be interpolated")
    if encoding.planes % 2 and message.height % 2:
        raise FrameError(f"encoding '{message.encoding}' needs an even height, not {message.height}")
    row_bytes = message.width * encoding.channels * encoding.depth
    _check_layout(message, encoding.step(message), row_bytes, encoding.rows(message), max_pixels)


def rgb_from_image(message: Image, max_pixels: int = MAX_IMAGE_PIXELS) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of any supported encoding; `step` and `is_bigendian` are honoured.

    rgb8 is a read-only view of the message, without a copy. Encodings that are not in ENCODINGS go through cv_bridge
    where it is installed.

    Raises:
        FrameError: as `check_image`, or cv_bridge cannot convert it.
    """
    check_image(message, max_pixels)
    encoding = ENCODINGS.get(message.encoding)
    if encoding is None:
        return _rgb_through_cv_bridge(message)
    return encoding.to_rgb(encoding.pixels(message))


def array_from_image(message: Image, max_pixels: int = MAX_IMAGE_PIXELS) -> NDArray[np.uint8] | NDArray[np.float32]:
    """(H, W) uint8 of mono8 or 8UC1, or (H, W) float32 of 32FC1.

    Raises:
        FrameError: another encoding, or a layout that does not fit its data.
    """
    depths = {"mono8": 1, "8UC1": 1, "32FC1": 4}
    if message.encoding not in depths:
        raise FrameError(f"encoding '{message.encoding}' is not supported here; supported are {', '.join(depths)}")
    depth = depths[message.encoding]
    pixels = pixels_of(message, depth, max_pixels)
    return pixels.view(np.uint8) if depth == 1 else pixels.view(np.float32)


def pixels_of(message: Image, depth: int, max_pixels: int = MAX_IMAGE_PIXELS) -> NDArray[np.generic]:
    """(H, W) unsigned integers of a one-channel image with `depth` bytes per pixel, whatever its encoding says.

    Raises:
        FrameError: a layout that does not fit its data.
    """
    _check_layout(message, message.step, message.width * depth, message.height, max_pixels)
    return _pixels(message, message.step, 1, depth, message.height)


def image_message(values: NDArray[np.generic], encoding: str, header: Header) -> Image:
    """An Image from (H, W) uint8 (mono8), (H, W, 3) uint8 (rgb8) or (H, W) float32 (32FC1), under `header`."""
    contiguous = np.ascontiguousarray(values)
    message = image_fields(contiguous, encoding, header)
    # the one quick way into a message: rclpy checks every element of bytes and ndarrays, but trusts array.array
    data = array("B")
    data.frombytes(contiguous.data.cast("B"))
    message.data = data
    return message


def image_fields(contiguous: NDArray[np.generic], encoding: str, header: Header) -> Image:
    """The Image of a contiguous array, as in `image_message`, but for its data."""
    message = Image(header=header, encoding=encoding, is_bigendian=0, step=contiguous.strides[0])
    message.height, message.width = contiguous.shape[:2]
    return message


def _pixels(message: Image, step: int, channels: int, depth: int, rows: int) -> NDArray[np.generic]:
    """View of the rows without their padding, (rows, W) or (rows, W, C), uint8 or native uint16/uint32.

    The layout has been checked.
    """
    table = np.frombuffer(message.data, np.uint8, step * rows).reshape(rows, step)
    used = table[:, : message.width * channels * depth]
    if depth > 1:
        order = ">" if message.is_bigendian else "<"
        used = np.ascontiguousarray(used).view(f"{order}u{depth}").astype(f"=u{depth}", copy=False)
    return used.reshape(rows, message.width, channels) if channels > 1 else used


def scaled_camera_info(info: CameraInfo, width: int, height: int, header: Header) -> CameraInfo:
    """`info` for an image of `width` x `height`, under `header`: K, P and the region of interest scaled to that size.

    Distortion and rectification do not depend on the size. An info without a size is taken as it is.
    """
    across = width / info.width if info.width else 1.0
    down = height / info.height if info.height else 1.0
    scaled = CameraInfo(header=header, width=width, height=height, distortion_model=info.distortion_model)
    scaled.d, scaled.r = info.d, info.r
    scaled.k = [float(value) for value in np.asarray(info.k) * np.repeat([across, down, 1.0], 3)]
    scaled.p = [float(value) for value in np.asarray(info.p) * np.repeat([across, down, 1.0], 4)]
    scaled.binning_x, scaled.binning_y = info.binning_x, info.binning_y
    scaled.roi.x_offset, scaled.roi.width = round(info.roi.x_offset * across), round(info.roi.width * across)
    scaled.roi.y_offset, scaled.roi.height = round(info.roi.y_offset * down), round(info.roi.height * down)
    scaled.roi.do_rectify = info.roi.do_rectify
    return scaled


def _check_layout(message: Image, step: int, row_bytes: int, rows: int, max_pixels: int) -> None:
    if message.width == 0 or message.height == 0:
        raise FrameError(f"image of {message.width}x{message.height} has no pixels")
    if message.width * message.height > max_pixels:
        raise FrameError(f"image of {message.width}x{message.height} has more than {max_pixels} pixels")
    if step < row_bytes:
        raise FrameError(f"step {step} is less than the {row_bytes} bytes of a {message.encoding} row")
    if len(message.data) < step * rows:
        raise FrameError(f"truncated: {len(message.data)} bytes where step x rows = {step * rows}")


@cache
def cv_bridge_class() -> Any | None:
    """CvBridge where a ROS installation brings it, else None."""
    try:
        from cv_bridge import CvBridge  # pyright: ignore[reportMissingImports] - brought by ROS alone
    except (ImportError, AttributeError):  # AttributeError: the ROS 1 wheel on PyPI, which fails with NumPy 2
        return None
    return CvBridge


def _rgb_through_cv_bridge(message: Image) -> NDArray[np.uint8]:
    """What cv_bridge makes of an encoding that we do not know."""
    bridge = cv_bridge_class()
    assert bridge is not None
    try:
        image = np.asarray(bridge().imgmsg_to_cv2(message, "rgb8"))
    except Exception as error:  # CvBridgeError, TypeError, cv2.error, ValueError: whatever it meets in the message
        raise FrameError(f"encoding '{message.encoding}' cannot be converted by cv_bridge: {error}") from error
    if image.shape != (message.height, message.width, 3) or image.dtype != np.uint8:
        raise FrameError(f"cv_bridge made {image.dtype} {image.shape} of encoding '{message.encoding}', not rgb8")
    return image


def _colour(code: int) -> Callable[[NDArray[np.generic]], NDArray[np.uint8]]:
    def convert(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
        return cv2.cvtColor(np.ascontiguousarray(pixels).view(np.uint8), code)

    return convert


def _from_16_bit(code: int | None) -> Callable[[NDArray[np.generic]], NDArray[np.uint8]]:
    def convert(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
        high_bytes = (pixels.astype(np.uint16, copy=False) >> 8).astype(np.uint8)
        return high_bytes if code is None else _colour(code)(high_bytes)

    return convert


@dataclass(frozen=True)
class FullChroma(Encoding):
    """Luma, and behind it U and V of every pixel in rows of twice the step."""

    def pixels(self, message: Image) -> NDArray[np.generic]:
        """(H, W, 3) Y, U, V; luma below black is black, as OpenCV has it."""
        step, height, width = self.step(message), message.height, message.width
        luma, *chroma = np.frombuffer(message.data, np.uint8, 3 * height * step).reshape(3, height * step)
        pairs = np.concatenate(chroma).reshape(height, 2 * step)[:, : 2 * width].reshape(height, width, 2)
        return np.dstack([np.maximum(luma.reshape(height, step)[:, :width], BLACK), pairs])


def _full_chroma_to_rgb(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    """OpenCV has no code for it; its arithmetic for NV12 (ITU-R BT.601, 16..235) with the chroma of every pixel."""
    return cv2.transform(pixels.view(np.uint8), VIDEO_TO_RGB)


def _unchanged(pixels: NDArray[np.generic]) -> NDArray[np.uint8]:
    return pixels.view(np.uint8)


# OpenCV names a Bayer pattern by the second row's second and third pixel, ROS by the first two: rggb ↔ BG
BAYER = {
    "rggb": cv2.COLOR_BayerBG2RGB,
    "bggr": cv2.COLOR_BayerRG2RGB,
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}
# what has no colours in its name is BGR, OpenCV's order, as cv_bridge writes it; 16UC1 is left out, for it is depth
ENCODINGS: dict[str, Encoding] = {
    "rgb8": Encoding(3, 1, _unchanged),
    "bgr8": Encoding(3, 1, _colour(cv2.COLOR_BGR2RGB)),
    "rgba8": Encoding(4, 1, _colour(cv2.COLOR_RGBA2RGB)),
    "bgra8": Encoding(4, 1, _colour(cv2.COLOR_BGRA2RGB)),
    "mono8": Encoding(1, 1, _colour(cv2.COLOR_GRAY2RGB)),
    "mono16": Encoding(1, 2, _from_16_bit(cv2.COLOR_GRAY2RGB)),
    "rgb16": Encoding(3, 2, _from_16_bit(None)),
    "bgr16": Encoding(3, 2, _from_16_bit(cv2.COLOR_BGR2RGB)),
    "rgba16": Encoding(4, 2, _from_16_bit(cv2.COLOR_RGBA2RGB)),
    "bgra16": Encoding(4, 2, _from_16_bit(cv2.COLOR_BGRA2RGB)),
    **{f"bayer_{pattern}8": Encoding(1, 1, _colour(code)) for pattern, code in BAYER.items()},
    **{f"bayer_{pattern}16": Encoding(1, 2, _from_16_bit(code)) for pattern, code in BAYER.items()},
    "8UC1": Encoding(1, 1, _colour(cv2.COLOR_GRAY2RGB)),
    "8UC3": Encoding(3, 1, _colour(cv2.COLOR_BGR2RGB)),
    "8UC4": Encoding(4, 1, _colour(cv2.COLOR_BGRA2RGB)),
    "16UC3": Encoding(3, 2, _from_16_bit(cv2.COLOR_BGR2RGB)),
    "16UC4": Encoding(4, 2, _from_16_bit(cv2.COLOR_BGRA2RGB)),
    "yuv422": Encoding(2, 1, _colour(cv2.COLOR_YUV2RGB_UYVY), even_width=True),
    "uyvy": Encoding(2, 1, _colour(cv2.COLOR_YUV2RGB_UYVY), even_width=True),
    "yuv422_yuy2": Encoding(2, 1, _colour(cv2.COLOR_YUV2RGB_YUY2), even_width=True),
    "yuyv": Encoding(2, 1, _colour(cv2.COLOR_YUV2RGB_YUY2), even_width=True),
    "nv12": Encoding(1, 1, _colour(cv2.COLOR_YUV2RGB_NV12), even_width=True, planes=3),
    "nv21": Encoding(1, 1, _colour(cv2.COLOR_YUV2RGB_NV21), even_width=True, planes=3),
    "nv24": FullChroma(1, 1, _full_chroma_to_rgb, planes=6),
}
