import numpy as np
import pytest

from densehybrid_ros.core.drawing.draw import UNKNOWN_COLOUR
from densehybrid_ros.core.drawing.legend import LEGEND_SHARE, Legend, add_legend


@pytest.mark.parametrize("width", [640, 1280, 1920])
def test_the_legend_shows_every_colour_within_the_upper_edge(width: int) -> None:
    colours = [(20 * index, 255 - 20 * index, 128) for index in range(12)]
    picture = np.full((width * 9 // 16, width, 3), 200, np.uint8)
    add_legend(picture, (*((f"class {index}", colour) for index, colour in enumerate(colours)), ("a note", None)))
    rows = np.flatnonzero((picture != 200).any(axis=(1, 2)))
    assert (rows.min(), rows.max()) == (0, len(rows) - 1)
    assert len(rows) <= len(picture) * LEGEND_SHARE
    dimmed = int(200 * 0.35)
    for red, green, blue in colours:
        wanted = np.minimum(np.array([red, green, blue]) + dimmed, 255)
        assert (np.abs(picture.astype(int) - wanted) <= 1).all(axis=2).sum() > 30
    right = picture[: len(rows), -3:].reshape(-1, 3)
    assert (right == right[0]).all(), "cut off"


def test_a_small_picture_has_no_legend() -> None:
    picture = np.full((96, 160, 3), 200, np.uint8)
    add_legend(picture, tuple((f"class {index}", (1, 2, 3)) for index in range(12)))
    assert (picture == 200).all()


def test_it_explains_what_has_been_seen_and_what_is_unknown() -> None:
    legend = Legend(["road", "car", "train"], [[1, 1, 1], [2, 2, 2], [3, 3, 3]], "a note")
    always = (("unknown", UNKNOWN_COLOUR), ("a note", None))
    road, car = ("road", (1, 1, 1)), ("car", (2, 2, 2))
    labels = np.zeros((240, 320), np.uint8)
    assert legend.entries(labels) == (road, *always)
    labels[:16, :16] = 1  # 0.3 % of the picture
    labels[100:] = 3  # unknown
    assert legend.entries(labels) == (road, *always)
    labels[:] = 1
    assert legend.entries(labels) == (road, car, *always)
    labels[:] = 255
    assert legend.entries(labels) == (road, car, *always)
