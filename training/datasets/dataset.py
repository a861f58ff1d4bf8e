"""All that is known of a data set before one of its files is read: one `DataSet` each, beside its adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import label_table
from densehybrid_ros.training.datasets.listing import Listing
from densehybrid_ros.training.datasets.pairs import LabelledSet, LabelledSource
from densehybrid_ros.training.datasets.taxonomies import BINARY, Taxonomy


@dataclass(frozen=True)
class LabelIds:
    """What the ids in the label maps of a set stand for."""

    table: NDArray[np.uint8]
    """(256,) id → open-set truth: 0..K−1, K = unknown, 255 = ignore."""
    known: frozenset[int]
    """Ids that may stand in the files."""


@dataclass(frozen=True)
class DataSet:
    """Opens a data set, and says what its pictures may be used for."""

    name: str
    layout: str
    """What lies below its folder, as docs/datasets.md says it."""
    files: Callable[[Path, str], Listing]
    """(root, split) → its files; SetupError where folders are missing."""
    ids: Callable[[Path], LabelIds]
    """root → what the ids in its label maps stand for."""
    taxonomy: Taxonomy = BINARY
    splits: tuple[str, ...] = ()
    """None where the set is one whole."""
    folders: tuple[str, ...] = ()
    """Of which at least one is there where a split is; {} stands for its name."""
    reported: str = ""
    """The split on which results are reported."""
    protocol: str = "pooled"
    """By which results are reported: a name of `evaluation.protocols.PROTOCOLS`."""
    trainable: bool = False
    """Whether it may be trained on; what results are reported on may not."""
    rendered: Callable[[], LabelledSource] | None = None
    """Gives its pictures without any files."""

    def open(self, root: Path, split: str) -> LabelledSet:
        """Its pictures below `root`; files may be missing, and `files` of the result says which.

        Raises:
            SetupError: a split of a set that has none, or folders that are missing.
        """
        self.refuse_split(split)
        files, ids = self.files(root, split), self.ids(root)
        name = f"{self.name}/{split}" if split else self.name
        return LabelledSet(
            name, files, ids.table, self.taxonomy.classes, self.taxonomy.palette, ids.known, self.protocol
        )

    def refuse_split(self, split: str) -> None:
        """
        Raises:
            SetupError: a split is asked for of a set that has none.
        """
        if split and not self.splits:
            raise SetupError(f"data set {self.name} has no splits, but '{split}' was asked for; leave the split empty")

    def splits_below(self, root: Path) -> list[str]:
        """Those that lie below `root`, whole or not; "" for a set without splits.

        Raises:
            SetupError: there are none.
        """
        if not self.splits:
            return [""]
        found = [split for split in self.splits if any((root / each.format(split)).is_dir() for each in self.folders)]
        if not found:
            wanted = ", ".join(folder.format("SPLIT") for folder in self.folders)
            raise SetupError(
                f"{root} holds no split of {self.name}; looked for {' or '.join(self.splits)} as SPLIT in {wanted}; "
                "give the folder above these"
            )
        return found


def fixed_ids(train_ids: Mapping[int, int], known: Iterable[int]) -> Callable[[Path], LabelIds]:
    """The same wherever the set lies; ids outside `train_ids` are ignored."""
    ids = LabelIds(label_table(train_ids), frozenset(known))
    return lambda root: ids
