"""All that is known of a data set before one of its files is read: one `DataSet` each, beside its adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import CLASSLESS, label_table
from densehybrid_ros.metrics.components import ComponentSizes
from densehybrid_ros.pictures import read_rgb
from densehybrid_ros.taxonomies import BINARY, Taxonomy
from densehybrid_ros.training.datasets.listing import Listing
from densehybrid_ros.training.datasets.pairs import NEVER_MISTAKEN, LabelledSet, LabelledSource, Mistaken

LARGE_THINGS = ComponentSizes(predicted=500, truth=100)
"""Components that count on SegmentMeIfYouCan's track of anomalies of any size."""


@dataclass(frozen=True)
class LabelIds:
    """What the ids in the label maps of a set stand for."""

    table: NDArray[np.uint8]
    """(256,) id → open-set truth: 0..K−1, K = unknown, 255 = ignore."""
    known: frozenset[int]
    """Ids that may stand in the files."""


def picture_below(root: Path, path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of a file below `root`, which it does not need."""
    return read_rgb(path)


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
    components: ComponentSizes = LARGE_THINGS
    """Of the components that count."""
    trainable: bool = False
    """Whether it may be trained on; what results are reported on may not."""
    known_void: tuple[int, ...] = ()
    """Label ids outside the classes of what is nevertheless known: the car's own bonnet, parking lots, …"""
    mistaken: Mistaken = NEVER_MISTAKEN
    picture: Callable[[Path, Path], NDArray[np.uint8]] = picture_below
    """Reads one of its pictures below `root`, (H, W, 3) RGB."""
    rendered: Callable[[], LabelledSource] | None = None
    """Gives its pictures without any files."""

    def with_known_void(self) -> DataSet:
        """The same, its known kinds of void being inliers without a class instead of ignored.

        Raises:
            SetupError: it labels no such kinds.
        """
        if not self.known_void:
            raise SetupError(f"data set {self.name} labels no known kinds of void; leave known_void out")

        def ids(root: Path) -> LabelIds:
            own = self.ids(root)
            table = own.table.copy()
            table[list(self.known_void)] = CLASSLESS
            return replace(own, table=table)

        return replace(self, ids=ids)

    def title(self, split: str) -> str:
        """For people, as in camvid/val."""
        return f"{self.name}/{split}" if split else self.name

    def open(self, root: Path, split: str) -> LabelledSet:
        """Its pictures below `root`; files may be missing, and `files` of the result says which.

        Raises:
            SetupError: a split of a set that has none, or folders that are missing.
        """
        self.refuse_split(split)
        files, ids = self.files(root, split), self.ids(root)
        return LabelledSet(
            self.title(split),
            files,
            ids.table,
            self.taxonomy.classes,
            self.taxonomy.palette,
            ids.known,
            self.protocol,
            self.mistaken,
            partial(self.picture, root),
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
