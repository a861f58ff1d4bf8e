"""One matched frame of messages becomes one frame in the table, or is refused with the reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from std_msgs.msg import Header
from stereo_msgs.msg import DisparityImage

from densehybrid_ros.convert.images import image_message
from densehybrid_ros.metrics.by_range import RangeTable
from densehybrid_ros.nodes.evaluator.judging import Counts, Frame, judge

SHAPE = (20, 30)


def arrays(shape: tuple[int, int] = SHAPE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Score, truth and disparity."""
    rng = np.random.default_rng(3)
    truth = rng.choice([0, 1, 255], shape).astype(np.uint8)
    disparity = rng.uniform(-2, 40, shape).astype(np.float32)
    disparity[0, 0] = np.nan
    return rng.normal(0, 1, shape).astype(np.float32), truth, disparity


def disparity_message(values: np.ndarray, **fields: Any) -> DisparityImage:
    given = {"f": 500.0, "t": 0.2, "min_disparity": 4.0, **fields}
    return DisparityImage(image=image_message(values, "32FC1", Header()), **given)


def frame(score: np.ndarray, truth: np.ndarray, disparity: DisparityImage | None) -> Frame:
    return Frame(
        stamp=0,
        score=image_message(score, "32FC1", Header()),
        truth=image_message(truth, "mono8", Header()),
        disparity=disparity,
        number=1,
    )


def test_a_frame_is_counted_with_its_distances() -> None:
    score, truth, disparity = arrays()
    table, expected, counts = RangeTable(), RangeTable(), Counts()
    judge(frame(score, truth, disparity_message(disparity)), table, counts)
    metres = np.where(disparity > 4, np.float32(100) / disparity, np.float32(0))
    expected.add(score, truth, metres)
    assert table.rows() == expected.rows()
    assert counts == Counts(judged=1)


def test_padded_big_endian_rows_are_read() -> None:
    score, truth, _ = arrays()
    made = frame(score, truth, None)
    made.score.is_bigendian = 1
    made.score.data = score.astype(">f4").tobytes()
    padded = np.pad(truth, ((0, 0), (0, 7)), constant_values=1)
    made.truth.step, made.truth.data = 37, padded.tobytes()
    table, expected, counts = RangeTable(), RangeTable(), Counts()
    judge(made, table, counts)
    expected.add(score, truth)
    assert table.rows() == expected.rows()
    assert counts == Counts(judged=1, without_range=1)


@pytest.mark.parametrize("fields", [{"f": 0.0}, {"f": float("nan")}, {"t": -0.2}, {"t": float("inf")}])
def test_a_disparity_without_geometry_gives_no_range(fields: dict[str, float]) -> None:
    score, truth, disparity = arrays()
    table, counts = RangeTable(), Counts()
    judge(frame(score, truth, disparity_message(disparity, **fields)), table, counts)
    assert counts == Counts(judged=1, without_range=1)
    assert all(row.inlier_pixels == 0 for row in table.rows()[1:])


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("score size", "truth must be"),
        ("disparity size", "metres must be"),
        ("score encoding", "score with encoding 'mono8'"),
        ("truth encoding", "truth with encoding '8UC1'"),
        ("disparity encoding", "disparity with encoding '16UC1'"),
        ("truncated", "truncated"),
        ("class ids", "but holds 11"),
        ("not finite", "not finite"),
    ],
)
def test_what_cannot_be_judged_is_refused_whole(kind: str, problem: str) -> None:
    score, truth, disparity = arrays()
    made = frame(score, truth, disparity_message(disparity))
    if kind == "score size":
        made = frame(score[:, 1:], truth, None)
    elif kind == "disparity size":
        made = frame(score, truth, disparity_message(disparity[:10]))
    elif kind == "score encoding":
        made.score.encoding = "mono8"
    elif kind == "truth encoding":
        made.truth.encoding = "8UC1"
    elif kind == "disparity encoding":
        assert made.disparity
        made.disparity.image.encoding = "16UC1"
    elif kind == "truncated":
        made.score.data = made.score.data[:-1]
    elif kind == "class ids":
        made = frame(score, np.where(truth == 1, np.uint8(11), truth), None)
    elif kind == "not finite":
        made = frame(np.full_like(score, np.nan), truth, None)
    table, counts = RangeTable(), Counts()
    with pytest.raises(ValueError, match=problem):
        judge(made, table, counts)
    assert counts == Counts()
    assert table.rows()[0].inlier_pixels == 0
