"""Which calibrations tell places in a picture: what drivers publish with raw and with rectified pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from sensor_msgs.msg import CameraInfo, RegionOfInterest

from densehybrid_ros.convert.calibration import HARMLESS_IN_PAIRS, why_no_places

K = [600.0, 0.0, 319.5, 0.0, 600.0, 179.5, 0.0, 0.0, 1.0]
P = [600.0, 0.0, 319.5, 0.0, 0.0, 600.0, 179.5, 0.0, 0.0, 0.0, 1.0, 0.0]
WEBCAM = [-0.37, 0.2, 0.0004, -0.0003, -0.07]
"""KITTI's first camera; its synchronised pictures are rectified, and come with these numbers."""
WEAK = [-0.0567, 0.0688, -0.0006, 0.0003, -0.0222]
"""A RealSense D455's colour camera."""


def rotation(degrees: float) -> list[float]:
    return [float(each) for each in cv2.Rodrigues(np.radians([0.0, degrees, 0.0]))[0].ravel()]


def info(**more: object) -> CameraInfo:
    values = {"width": 640, "height": 360, "k": K, "p": P, "r": rotation(0.0), "distortion_model": "plumb_bob"}
    return CameraInfo(**{**values, "d": [0.0] * 5, **more})


USABLE = {
    "rectified": info(),
    "nothing but P": CameraInfo(width=640, height=360, p=P),
    "nothing but K": CameraInfo(width=640, height=360, k=K),
    "no size": CameraInfo(p=P, k=K),
    "weak distortion": info(d=WEAK),
    "fixed by a hair": info(r=rotation(0.3)),
    "cropped": info(height=720, roi=RegionOfInterest(y_offset=180, width=640, height=360)),
    "binned": info(width=1280, height=720, binning_x=2, binning_y=2, k=[*(2 * np.array(K[:8])), 1.0], p=[0.0] * 12),
    "rounded": info(width=1242, height=699),
}
UNUSABLE = {
    "4:3": (info(height=480), "another aspect ratio"),
    "region of another aspect": (info(roi=RegionOfInterest(width=640, height=480)), "another aspect ratio"),
    "distorted": (info(d=WEBCAM), "distorted (plumb_bob)"),
    "distorted without P": (info(d=WEBCAM, p=[0.0] * 12), "distorted"),
    "rational": (
        info(d=[0.4, -0.5, 0.0, 0.0, 0.1, 0.2, -0.3, 0.1], distortion_model="rational_polynomial"),
        "rational",
    ),
    "fisheye": (info(d=[0.05, 0.01, 0.0, 0.0], distortion_model="equidistant"), "distorted (equidistant)"),
    "fisheye of zeros": (info(d=[0.0] * 4, distortion_model="equidistant"), "distorted (equidistant)"),
    "rotated": (info(r=rotation(2.0)), "rotated (R)"),
    "rotated without P": (info(r=rotation(2.0), p=[0.0] * 12), "rotated (R)"),
    "another K than P": (info(k=[500.0, *K[1:4], 500.0, *K[5:]]), "another K than P"),
    "distorted without K": (info(d=WEBCAM, k=[0.0] * 9), "has no K"),
    "nan": (info(d=[float("nan")] * 5), "distorted"),
    "three numbers": (info(d=[0.1, 0.1, 0.1]), "distorted"),
}


@pytest.mark.parametrize("name", USABLE)
def test_harmless_calibrations_are_used(name: str) -> None:
    assert why_no_places(USABLE[name], 640, 360, rectified=False) == ""


@pytest.mark.parametrize("name", UNUSABLE)
def test_wrong_ones_are_named(name: str) -> None:
    calibration, reason = UNUSABLE[name]
    assert reason in why_no_places(calibration, 640, 360, rectified=False)


@pytest.mark.parametrize("name", [name for name in UNUSABLE if "aspect" in UNUSABLE[name][1]])
def test_no_rectification_mends_an_aspect_ratio(name: str) -> None:
    assert "another aspect ratio" in why_no_places(UNUSABLE[name][0], 640, 360, rectified=True)


def test_for_rectified_pictures_the_projection_counts_alone() -> None:
    for calibration in (info(d=WEBCAM, r=rotation(2.0)), info(d=[0.0] * 4, distortion_model="equidistant")):
        assert why_no_places(calibration, 640, 360, rectified=True) == ""
        calibration.p = [0.0] * 12
        assert "has no P" in why_no_places(calibration, 640, 360, rectified=True)


def test_what_is_told_is_how_far_the_rays_are_off() -> None:
    assert "up to 2.00 degrees" in why_no_places(info(r=rotation(2.0)), 640, 360, rectified=False)


def test_pairs_are_judged_more_strictly() -> None:
    assert "rotated" in why_no_places(info(r=rotation(0.3)), 640, 360, False, HARMLESS_IN_PAIRS)
    assert why_no_places(info(), 640, 360, False, HARMLESS_IN_PAIRS) == ""


def test_no_numbers_make_it_fail() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        wild = info(distortion_model=str(rng.choice(["plumb_bob", "equidistant", "", "?"])))
        wild.d = [float(each) for each in rng.choice([0.0, -1.0, 1e9, np.nan, np.inf, 0.1], int(rng.integers(16)))]
        for name, size in (("k", 9), ("r", 9), ("p", 12)):
            values = rng.choice([0.0, -1.0, np.nan, np.inf, 300.0, 1e-300], size)
            setattr(wild, name, [float(value) for value in values])
        wild.roi.width, wild.roi.height, wild.width = (int(each) for each in rng.integers(0, 2**32, 3))
        assert isinstance(why_no_places(wild, 640, 360, bool(rng.integers(2))), str)
