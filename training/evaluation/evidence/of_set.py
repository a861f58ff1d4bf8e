"""What a report shows of a labelled set beside its figures, gathered while its pictures are gone through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.scenes import ScoredImage
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.labels import binary_truth
from densehybrid_ros.metrics.ranking import OperatingPoints
from densehybrid_ros.training.datasets.pairs import LabelledSource
from densehybrid_ros.training.evaluation.evidence.frames import DrawnPicture, PictureRanks
from densehybrid_ros.training.evaluation.evidence.gathering import Picture, draw_extremes, evidence
from densehybrid_ros.training.evaluation.pasted_set import file_of


class SetEvidence:
    """Curves, histograms, and the pictures that the first score ranks best and worst."""

    def __init__(self, source: LabelledSource, scores: Sequence[str]) -> None:
        self._source = source
        self._ranks = PictureRanks(scores[0] if scores else "", len(source.classes))

    @property
    def counted(self) -> Mapping[str, PictureRanks]:
        """What `watch` changes."""
        return {"evidence": self._ranks}

    def watch(self, index: int, found: ScoredImage, truth: NDArray[np.uint8]) -> None:
        """One picture, as `evaluate` gives it."""
        self._ranks.add(index, _picture_name(self._source, index), found, truth)

    def figures(
        self, segmenter: Segmenter, points: Mapping[str, OperatingPoints]
    ) -> tuple[dict[str, Any], tuple[DrawnPicture, ...]]:
        """What --json holds of it, and the pictures, for which the network runs once more.

        Args:
            points: of all pixels, by score.
        """
        pictures = draw_extremes(segmenter, self._ranks, points, self._read)
        extremes = [each.figures for each in pictures]
        return {"pictures": self._ranks.pictures, **evidence(segmenter, points), "extremes": extremes}, pictures

    def _read(self, index: int) -> Picture:
        image, truth = self._source.read(index)
        return image, binary_truth(truth, len(self._source.classes))


def _picture_name(source: LabelledSource, index: int) -> str:
    """Of its file; of rendered pictures, that of the set with a number."""
    file = file_of(source, index)
    return file.name if file else f"{source.name} {index}"
