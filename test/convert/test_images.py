"""Messages to arrays and back; every encoding, step and byte order; and what is refused."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from densehybrid_ros.convert.images import (
    ENCODINGS,
    FrameError,
    array_from_image,
    image_message,
    rgb_from_image,
    scaled_camera_info,
)


def message(encoding: str, rows: np.ndarray, width: int, height: int, padding: int = 0, big: bool = False) -> Image:
    """An image whose rows are the bytes of `rows`, each followed by `padding` bytes."""
    raw = np.ascontiguousarray(rows).view(np.uint8).reshape(rows.shape[0], -1)
    padded = np.pad(raw, ((0, 0), (0, padding)), constant_values=77)
    result = Image(height=height, width=width, encoding=encoding, step=padded.shape[1], is_bigendian=int(big))
    result.data = padded.tobytes()
    return result


@pytest.fixture
def smooth() -> np.ndarray:
    """RGB with smooth colours, so that subsampled chroma loses little; 48×64."""
    coarse = np.random.default_rng(1).integers(40, 216, (3, 4, 3), dtype=np.uint8)
    return cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parametrize("padding", [0, 5])
@pytest.mark.parametrize(
    ("encoding", "code"),
    [
        ("rgb8", None),
        ("bgr8", cv2.COLOR_RGB2BGR),
        ("rgba8", cv2.COLOR_RGB2RGBA),
        ("bgra8", cv2.COLOR_RGB2BGRA),
        ("8UC3", cv2.COLOR_RGB2BGR),
        ("8UC4", cv2.COLOR_RGB2BGRA),
    ],
)
def test_eight_bit_colours_are_exact(smooth: np.ndarray, encoding: str, code: int | None, padding: int) -> None:
    rows = smooth if code is None else cv2.cvtColor(smooth, code)
    np.testing.assert_array_equal(rgb_from_image(message(encoding, rows, 64, 48, padding)), smooth)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("encoding", ["rgb16", "bgr16", "rgba16", "bgra16", "mono16", "16UC3", "16UC4"])
def test_sixteen_bit_keeps_the_high_byte_in_both_byte_orders(smooth: np.ndarray, encoding: str, big: bool) -> None:
    source = smooth[..., :1].repeat(3, 2) if encoding == "mono16" else smooth
    wide = source.astype(np.uint16) * 257
    red, green, blue = np.moveaxis(wide, 2, 0)
    alpha = np.zeros_like(red)
    rgb, bgr = [red, green, blue], [blue, green, red]
    channels = {"rgb16": rgb, "bgr16": bgr, "rgba16": [*rgb, alpha], "bgra16": [*bgr, alpha], "mono16": [red]}
    channels |= {"16UC3": bgr, "16UC4": channels["bgra16"]}
    rows = np.stack(channels[encoding], 2)
    rows = rows.astype(">u2" if big else "<u2")
    np.testing.assert_array_equal(rgb_from_image(message(encoding, rows, 64, 48, 4, big)), source)


@pytest.mark.parametrize("encoding", ["mono8", "8UC1"])
def test_mono_becomes_grey(smooth: np.ndarray, encoding: str) -> None:
    grey = smooth[..., 0]
    np.testing.assert_array_equal(rgb_from_image(message(encoding, grey, 64, 48, 3)), np.repeat(grey[..., None], 3, 2))


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    ("pattern", "first_row", "second_row"),
    [("rggb", "rg", "gb"), ("bggr", "bg", "gr"), ("gbrg", "gb", "rg"), ("grbg", "gr", "bg")],
)
def test_bayer_patterns_give_their_colours(
    smooth: np.ndarray, pattern: str, first_row: str, second_row: str, bits: int, big: bool
) -> None:
    mosaic = np.empty((48, 64), np.uint8)
    for row, letters in enumerate((first_row, second_row)):
        for column, letter in enumerate(letters):
            mosaic[row::2, column::2] = smooth[row::2, column::2, "rgb".index(letter)]
    rows = mosaic if bits == 8 else (mosaic.astype(np.uint16) * 256 + 7).astype(">u2" if big else "<u2")
    found = rgb_from_image(message(f"bayer_{pattern}{bits}", rows, 64, 48, 4, big))
    assert np.abs(found.astype(int) - smooth)[4:-4, 4:-4].mean() < 4


def planes(encoding: str, y: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Rows as wide as `y`: luma, and chroma in pairs, of every second pixel or of all."""
    pairs = np.stack([v, u] if encoding == "nv21" else [u, v], 2)
    return np.vstack(
        [y, pairs.repeat(2, 0).repeat(2, 1).reshape(96, 64) if encoding == "nv24" else pairs.reshape(24, 64)]
    )


@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv", "nv12", "nv21", "nv24"])
def test_yuv_layouts_give_their_colours(smooth: np.ndarray, encoding: str) -> None:
    yuv = cv2.cvtColor(smooth, cv2.COLOR_RGB2YUV_I420)
    y, u, v = yuv[:48], yuv[48:60].reshape(24, 32), yuv[60:72].reshape(24, 32)
    if encoding.startswith("nv"):
        rows = planes(encoding, y, u, v)
    else:
        u2, v2 = u.repeat(2, 0), v.repeat(2, 0)
        quads = (u2, y[:, ::2], v2, y[:, 1::2]) if encoding in ("yuv422", "uyvy") else (y[:, ::2], u2, y[:, 1::2], v2)
        rows = np.stack(quads, 2).reshape(48, 128)
    difference = np.abs(rgb_from_image(message(encoding, rows, 64, 48)).astype(int) - smooth)
    assert difference.mean() < 4


def test_chroma_of_every_pixel_is_turned_into_colours_as_that_of_every_second_one() -> None:
    """With the chroma of each pixel repeated, nv24 is nv12 to within the rounding of OpenCV's integers."""
    y, u, v = (
        np.random.default_rng(4).integers(0, 256, shape, dtype=np.uint8) for shape in ((48, 64), (24, 32), (24, 32))
    )
    wide, narrow = (
        rgb_from_image(message(encoding, planes(encoding, y, u, v), 64, 48)) for encoding in ("nv24", "nv12")
    )
    assert np.abs(wide.astype(int) - narrow).max() <= 1


@pytest.mark.parametrize("encoding", ["nv12", "nv21", "nv24"])
def test_planes_with_padded_rows_and_with_the_step_of_two_channels(encoding: str) -> None:
    """Rows of chroma have the step of luma, in nv24 twice that; some drivers say twice the width for either."""
    y, u, v = (
        np.random.default_rng(5).integers(0, 256, shape, dtype=np.uint8) for shape in ((48, 64), (24, 32), (24, 32))
    )
    rows = planes(encoding, y, u, v)
    expected = rgb_from_image(message(encoding, rows, 64, 48))
    padded = message(encoding, rows, 64, 48, 6)
    if encoding == "nv24":
        chroma = np.pad(rows[48:].reshape(48, 128), ((0, 0), (0, 12)), constant_values=77)
        padded.data = np.pad(y, ((0, 0), (0, 6)), constant_values=77).tobytes() + chroma.tobytes()
    np.testing.assert_array_equal(rgb_from_image(padded), expected)
    doubled = message(encoding, rows, 64, 48)
    doubled.step = 128
    np.testing.assert_array_equal(rgb_from_image(doubled), expected)


def test_rgb8_is_a_view_without_a_copy(smooth: np.ndarray) -> None:
    source = message("rgb8", smooth, 64, 48)
    assert np.shares_memory(rgb_from_image(source), np.frombuffer(source.data, np.uint8))


@pytest.mark.parametrize(
    ("values", "encoding"),
    [
        (np.arange(12, dtype=np.uint8).reshape(3, 4), "mono8"),
        (np.arange(36, dtype=np.uint8).reshape(3, 4, 3), "rgb8"),
        (np.linspace(-9, 9, 12, dtype=np.float32).reshape(3, 4), "32FC1"),
        (np.arange(48, dtype=np.uint8).reshape(6, 8)[::2, ::2], "mono8"),
    ],
)
def test_arrays_survive_the_way_through_a_message(values: np.ndarray, encoding: str) -> None:
    header = Header(frame_id="camera")
    header.stamp.sec, header.stamp.nanosec = 12, 34
    result = image_message(values, encoding, header)
    assert result.header == header
    assert (result.height, result.width) == values.shape[:2]
    back = rgb_from_image(result) if encoding == "rgb8" else array_from_image(result)
    np.testing.assert_array_equal(back, values)


def test_bad_layouts_are_refused_with_the_reason(smooth: np.ndarray) -> None:
    def refused(text: str, max_pixels: int = 10**6, **changes: object) -> None:
        broken = message("rgb8", smooth, 64, 48)
        for name, value in changes.items():
            setattr(broken, name, value)
        with pytest.raises(FrameError, match=text):
            rgb_from_image(broken, max_pixels)

    refused("encoding '8UC7' is not supported; supported are rgb8", encoding="8UC7")
    refused("no pixels", width=0)
    refused("no pixels", height=0)
    refused("truncated", data=b"abc")
    refused("truncated", height=49)
    refused("step 10 is less", step=10)
    refused("more than 100 pixels", max_pixels=100)
    refused("even width", encoding="yuyv", width=63)
    refused("truncated", encoding="nv24", height=49)
    refused("encoding '16UC1' is not supported", encoding="16UC1")


class MadeBridge:
    """Stands for cv_bridge.CvBridge, which only a ROS installation brings."""

    def imgmsg_to_cv2(self, image: Image, desired_encoding: str) -> np.ndarray:
        assert desired_encoding == "rgb8"
        if image.encoding == "8UC7":
            raise RuntimeError("[8UC7] is not a color format")
        return np.full((image.height, image.width, 3), 9, np.uint8)


def test_other_encodings_go_through_cv_bridge_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, smooth: np.ndarray
) -> None:
    monkeypatch.setattr("densehybrid_ros.convert.images.cv_bridge_class", lambda: MadeBridge)
    wide = smooth.astype(np.float32)
    np.testing.assert_array_equal(rgb_from_image(message("32FC3", wide, 64, 48)), np.full((48, 64, 3), 9))
    with pytest.raises(FrameError, match=r"cannot be converted by cv_bridge: .*not a color format"):
        rgb_from_image(message("8UC7", smooth, 64, 48))
    with pytest.raises(FrameError, match="truncated"):
        rgb_from_image(message("32FC3", wide, 64, 49))


def test_a_camera_info_without_a_size_keeps_its_matrices() -> None:
    given = CameraInfo(k=[300.0, 0.0, 160.0, 0.0, 310.0, 96.0, 0.0, 0.0, 1.0])
    scaled = scaled_camera_info(given, 160, 96, Header(frame_id="nose"))
    assert list(scaled.k) == list(given.k)
    assert (scaled.width, scaled.height, scaled.header.frame_id) == (160, 96, "nose")


def test_random_layouts_are_converted_or_refused_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    converted = refused = 0
    for _ in range(400):
        width, height = (int(value) for value in rng.integers(0, 20, 2))
        candidate = Image(width=width, height=height, encoding=str(rng.choice([*ENCODINGS, "8UC7", ""])))
        candidate.step = int(rng.integers(0, 200))
        candidate.is_bigendian = int(rng.integers(0, 2))
        candidate.data = rng.integers(0, 256, int(rng.integers(0, 4000)), dtype=np.uint8).tobytes()
        try:
            rgb = rgb_from_image(candidate)
        except FrameError:
            refused += 1
        else:
            assert rgb.shape == (height, width, 3)
            assert rgb.dtype == np.uint8
            converted += 1
    assert converted > 20
    assert refused > 20
