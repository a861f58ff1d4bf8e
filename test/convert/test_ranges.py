"""Disparity, depth and calibration messages to arrays and numbers; and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from sensor_msgs.msg import CameraInfo, Image, RegionOfInterest
from std_msgs.msg import Header
from stereo_msgs.msg import DisparityImage

from densehybrid_ros.convert.images import FrameError, image_message
from densehybrid_ros.convert.ranges import depth_from_image, disparity_from_message, projection_of

VALUES = np.array([[1.5, 0.0, -1.0], [np.nan, np.inf, 40.25]], np.float32)


def disparity_image(values: np.ndarray = VALUES) -> DisparityImage:
    return DisparityImage(image=image_message(values, "32FC1", Header()), f=500.0, t=0.25, min_disparity=-3.0)


def test_disparity_is_read_as_it_is_whatever_its_valid_window_says() -> None:
    message = disparity_image()
    message.valid_window = RegionOfInterest(x_offset=900, width=0, height=7)
    message.max_disparity = -5.0
    fields = disparity_from_message(message)
    np.testing.assert_array_equal(fields.values, VALUES)
    assert (fields.focal_length, fields.baseline, fields.min_disparity) == (500.0, 0.25, -3.0)


def test_step_and_byte_order_of_a_disparity_are_honoured() -> None:
    message = disparity_image()
    rows = np.pad(VALUES.astype(">f4").view(np.uint8), ((0, 0), (0, 5)), constant_values=9)
    message.image.data, message.image.step, message.image.is_bigendian = rows.tobytes(), rows.shape[1], 1
    np.testing.assert_array_equal(disparity_from_message(message).values, VALUES)


@pytest.mark.parametrize(
    ("f", "t"), [(0.0, 0.2), (-1.0, 0.2), (np.nan, 0.2), (np.inf, 0.2), (500.0, 0.0), (500.0, np.nan)]
)
def test_a_disparity_without_geometry_is_refused(f: float, t: float) -> None:
    message = disparity_image()
    message.f, message.t = f, t
    with pytest.raises(FrameError, match="tells no distance"):
        disparity_from_message(message)


def test_other_encodings_and_short_data_are_refused() -> None:
    message = disparity_image()
    message.image.encoding = "16UC1"
    with pytest.raises(FrameError, match="32FC1"):
        disparity_from_message(message)
    message = disparity_image()
    message.image.data = message.image.data[:-1]
    with pytest.raises(FrameError, match="truncated"):
        disparity_from_message(message)
    with pytest.raises(FrameError, match="16UC1"):
        depth_from_image(Image(encoding="rgb8", width=1, height=1, step=3, data=b"abc"))


def test_depth_is_metres_from_metres_and_millimetres() -> None:
    np.testing.assert_array_equal(depth_from_image(image_message(VALUES, "32FC1", Header())), VALUES)
    millimetres = np.array([[0, 1500, 65535]], ">u2")
    for big in (False, True):
        raw = millimetres if big else millimetres.astype("<u2")
        message = Image(encoding="16UC1", width=3, height=1, step=6, is_bigendian=int(big), data=raw.tobytes())
        np.testing.assert_allclose(depth_from_image(message), [[0.0, 1.5, 65.535]], rtol=1e-6)


def info(**more: object) -> CameraInfo:
    projection = [600.0, 0.0, 320.0, -120.0, 0.0, 610.0, 180.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    camera = [500.0, 0.0, 300.0, 0.0, 510.0, 170.0, 0.0, 0.0, 1.0]
    return CameraInfo(**{"width": 640, "height": 360, "p": projection, "k": camera, **more})


def test_the_projection_goes_before_the_camera_matrix() -> None:
    found = projection_of(info(), 640, 360)
    assert found is not None
    assert (found.fx, found.fy, found.cx, found.cy, found.shift) == (600.0, 610.0, 320.0, 180.0, -120.0)
    raw = projection_of(info(p=[0.0] * 12), 640, 360)
    assert raw is not None
    assert (raw.fx, raw.fy, raw.cx, raw.cy, raw.shift) == (500.0, 510.0, 300.0, 170.0, 0.0)


def test_scaling_binning_and_region_of_interest_move_the_projection() -> None:
    half = projection_of(info(), 320, 180)
    assert half is not None
    assert (half.fx, half.cx, half.cy, half.shift) == (300.0, 160.0, 90.0, -60.0)
    binned = projection_of(info(binning_x=2, binning_y=2), 320, 180)
    assert binned == half
    region = RegionOfInterest(x_offset=100, y_offset=50, width=400, height=200)
    cropped = projection_of(info(roi=region), 400, 200)
    assert cropped is not None
    assert (cropped.fx, cropped.cx, cropped.cy) == (600.0, 220.0, 130.0)


@pytest.mark.parametrize("value", [0.0, -5.0, np.nan, np.inf])
def test_an_uncalibrated_camera_has_no_projection(value: float) -> None:
    assert projection_of(info(p=[value] * 12, k=[value] * 9), 640, 360) is None


@pytest.mark.parametrize("place", [0, 5], ids=["fx", "fy"])
@pytest.mark.parametrize("value", [0.0, -5.0, np.nan, np.inf])
def test_a_focal_length_that_is_none_makes_no_projection_with_the_other(place: int, value: float) -> None:
    broken = info()
    broken.p[place], broken.k[0] = value, -5.0
    assert projection_of(broken, 640, 360) is None


def test_without_fx_in_the_projection_the_camera_matrix_counts() -> None:
    broken = info()
    broken.p[0] = 0.0
    found = projection_of(broken, 640, 360)
    assert found is not None
    assert (found.fx, found.fy) == (500.0, 510.0)


def test_a_picture_may_be_scaled_more_down_than_across() -> None:
    found = projection_of(info(), 320, 120)
    assert found is not None
    assert (found.fx, found.cx) == (300.0, 160.0)
    assert (found.fy, found.cy) == pytest.approx((610 / 3, 60.0))
    assert (found.width, found.height) == (320, 120)
