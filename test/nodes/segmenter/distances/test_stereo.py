"""Rectified pairs: calibrations that cannot be used, and shifted centres."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from densehybrid_ros.convert.images import FrameError, image_message
from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.segmenter.distances.stereo import Pair, ranges_of_pair
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.options import changed

WIDTH, HEIGHT, FOCAL_LENGTH, BASELINE, SHIFT = 320, 120, 200.0, 0.5, 12
SETTINGS = changed(Settings(), {"sgbm_disparity_range": 32})
INNER = np.s_[20:-20, 60:-20]


def camera_info(shift: float = 0.0, cx: float = 159.5, focal_length: float = FOCAL_LENGTH) -> CameraInfo:
    p = [focal_length, 0.0, cx, shift, 0.0, focal_length, 59.5, 0.0, 0.0, 0.0, 1.0, 0.0]
    return CameraInfo(width=WIDTH, height=HEIGHT, p=p)


@pytest.fixture(scope="module")
def pictures() -> tuple[np.ndarray, np.ndarray]:
    """A textured wall, seen twice: the right camera sees it SHIFT px further left."""
    rng = np.random.default_rng(2)
    coarse = rng.integers(0, 256, (HEIGHT // 4, (WIDTH + SHIFT) // 4, 3), dtype=np.uint8)
    wall = cv2.resize(coarse, (WIDTH + SHIFT, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    return wall[:, :WIDTH], np.ascontiguousarray(wall[:, SHIFT:])


def pair(pictures: tuple[np.ndarray, np.ndarray], **changes: object) -> Pair:
    left, right = pictures
    values: dict[str, object] = {
        "left": left,
        "right": image_message(right, "rgb8", Header()),
        "left_info": camera_info(),
        "right_info": camera_info(-FOCAL_LENGTH * BASELINE),
    }
    return Pair(**(values | changes))


def depth_of(made: Pair) -> float:
    inverse = ranges_of_pair(made, SETTINGS).inverse_depth(INNER)
    assert (inverse > 0).mean() > 0.9
    return float(1 / np.median(inverse[inverse > 0]))


def test_the_wall_is_where_it_is(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    assert depth_of(pair(pictures)) == pytest.approx(FOCAL_LENGTH * BASELINE / SHIFT, rel=0.01)


def test_centres_of_the_two_cameras_may_differ(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    shifted = camera_info(-FOCAL_LENGTH * BASELINE, cx=159.5 - 4)
    assert depth_of(pair(pictures, right_info=shifted)) == pytest.approx(
        FOCAL_LENGTH * BASELINE / (SHIFT - 4), rel=0.01
    )


def test_the_baseline_is_the_difference_of_both_places(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    """A middle camera of three rigs has a P[3] of its own."""
    made = pair(pictures, left_info=camera_info(-60.0), right_info=camera_info(-60.0 - FOCAL_LENGTH * BASELINE))
    assert depth_of(made) == pytest.approx(FOCAL_LENGTH * BASELINE / SHIFT, rel=0.01)


def test_a_compressed_right_picture_is_matched(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    _, coded = cv2.imencode(".png", cv2.cvtColor(pictures[1], cv2.COLOR_RGB2BGR))
    message = CompressedImage(format="png", data=coded.tobytes())
    assert depth_of(pair(pictures, right=message)) == pytest.approx(FOCAL_LENGTH * BASELINE / SHIFT, rel=0.01)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"left_info": None}, "no camera_info of the left camera"),
        ({"left_info": CameraInfo()}, "camera_info of the left camera holds no projection"),
        ({"right_info": CameraInfo()}, "camera_info of the right camera holds no projection"),
        ({"right_info": camera_info(0.0)}, r"0 m to the right .* give P\[3\]"),
        ({"right_info": camera_info(80.0)}, r"-0\.4 m to the right"),
        ({"right": Image(width=WIDTH, height=HEIGHT, encoding="32FC1")}, "32FC1"),
    ],
)
def test_what_cannot_be_matched_is_named(
    pictures: tuple[np.ndarray, np.ndarray], changes: dict[str, object], problem: str
) -> None:
    with pytest.raises(FrameError, match=problem):
        ranges_of_pair(pair(pictures, **changes), SETTINGS)


def test_two_sizes_are_refused(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    small = image_message(np.ascontiguousarray(pictures[1][::2, ::2]), "rgb8", Header())
    with pytest.raises(SetupError, match="320x120, the right one 160x60"):
        ranges_of_pair(pair(pictures, right=small), SETTINGS)
