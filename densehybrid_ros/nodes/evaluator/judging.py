"""Messages of one matched frame → one more frame in the table, and the counts of what became of all frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image
from stereo_msgs.msg import DisparityImage

from densehybrid_ros.convert.images import FrameError, array_from_image
from densehybrid_ros.convert.ranges import disparity_from_message
from densehybrid_ros.metrics.by_range import RangeTable, range_of_disparity
from densehybrid_ros.nodes.evaluator.truth_matching import MatchedFrame

Frame = MatchedFrame[Image, DisparityImage]


@dataclass
class Counts:
    """What became of the frames."""

    judged: int = 0
    refused: int = 0
    """Could not be judged."""
    without_range: int = 0
    """Judged, but without any distance: in the overall row alone."""


def judge(frame: Frame, table: RangeTable, counts: Counts) -> None:
    """Adds the frame to the table.

    Raises:
        FrameError, ValueError: encoding, layout, size or values of a message cannot be used; nothing is added.
    """
    score, truth = _pixels(frame.score, "32FC1", "score"), _pixels(frame.truth, "mono8", "truth")
    metres = None if frame.disparity is None else _metres(frame.disparity)
    table.add(score.view(np.float32), truth.view(np.uint8), metres)
    counts.judged += 1
    counts.without_range += metres is None


def counts_dict(counts: Counts, unmatched: int, repeated: int, waiting: int) -> dict[str, Any]:
    """JSON-able."""
    return {**vars(counts), "unmatched": unmatched, "repeated": repeated, "waiting": waiting}


def _pixels(message: Image, encoding: str, name: str) -> NDArray[np.generic]:
    if message.encoding != encoding:
        raise FrameError(f"{name} with encoding '{message.encoding}' is not supported; it must be {encoding}")
    return array_from_image(message)


def _metres(message: DisparityImage) -> NDArray[np.float32] | None:
    """(H, W) m; None where the message's f or t tells no distance."""
    if not (math.isfinite(message.f) and math.isfinite(message.t) and message.f > 0 and message.t > 0):
        return None
    found = disparity_from_message(message)
    return range_of_disparity(found.values, found.focal_length, found.baseline, found.min_disparity)
