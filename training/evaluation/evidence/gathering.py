"""What a report shows of one run beside its figures, for the protocols to add to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.metrics.ranking import OperatingPoints, best_f1
from densehybrid_ros.training.evaluation.evidence.curves import curve, histogram
from densehybrid_ros.training.evaluation.evidence.frames import DrawnPicture, PictureRanks, drawn

HYBRID = "hybrid"
TARGETS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
"""True-positive rates at which a report tries the calibration, where none are asked for."""
Picture: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""RGB (H, W, 3) and binary truth (H, W)."""


def evidence(segmenter: Segmenter, points: Mapping[str, OperatingPoints]) -> dict[str, Any]:
    """JSON-able, by score: the curve, the histogram, and the threshold in use, if the weights have one for it."""
    return {
        "thresholds": {name: round(segmenter.default_threshold(name), 5) for name in points if _has(segmenter, name)},
        "curves": {name: curve(each) for name, each in points.items()},
        "histograms": {name: histogram(each) for name, each in points.items()},
    }


def _has(segmenter: Segmenter, score: str) -> bool:
    """Whether there is a threshold for it, and not for the hybrid score alone."""
    return score == HYBRID or score in segmenter.info.calibration


def draw_extremes(
    segmenter: Segmenter,
    ranks: PictureRanks | None,
    points: Mapping[str, OperatingPoints],
    read: Callable[[int], Picture],
) -> tuple[DrawnPicture, ...]:
    """The best and the worst pictures, at the threshold in use; without one, at that of the best F1.

    Args:
        points: of all pixels, by score.
        read: gives the picture of an index.
    """
    if ranks is None or ranks.score not in points:
        return ()
    score = ranks.score
    threshold = segmenter.default_threshold(score) if _has(segmenter, score) else best_f1(points[score])[1]
    return tuple(
        drawn(segmenter, picture, among, *read(picture.index), score, threshold)
        for among, picture in ranks.best_and_worst()
    )
