"""How well whole things are found: components of the prediction against components of the truth.

After Chan et al., "SegmentMeIfYouCan" (2021), section 4.2, and as the benchmark's public code counts: neighbours touch
at edges or corners; small components of the prediction are dropped and those of the truth ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.labels import IGNORE, OUTLIER
from densehybrid_ros.metrics.figures import Figures, figure
from densehybrid_ros.metrics.tensors import Array, on_host

OVERLAPS = np.linspace(0.25, 0.75, 11)
"""τ: what counts as found, and over which F1 is averaged."""


@dataclass(frozen=True)
class ComponentSizes:
    """px; smaller components do not count."""

    predicted: int
    truth: int


@dataclass(frozen=True)
class ComponentOverlaps:
    """Of the components of any number of pictures."""

    truth: NDArray[np.float64]
    """(T,) adjusted IoU of each true component with all that is predicted there."""
    predicted: NDArray[np.float64]
    """(P,) share of each predicted component that is anomalous."""

    @classmethod
    def together(cls, several: Sequence[ComponentOverlaps]) -> ComponentOverlaps:
        nothing = np.zeros(0)
        return cls(
            np.concatenate([nothing, *(each.truth for each in several)]),
            np.concatenate([nothing, *(each.predicted for each in several)]),
        )


def component_overlaps(found: Array, truth: Array, sizes: ComponentSizes) -> ComponentOverlaps:
    """Of one picture.

    The union of sIoU leaves out what is predicted of other true components, so that one prediction over two things is
    not held against either.

    Args:
        found: (H, W) bool, taken for anomalous; an array or a tensor.
        truth: (H, W), 0 inlier, 1 anomaly, 255 ignored; the same.
    """
    labels = on_host(truth)
    true = _components(labels == OUTLIER)
    predicted = _components(on_host(found) & (labels != IGNORE))
    predicted[_smaller(predicted, sizes.predicted)] = 0
    counted = (labels != IGNORE) & ~_smaller(true, sizes.truth)
    pairs = _pairs(true[counted], predicted[counted])
    things = pairs[1:, 1:]
    thing_sizes, prediction_sizes = pairs[1:].sum(1), pairs[:, 1:].sum(0)
    touching = things > 0
    intersection = things.sum(1)
    of_others = touching @ things.sum(0) - intersection
    union = touching @ prediction_sizes + thing_sizes - intersection - of_others
    there, kept = thing_sizes > 0, prediction_sizes > 0
    return ComponentOverlaps(intersection[there] / union[there], things.sum(0)[kept] / prediction_sizes[kept])


def drawn_components(pictures: Sequence[ComponentOverlaps], draws: NDArray[np.int64]) -> list[Components]:
    """The figures of each draw (B, P), of the overlaps of P pictures."""
    together = ComponentOverlaps.together(pictures)
    places = np.arange(len(pictures))
    of_truth = np.repeat(places, [each.truth.size for each in pictures])
    of_predicted = np.repeat(places, [each.predicted.size for each in pictures])
    return [
        Components.of(
            ComponentOverlaps(
                np.repeat(together.truth, often[of_truth]), np.repeat(together.predicted, often[of_predicted])
            )
        )
        for often in draws
    ]


def _components(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """(H, W) number of the component of each pixel; 0 = none."""
    return cv2.connectedComponents(mask.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)[1]


def _smaller(components: NDArray[np.int32], size: int) -> NDArray[np.bool_]:
    """(H, W), in a component of fewer pixels."""
    small = np.bincount(components.ravel()) < size
    small[0] = False
    return small[components]


def _pairs(true: NDArray[np.int32], predicted: NDArray[np.int32]) -> NDArray[np.int64]:
    """Pixels in each true (rows) and each predicted component (columns); 0 is none."""
    columns = int(predicted.max(initial=0)) + 1
    rows = int(true.max(initial=0)) + 1
    pairs = np.bincount(true.astype(np.int64) * columns + predicted, minlength=rows * columns)
    return pairs.reshape(rows, columns)


def mean_siou(overlaps: ComponentOverlaps) -> float:
    """Mean adjusted IoU of the true components; nan where there are none."""
    return float(overlaps.truth.mean()) if overlaps.truth.size else float("nan")


def mean_ppv(overlaps: ComponentOverlaps) -> float:
    """Mean share of anomalous pixels in the predicted components; nan where there are none."""
    return float(overlaps.predicted.mean()) if overlaps.predicted.size else float("nan")


def mean_f1(overlaps: ComponentOverlaps) -> float:
    """F1 of components found (sIoU ≥ τ) and predicted in vain (PPV < τ), averaged over τ; nan where there are none."""
    scores: list[float] = []
    for overlap in OVERLAPS:
        hits = int((overlaps.truth >= overlap).sum())
        misses, false = overlaps.truth.size - hits, int((overlaps.predicted < overlap).sum())
        scores.append(2 * hits / (2 * hits + misses + false) if hits + misses + false else float("nan"))
    return float(np.mean(scores))


@dataclass(frozen=True)
class Components(Figures):
    """How well whole things are found, at one threshold."""

    siou: float = figure("sIoU", mean_siou)
    ppv: float = figure("PPV", mean_ppv)
    f1: float = figure("F1*", mean_f1)
