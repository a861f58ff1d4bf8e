"""What is asked of weights, and what comes of it: what every protocol takes and gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.models.checkpoint import BUNDLED
from densehybrid_ros.training.baselines.loading import loaded_with_baselines
from densehybrid_ros.training.baselines.settings import PUBLISHED, ScoreSettings
from densehybrid_ros.training.batches.negative_set import NegativeSet
from densehybrid_ros.training.datasets import labelled_set
from densehybrid_ros.training.datasets.dataset import DataSet
from densehybrid_ros.training.datasets.pairs import LabelledSource
from densehybrid_ros.training.evaluation.evidence.frames import DrawnPicture
from densehybrid_ros.training.evaluation.pasted_set import PastedSet


@dataclass(frozen=True)
class Task:
    """Weights, and the data set that they are evaluated on."""

    dataset: DataSet
    scores: list[str]
    """Those that are asked for; none = the segmentation alone."""
    segmentation: bool = True
    """Whether that is asked for."""
    root: Path | None = None
    """None: the set's own rendered pictures."""
    split: str | None = None
    """None: the one on which results are reported."""
    components: bool = False
    """Also whole things, found or not."""
    target_tpr: tuple[float, ...] = ()
    """Rates in 0..1 at which the calibration of the weights is tried."""
    fpr_at: tuple[float, ...] = ()
    """True-positive rates in 0..1 at which false-positive rates are given, by every convention."""
    open_set: bool = True
    """Also classes and anomalies together, where the set labels both."""
    intervals: int = 0
    """How many sets are drawn of the pictures to give each figure an interval; 0 = none."""
    negatives: tuple[str, str] | None = None
    """Folder and split of negatives that are pasted into every picture."""
    overlays: Path | None = None
    """Folder for pictures with the open-set map over them."""
    by_range: bool = False
    """Also by distance."""
    per_picture: bool = False
    """Each picture is ranked by itself, as StreetHazards' pictures always are."""
    report: bool = False
    """Also what a report shows beside the figures: curves, histograms, the best and worst pictures."""
    weights: str = ""
    """A .safetensors file; "" = the bundled weights."""
    device: str = "auto"
    inference_width: int = 0
    engine: str = "torch"
    """Of ENGINES."""
    precision: str = "fp32"
    """Of the network: auto, fp32, fp16, bf16."""
    statistics: Path | None = None
    """Of `densehybrid fit-score`; None: what lies beside the weights."""
    score_settings: ScoreSettings = PUBLISHED
    processes: int = 1
    """That look at pictures; on CUDA one per GPU."""
    workers: int = 0
    """Threads that read pictures ahead, of one process."""
    resume: Path | None = None
    """Folder in which it is kept what has been measured, for a run that goes on after this one was broken off."""

    @property
    def weights_name(self) -> str:
        return self.weights or BUNDLED.name

    @property
    def chosen_split(self) -> str:
        return self.dataset.reported if self.split is None else self.split

    @property
    def folder(self) -> Path:
        """
        Raises:
            SetupError: none was given.
        """
        if self.root is None:
            raise SetupError(f"protocol {self.dataset.name} needs --root, the folder of the data set")
        return self.root

    def pictures(self) -> LabelledSource:
        """The pictures of the set, with the negatives in them.

        Raises:
            SetupError: files are missing, or nothing can be pasted into the set.
        """
        source = self._own_pictures()
        if self.negatives is None:
            return source
        root, split = self.negatives
        return PastedSet(source, NegativeSet([Path(root)], split))

    def _own_pictures(self) -> LabelledSource:
        if self.root is None and self.dataset.rendered is not None:
            return self.dataset.rendered()
        return labelled_set(self.dataset.name, self.folder, self.chosen_split)

    @cached_property
    def segmenter(self) -> Segmenter:
        """The weights, ready to run, with the baselines that are asked for.

        Raises:
            SetupError: a baseline needs statistics, and there are none or those of other weights.
        """
        return self.loading()

    @property
    def loading(self) -> partial[Segmenter]:
        """Gives the segmenter; can be sent to other processes, which may name a device of their own."""
        return partial(
            loaded_with_baselines,
            self.weights,
            self.scores,
            device=self.device,
            inference_width=self.inference_width,
            engine=self.engine,
            precision=self.precision,
            statistics=self.statistics,
            settings=self.score_settings,
        )


@dataclass(frozen=True)
class Report:
    """The figures of a task."""

    figures: dict[str, Any]
    """As they are written to --json."""
    text: str
    """As lines for a terminal."""
    pictures: tuple[DrawnPicture, ...] = ()
    """The best and the worst, where a report was asked for."""


@dataclass(frozen=True)
class Protocol:
    """How a data set is evaluated."""

    examine: Callable[[Task], Report]
    pool: type[RankingPool] = RankingPool
    """How pixels of several pictures are ranked, also while a run goes on."""
