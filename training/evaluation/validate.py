"""One network on a labelled set: every score's ranking of the anomalies, and the segmentation of the closed set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.scenes import ScoredImage
from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import INLIER, OUTLIER, binary_truth, relabelled
from densehybrid_ros.metrics.bootstrap import draws
from densehybrid_ros.metrics.cells import COARSE
from densehybrid_ros.metrics.picture_scores import MEMORY, PictureScores
from densehybrid_ros.metrics.ranking import OperatingPoints, Ranking
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.metrics.score_sketch import KEPT_PIXELS
from densehybrid_ros.metrics.segmentation import ConfusionMatrix, Segmentation, class_iou, drawn_confusions
from densehybrid_ros.taxonomies import BINARY_CLASSES, prediction_table
from densehybrid_ros.training.datasets.pairs import LabelledSource
from densehybrid_ros.training.evaluation.pasted_set import file_of
from densehybrid_ros.training.evaluation.rounds.looks import InTurn
from densehybrid_ros.training.evaluation.rounds.reading import PictureReader
from densehybrid_ros.training.evaluation.rounds.rounds import Rounds

HYBRID = "hybrid"
SCORE_PARTS = ("likelihood", "posterior")
"""Of the hybrid score."""
KEPT, KEPT_OF_FOLD = 1 << 23, 1 << 22
"""Pixels of all scores together, and of those of one fold, that are ranked exactly: so many scores take no more memory
than few."""
PICTURE_BYTES = 1 << 27
"""For the pictures of all scores together that are to be drawn anew."""


class Watcher(Protocol):
    """Also gets every picture, one after the other."""

    @property
    def counted(self) -> Mapping[str, Any]:
        """What `watch` changes, as `Rounds.go` takes it."""
        ...

    def watch(self, index: int, found: ScoredImage, truth: NDArray[np.uint8]) -> None:
        """The index of a picture, what the segmenter says of it and its open-set truth (H, W)."""
        ...


@dataclass(frozen=True)
class Drawn:
    """Figures of B sets that are drawn of the P pictures, with replacement."""

    draws: NDArray[np.int64]
    """(B, P) how often each picture is in each of them."""
    rankings: dict[str, list[Ranking]]
    confusions: list[ConfusionMatrix]
    """Empty where the set has no classes."""
    pictures: dict[str, PictureScores]
    """By score, as `rankings`."""


@dataclass(frozen=True)
class Evaluation:
    """Figures in 0..1 over all pixels of the set, void ignored."""

    rankings: dict[str, Ranking]
    """By score; empty where the set holds no anomalies."""
    points: dict[str, OperatingPoints]
    """By score, over all pixels together."""
    segmentation: Segmentation
    """nan where the set has no classes."""
    class_iou: dict[str, float]
    score_parts: dict[str, float]
    """Mean of −ln p̂ and of ln P(d_out) over inliers and over anomalies: the scale of both parts of the hybrid score;
    empty where that is not asked for."""
    fold_points: tuple[dict[str, OperatingPoints], ...] = ()
    """By fold and score, where folds are asked for and the fold holds both kinds of pixels."""
    drawn: Drawn | None = None
    """The same of sets drawn of the pictures, where intervals are asked for."""


def evaluate(
    segmenter: Segmenter,
    dataset: LabelledSource,
    scores: Sequence[str] = tuple(SCORES),
    stride: int = 1,
    progress: bool = True,
    pool: type[RankingPool] = RankingPool,
    segmentation: bool = True,
    folds: Sequence[int] = (),
    intervals: int = 0,
    watcher: Watcher | None = None,
    rounds: Rounds | None = None,
) -> Evaluation:
    """Runs the network over every `stride`-th picture at the size of its labels.

    Where the weights have other classes than the set and a map between the two is built in, what they see is read in
    the classes of the set. What is not asked for is not computed.

    Args:
        pool: how the pixels of several pictures are ranked.
        segmentation: of sets with classes; else its figures are nan.
        folds: 0, 1, … for each picture of the set: each fold has points of its own as well.
        intervals: how many sets are drawn of the pictures, to tell how far each figure is to be trusted.
        watcher: also gets every picture.
        rounds: how the pictures are gone through; None = by `segmenter`, in this process.

    Raises:
        SetupError: the set has classes, and others than the weights, and no map between them is built in; or a score
            is not finite.
    """
    table = None if dataset.classes == BINARY_CLASSES else predictions(segmenter, dataset)
    indices = range(0, len(dataset), stride)
    pictures = len(indices) if intervals else 0
    judge = Judge(
        scores, pool, len(dataset.classes), table if segmentation else None, max(folds, default=-1) + 1, pictures
    )
    rounds = rounds or Rounds(InTurn(segmenter, PictureReader(dataset)), progress=progress)
    counted = {"judge": judge, **(watcher.counted if watcher else {})}
    for look in rounds.go("pictures", indices, judge.needed, judge.table is not None, counted):
        picture = file_of(dataset, look.index) or f"picture {look.index} of {dataset.name}"
        judge.add(look.found, look.truth, folds[look.index] if folds else None, str(picture))
        if watcher is not None:
            watcher.watch(look.index, look.found, look.truth)
    return judge.evaluation(dataset.classes, intervals)


def kept_of_each(together: int, scores: int) -> int:
    """Pixels that each of so many scores may keep."""
    return min(KEPT_PIXELS, together // max(scores, 1))


def picture_bytes_of_each(scores: int) -> int:
    """For the pictures of each of so many scores."""
    return min(MEMORY, PICTURE_BYTES // max(scores, 1))


@contextmanager
def ranked(picture: str, score: str) -> Iterator[None]:
    """Turns what a ranking refuses into a SetupError that names the picture."""
    try:
        yield
    except ValueError as error:
        raise SetupError(f"{picture} cannot be judged by score {score}: {error}") from error


def predictions(segmenter: Segmenter, dataset: LabelledSource) -> NDArray[np.uint8]:
    """(256,) class of the weights → class of the set.

    Raises:
        SetupError: no map between the two is built in.
    """
    table = prediction_table(segmenter.info.classes, dataset.classes)
    if table is None:
        raise SetupError(
            f"the weights know {len(segmenter.info.classes)} classes ({', '.join(segmenter.info.classes)}), but "
            f"{dataset.name} has {len(dataset.classes)}; give weights trained for its taxonomy"
        )
    return table


class Judge:
    """Collects what is asked of the answers to labelled pictures."""

    def __init__(
        self,
        scores: Sequence[str],
        pool: type[RankingPool],
        classes: int,
        table: NDArray[np.uint8] | None,
        folds: int = 0,
        pictures: int = 0,
    ) -> None:
        """`pictures`: how many will come, where they are to be drawn anew."""
        self.classes, self.table = classes, table
        """Class of the weights → that of the set; None: the segmentation is not judged."""
        self._pictures = pictures
        kept, kept_of_fold = (kept_of_each(together, len(scores)) for together in (KEPT, KEPT_OF_FOLD))
        own = picture_bytes_of_each(len(scores))
        self._pools = {name: pool(kept, pictures, picture_bytes=own) for name in scores}
        self._folds = [{name: RankingPool(kept_of_fold, resolution=COARSE) for name in scores} for _ in range(folds)]
        self._confusion = ConfusionMatrix(classes)
        self._confusions: list[NDArray[np.int64]] = []
        """Counts of every picture."""
        self._parts: dict[str, list[float]] = {}

    @property
    def needed(self) -> list[str]:
        """Scores that `add` takes."""
        return list(dict.fromkeys([*self._pools, *(SCORE_PARTS if HYBRID in self._pools else ())]))

    def add(
        self, found: ScoredImage, truth: NDArray[np.uint8], fold: int | None = None, name: str = "the picture"
    ) -> None:
        """Adds one picture with its open-set truth (H, W), which may be of a fold; `name` is for errors.

        Raises:
            SetupError: a score is not finite.
        """
        anomalies = binary_truth(truth, self.classes)
        if self.table is not None:
            self._add_classes(relabelled(found.semantic, self.table), truth)
        for score, each in self._pools.items():
            with ranked(name, score):
                each.add(found.scores[score], anomalies)
            if fold is not None:
                self._folds[fold][score].add(found.scores[score], anomalies)
        if HYBRID in self._pools:
            for part, value in _part_means(found.scores, anomalies).items():
                self._parts.setdefault(part, []).append(value)

    def _add_classes(self, predicted: NDArray[np.uint8], truth: NDArray[np.uint8]) -> None:
        own = ConfusionMatrix(self.classes)
        own.add(predicted, truth)
        self._confusion.counts += own.counts
        self._confusions.append(own.counts)

    def evaluation(self, names: Sequence[str], intervals: int = 0) -> Evaluation:
        """The figures of all pictures; `names` are those of the classes, `intervals` is how many sets are drawn."""
        judged = _with_both_kinds(self._pools)
        iou = [] if self.table is None else class_iou(self._confusion).tolist()
        return Evaluation(
            rankings={name: each.result() for name, each in judged.items()},
            points=_points_of(judged),
            segmentation=Segmentation.of(self._confusion),
            class_iou=dict(zip(names, iou, strict=False)),
            score_parts={name: float(np.mean(values)) for name, values in self._parts.items()},
            fold_points=tuple(_points_of(_with_both_kinds(pools)) for pools in self._folds),
            drawn=self._drawn(judged, intervals) if intervals else None,
        )

    def _drawn(self, judged: Mapping[str, RankingPool], intervals: int) -> Drawn:
        chosen = draws(self._pictures, intervals)
        return Drawn(
            chosen,
            {name: each.drawn(chosen) for name, each in judged.items()},
            drawn_confusions(self._confusions, chosen) if self._confusions else [],
            {name: each.pictures for name, each in judged.items() if each.pictures},
        )


def _with_both_kinds(pools: Mapping[str, RankingPool]) -> dict[str, RankingPool]:
    return {name: each for name, each in pools.items() if each.has_both_kinds()}


def _points_of(pools: Mapping[str, RankingPool]) -> dict[str, OperatingPoints]:
    return {name: each.points() for name, each in pools.items()}


def _part_means(scores: Mapping[str, NDArray[np.float32]], anomalies: NDArray[np.uint8]) -> dict[str, float]:
    """Part of the score and kind of pixel, as in "posterior_anomaly" → its mean in one picture that has the kind."""
    means: dict[str, float] = {}
    for part in SCORE_PARTS:
        for kind, id_ in (("inlier", INLIER), ("anomaly", OUTLIER)):
            chosen = scores[part][anomalies == id_]
            if chosen.size:
                means[f"{part}_{kind}"] = float(chosen.mean())
    return means
