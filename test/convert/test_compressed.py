"""JPEG and PNG messages: decoded, or refused before anything is decoded."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

from densehybrid_ros.convert.compressed import check_compressed, jpeg_message, rgb_from_compressed
from densehybrid_ros.convert.images import FrameError


@pytest.fixture
def smooth() -> np.ndarray:
    """RGB with smooth colours; 48×64."""
    coarse = np.random.default_rng(1).integers(40, 216, (3, 4, 3), dtype=np.uint8)
    return cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_CUBIC)


def coded(rgb: np.ndarray, suffix: str, *options: int) -> bytes:
    return cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def message(data: bytes) -> CompressedImage:
    return CompressedImage(format="rgb8; compressed bgr8", data=data)


def test_a_png_is_decoded_to_the_same_rgb(smooth: np.ndarray) -> None:
    np.testing.assert_array_equal(rgb_from_compressed(message(coded(smooth, ".png"))), smooth)


def test_a_picture_goes_out_as_a_jpeg_in_its_own_colours(smooth: np.ndarray) -> None:
    made = jpeg_message(smooth, Header(frame_id="front_camera"))
    assert (made.header.frame_id, made.format) == ("front_camera", "rgb8; jpeg compressed bgr8")
    assert bytes(made.data[:3]) == b"\xff\xd8\xff"
    assert np.abs(rgb_from_compressed(made).astype(int) - smooth).mean() < 4


@pytest.mark.parametrize("progressive", [0, 1])
@pytest.mark.parametrize("padding", [b"", bytes(100)])
def test_a_jpeg_is_decoded_to_nearly_the_same_rgb(smooth: np.ndarray, progressive: int, padding: bytes) -> None:
    data = coded(smooth, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 98, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive)
    decoded = rgb_from_compressed(message(data + padding))
    assert np.abs(decoded.astype(int) - smooth).mean() < 3


def test_an_exif_orientation_does_not_turn_the_picture(smooth: np.ndarray) -> None:
    data = coded(smooth, ".jpg")
    tiff = b"MM\x00*\x00\x00\x00\x08" + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, 6, 0, 0)
    exif = b"Exif\x00\x00" + tiff
    turned = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (64, 48, 3)
    np.testing.assert_array_equal(rgb_from_compressed(message(turned)), rgb_from_compressed(message(data)))


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_every_truncation_is_refused_without_decoding(smooth: np.ndarray, suffix: str) -> None:
    data = coded(smooth, suffix)
    for length in range(0, len(data) - 1, 7):
        with pytest.raises(FrameError):
            check_compressed(message(data[:length]))


def test_other_data_are_refused() -> None:
    with pytest.raises(FrameError, match="without data"):
        check_compressed(message(b""))
    for data in (b"GIF89a" + bytes(100), bytes(5000), b"\xff\xd8 no picture"):
        with pytest.raises(FrameError, match="neither JPEG nor PNG"):
            check_compressed(message(data))
    with pytest.raises(FrameError, match="no frame header"):
        check_compressed(message(b"\xff\xd8\xff\xe0\x00\x04\x00\x00\xff\xda\xff\xd9" + bytes(20)))


def test_a_picture_that_would_fill_the_memory_is_refused_by_its_header() -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data += struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    with pytest.raises(FrameError, match="60000x60000 has more than"):
        check_compressed(message(data))


def test_damaged_pngs_and_jpegs_are_decoded_at_their_size_or_refused(smooth: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    refused = 0
    for suffix in (".jpg", ".png"):
        data = np.frombuffer(coded(smooth, suffix), np.uint8)
        for _ in range(200):
            damaged = data.copy()
            damaged[rng.integers(0, len(data), 3)] = rng.integers(0, 256, 3)
            try:
                assert rgb_from_compressed(message(damaged.tobytes()), 10**6).ndim == 3
            except FrameError:
                refused += 1
    assert refused > 150
