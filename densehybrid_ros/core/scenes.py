"""What a segmenter says of images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Scene:
    """What the segmenter says of one image, at the image's own size, or at that at which the network saw it.

    Parts that were not asked for are (0, 0).
    """

    semantic: NDArray[np.uint8]
    """(H, W), 0..K−1."""
    score: NDArray[np.float32]
    """(H, W), higher = more anomalous; nats for the hybrid score."""
    open_set: NDArray[np.uint8]
    """(H, W), the semantic map with K where score ≥ threshold."""
    threshold: float

    def relabelled(self, threshold: float, unknown: int) -> Scene:
        """The same answer at another threshold; semantic map and score must be there.

        Args:
            unknown: K.
        """
        # torch compares in the score's own precision, too
        is_unknown = self.score >= np.float32(threshold)
        return Scene(self.semantic, self.score, np.where(is_unknown, np.uint8(unknown), self.semantic), threshold)

    def enlarged(self, height: int, width: int) -> Scene:
        """The same answer at the image's size, px: of each pixel the nearest, so that ids stay ids."""

        def larger(values: NDArray[Any]) -> NDArray[Any]:
            if not values.size or values.shape == (height, width):
                return values
            return cv2.resize(values, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)

        return Scene(larger(self.semantic), larger(self.score), larger(self.open_set), self.threshold)


NOTHING = Scene(np.empty((0, 0), np.uint8), np.empty((0, 0), np.float32), np.empty((0, 0), np.uint8), 0.0)
"""A scene of which no part was asked for."""


@dataclass(frozen=True)
class ScoredImage:
    """Several scores of one image, at the image's own size, for evaluation."""

    scores: dict[str, NDArray[np.float32]]
    """(H, W) by name."""
    semantic: NDArray[np.uint8]
    """(H, W), 0..K−1; (0, 0) where it was not asked for."""


@dataclass(frozen=True)
class Answer:
    """What the segmenter says of a batch."""

    scenes: tuple[Scene, ...]
    """One for each image, in their order."""
    stage_ms: Mapping[str, float]
    """Time that upload, infer and postprocess took, ms; empty where no part was asked for."""
