"""What is asked of weights, and what comes of it: what every protocol takes and gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.models.checkpoint import BUNDLED
from densehybrid_ros.training.batches.negative_set import NegativeSet
from densehybrid_ros.training.datasets import labelled_set
from densehybrid_ros.training.datasets.dataset import DataSet
from densehybrid_ros.training.datasets.pairs import LabelledSource
from densehybrid_ros.training.evaluation.pasted_set import PastedSet


@dataclass(frozen=True)
class Task:
    """Weights, and the data set that they are evaluated on."""

    dataset: DataSet
    scores: list[str]
    root: Path | None = None
    """None: the set's own rendered pictures."""
    split: str | None = None
    """None: the one on which results are reported."""
    negatives: tuple[str, str] | None = None
    """Folder and split of negatives that are pasted into every picture."""
    by_range: bool = False
    """Also by distance."""
    weights: str = ""
    """A .safetensors file; "" = the bundled weights."""
    device: str = "auto"
    inference_width: int = 0

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
        return PastedSet(source, NegativeSet(Path(root), split))

    def _own_pictures(self) -> LabelledSource:
        if self.root is None and self.dataset.rendered is not None:
            return self.dataset.rendered()
        return labelled_set(self.dataset.name, self.folder, self.chosen_split)

    def segmenter(self) -> Segmenter:
        """The weights, ready to run."""
        return Segmenter.load(self.weights, self.device, "fp32", self.inference_width)


@dataclass(frozen=True)
class Report:
    """The figures of a task."""

    figures: dict[str, Any]
    """As they are written to --json."""
    text: str
    """As lines for a terminal."""


@dataclass(frozen=True)
class Protocol:
    """How a data set is evaluated."""

    examine: Callable[[Task], Report]
    pool: type[RankingPool] = RankingPool
    """How pixels of several pictures are ranked, also while a run goes on."""
