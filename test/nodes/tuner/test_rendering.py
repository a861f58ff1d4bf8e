"""What is seen in each view, and that files are what they say."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from densehybrid_ros.core.drawing.draw import UNKNOWN_COLOUR
from densehybrid_ros.core.scenes import Scene
from densehybrid_ros.nodes.tuner.frames import Frame
from densehybrid_ros.nodes.tuner.rendering import VIEWS, Style, caption, drawn, encoded

PALETTE = [[10, 20, 30], [40, 200, 60]]
UNKNOWN = 2
OBSTACLE = {"id": 7, "range": 23.44, "closing_speed": 4.0, "box": [80, 80, 40, 20], "score": 3.0}


@pytest.fixture
def frame() -> Frame:
    """(60, 100), of an image of twice the size; unknown in rows 40 to 50 and columns 40 to 60."""
    semantic = np.zeros((60, 100), np.uint8)
    semantic[:, 50:] = 1
    score = np.full((60, 100), -2.0, np.float32)
    score[40:50, 40:60] = 3.0
    open_set = np.where(score >= 0, np.uint8(UNKNOWN), semantic)
    picture = np.full((60, 100, 3), 100, np.uint8)
    return Frame("", 1, picture, Scene(semantic, score, open_set, 0.0), (200, 120), 0.0, {"obstacles": [OBSTACLE]})


def test_classes_are_the_palette_and_the_overlay_a_mixture(frame: Frame) -> None:
    style = Style(PALETTE, alpha=0.5)
    classes = drawn(frame, "classes", style)
    assert classes[5, 5].tolist() == PALETTE[0]
    assert classes[5, 90].tolist() == PALETTE[1]
    overlay = drawn(frame, "overlay", style)
    assert overlay[5, 90].tolist() == pytest.approx([70, 150, 80], abs=1)
    assert overlay[45, 45].tolist() == pytest.approx([(100 + each) // 2 for each in UNKNOWN_COLOUR], abs=1)
    assert overlay[40, 45].min() > 230  # the white outline


def test_the_heat_map_rises_with_the_score_and_outlines_what_is_unknown(frame: Frame) -> None:
    picture = drawn(frame, "heat", Style(PALETTE, heat_range=(-2.0, 3.0))).astype(int)
    assert picture[45, 50].sum() > picture[5, 5].sum() + 200
    assert picture[40, 50].min() > 230


def test_the_plain_picture_has_nothing_drawn_over_it(frame: Frame) -> None:
    np.testing.assert_array_equal(drawn(frame, "picture", Style(PALETTE)), frame.picture)


def test_another_threshold_draws_the_masks_anew(frame: Frame) -> None:
    plain = drawn(frame, "overlay", Style(PALETTE, 1.0, threshold=5.0))
    assert not (plain == UNKNOWN_COLOUR).all(2).any()
    all_unknown = drawn(frame, "overlay", Style(PALETTE, 1.0, threshold=-9.0))
    assert (all_unknown == UNKNOWN_COLOUR).all()


def test_a_frame_is_not_changed_by_drawing_it(frame: Frame) -> None:
    before = frame.picture.copy()
    for view in VIEWS:
        drawn(frame, view, Style(PALETTE))
    np.testing.assert_array_equal(frame.picture, before)


def test_obstacles_at_the_rim_are_drawn(frame: Frame) -> None:
    for box in ([190, 110, 100, 100], [0, 0, 1, 1], [199, 119, 1, 1]):
        edge = Frame("", 1, frame.picture, frame.scene, frame.size, 0.0, {"obstacles": [{**OBSTACLE, "box": box}]})
        assert drawn(edge, "overlay", Style(PALETTE)).shape == (60, 100, 3)


def test_captions_say_what_is_known() -> None:
    assert caption(OBSTACLE) == "#7  23.4 m  +4.0 m/s"
    assert caption({"id": 1, "range": None, "closing_speed": None}) == "#1  no range"


def test_files_hold_the_picture(frame: Frame) -> None:
    picture = drawn(frame, "classes", Style(PALETTE))
    read = cv2.imdecode(np.frombuffer(encoded(picture, "png", 80), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(read[..., ::-1], picture)
    assert encoded(picture, "jpeg", 80).startswith(b"\xff\xd8")
