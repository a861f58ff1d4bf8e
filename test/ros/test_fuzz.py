"""Two thousand random malformed messages on the running node: no crash, no wrong output, every one counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from densehybrid_ros.convert.compressed import check_compressed, rgb_from_compressed
from densehybrid_ros.convert.images import ENCODINGS, FrameError, array_from_image, check_image, image_message

if TYPE_CHECKING:
    from conftest import Probe, Process

Start = Callable[..., "Process"]
MakeProbe = Callable[..., "Probe"]
MESSAGES, BURST = 1000, 25
"""Of each transport, and how many come between two good frames."""
MAX_PIXELS = 100_000
ODD_NAMES = ["", "RGB8", "rgb8 ", "8UC2", "32FC1", "bayer_rggb12", "yuv444", "nv16", "jpeg", "☃", "x" * 300]


def malformed_image(rng: np.random.Generator) -> Image:
    """An image message with at least one fault; the others of its fields are random too."""
    width, height = int(rng.integers(1, 40)), int(rng.integers(1, 40))
    encoding = str(rng.choice([*ENCODINGS]))
    message = Image(encoding=encoding, width=width, height=height, is_bigendian=int(rng.integers(0, 256)))
    row = width * ENCODINGS[encoding].channels * ENCODINGS[encoding].depth
    message.step = row + int(rng.integers(0, 9))
    needed = message.step * ENCODINGS[encoding].rows(message)
    fault = rng.integers(0, 7)
    if fault == 0:
        message.encoding = str(rng.choice(ODD_NAMES))
    elif fault == 1:
        needed = int(rng.integers(0, needed))
    elif fault == 2:
        message.step = int(rng.integers(0, row))
    elif fault == 3:
        message.width, message.height = [(0, height), (width, 0), (0, 0)][rng.integers(0, 3)]
    elif fault == 4:
        message.width, message.height = 2**32 - 1 - int(rng.integers(0, 9)), int(rng.integers(1, 2**32))
    elif fault == 5:
        message.step = 2**32 - 1
    else:
        message.encoding, message.width = str(rng.choice(["yuyv", "uyvy", "nv12"])), width | 1
    message.data = rng.integers(0, 256, needed, dtype=np.uint8).tobytes()
    return message


def malformed_compressed(rng: np.random.Generator, files: list[bytes]) -> CompressedImage:
    """A cut, overwritten, foreign or empty file that cannot be taken for a picture."""
    data = files[rng.integers(0, len(files))]
    fault = rng.integers(0, 4)
    if fault == 0:
        data = data[: rng.integers(0, len(data) - 20)]
    elif fault == 1:
        data = rng.integers(0, 256, rng.integers(0, 3000), dtype=np.uint8).tobytes()
    elif fault == 2:
        data = b"\x89PNG\r\n\x1a\n" + data[rng.integers(1, 50) :]
    else:
        start = int(rng.integers(0, 12))
        data = data[:start] + bytes(int(rng.integers(30, 200))) + data[start + 30 :]
    return CompressedImage(format=str(rng.choice(["jpeg", "png", "rgb8; jpeg compressed bgr8", ""])), data=data)


def unusable_compressed(rng: np.random.Generator, files: list[bytes]) -> CompressedImage:
    """As above, without the few that happen to decode."""
    while True:
        message = malformed_compressed(rng, files)
        try:
            rgb_from_compressed(message, MAX_PIXELS)
        except FrameError:
            return message


def good_image(rng: np.random.Generator, picture: np.ndarray) -> Image:
    """The same picture in a lossless encoding and a layout by chance."""
    padding = int(rng.integers(0, 20))
    alpha = np.full((*picture.shape[:2], 1), 7, np.uint8)
    big = bool(rng.integers(0, 2))
    wide = (picture.astype(np.uint16) << 8 | 99).astype(">u2" if big else "<u2")
    bytes_of = {
        "rgb8": picture,
        "bgr8": picture[..., ::-1],
        "rgba8": np.concatenate([picture, alpha], 2),
        "bgra8": np.concatenate([picture[..., ::-1], alpha], 2),
        "rgb16": wide,
        "bgr16": wide[..., ::-1],
    }
    encoding = str(rng.choice([*bytes_of]))
    rows = np.ascontiguousarray(bytes_of[encoding]).view(np.uint8).reshape(picture.shape[0], -1)
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=200)
    message = Image(encoding=encoding, height=picture.shape[0], width=picture.shape[1], step=padded.shape[1])
    message.is_bigendian, message.data = int(big), padded.tobytes()
    return message


def test_malformed_images_are_all_counted_and_never_answered(
    start: Start, make_probe: MakeProbe, random_weights: Path, picture: np.ndarray
) -> None:
    rng = np.random.default_rng(11)

    def malformed() -> Image:
        message = malformed_image(rng)
        with pytest.raises(FrameError):
            check_image(message, MAX_PIXELS)
        return message

    probe = make_probe(("anomaly",))
    reference = image_message(picture, "rgb8", Header())
    fuzz(start, probe, random_weights, "image_raw", malformed, lambda: good_image(rng, picture), reference)


def test_malformed_compressed_images_are_all_counted_and_never_answered(
    start: Start, make_probe: MakeProbe, random_weights: Path, picture: np.ndarray
) -> None:
    rng = np.random.default_rng(12)
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    files = [cv2.imencode(suffix, bgr)[1].tobytes() for suffix in (".jpg", ".png")]
    good = CompressedImage(format="png", data=files[1])
    check_compressed(good)
    probe = make_probe(("anomaly",), kind=CompressedImage)
    parameters = "image_raw/compressed", lambda: unusable_compressed(rng, files), lambda: good, good
    fuzz(start, probe, random_weights, *parameters)


def fuzz(
    start: Start,
    probe: Probe,
    weights: Path,
    topic: str,
    malformed: Callable[[], Image | CompressedImage],
    good: Callable[[], Image | CompressedImage],
    reference: Image | CompressedImage,
) -> None:
    """Bursts of malformed messages, a good one before each, which they must not displace."""
    reliable = [f"qos_overrides./{topic}.subscription.{each}" for each in ("reliability:=reliable", "depth:=200")]
    transport = "compressed" if "compressed" in topic else "raw"
    limits = f"max_image_pixels:={MAX_PIXELS}", f"image_transport:={transport}", "max_frame_age:=0"
    node = start("segmenter", f"model_path:={weights}", *limits, *reliable)
    probe.wait_for_node()
    expected = array_from_image(probe.answers(reference)["anomaly"])
    goods = 1
    for _ in range(MESSAGES // BURST):
        second = probe.send(good())
        for _ in range(BURST):
            probe.send(malformed())
        goods += 1
        np.testing.assert_array_equal(array_from_image(probe.answer("anomaly", second)), expected)
    invalid = MESSAGES // BURST * BURST
    probe.spin_until(lambda: probe.diagnostics()["dropped_invalid"] == str(invalid), f"{invalid} counted messages")
    report = probe.diagnostics()
    assert (report["frames_in"], report["frames_out"]) == (str(invalid + goods), str(goods))
    assert (report["dropped_stale"], report["dropped_error"]) == ("0", "0")
    assert len(probe.received["anomaly"]) == goods
    assert node.stop() == 0
    assert "Traceback" not in node.output
