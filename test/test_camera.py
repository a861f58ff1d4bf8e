"""The numbers of a camera, each in its place: fx across and fy down."""

from __future__ import annotations

import numpy as np
import pytest

from densehybrid_ros.camera import (
    Pinhole,
    camera_matrix,
    disparity_of,
    ground_depth,
    project,
    projection_matrix,
    right_shift,
)

CAMERA = Pinhole(600.0, 480.0, 310.0, 170.0, baseline=0.25, width=640, height=360, height_above_road=1.5)
"""Its pixels are wider than high."""


def test_points_are_projected_by_the_matrices_of_a_camera_info() -> None:
    point = np.array([0.7, -0.4, 9.0])
    place = project(CAMERA, *point)
    for matrix in (
        np.reshape(camera_matrix(CAMERA), (3, 3)),
        np.reshape(projection_matrix(CAMERA, 0.0), (3, 4))[:, :3],
    ):
        across, down, depth = matrix @ point
        assert place == pytest.approx((across / depth, down / depth))


def test_the_right_camera_sees_a_point_by_its_disparity_to_the_left() -> None:
    left, _ = project(CAMERA, 0.7, -0.4, 9.0)
    across, _, depth = np.reshape(projection_matrix(CAMERA, right_shift(CAMERA)), (3, 4)) @ [0.7, -0.4, 9.0, 1.0]
    assert left - across / depth == pytest.approx(disparity_of(CAMERA, np.array([9.0], np.float32))[0])
    assert disparity_of(CAMERA, np.array([np.inf], np.float32))[0] == 0


def test_the_road_is_seen_where_its_points_are_projected_to() -> None:
    depth = ground_depth(CAMERA)
    assert np.isinf(depth[:171]).all()
    for row in (171, 200, 359):
        assert project(CAMERA, 0.0, CAMERA.height_above_road, float(depth[row]))[1] == pytest.approx(row)
