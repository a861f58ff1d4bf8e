"""What each benchmark wants of every picture, and where its pictures lie: one `Benchmark` each.

SegmentMeIfYouCan as its public code saves and loads results (road_anomaly_benchmark, `Evaluation.save_output` and
`ChannelLoaderHDF5`); Fishyscapes as its page on submissions and its public `eval.py` have it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.scenes import ScoredImage
from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import written_beside, written_whole
from densehybrid_ros.labels import relabelled
from densehybrid_ros.taxonomies import TAXONOMIES, prediction_table
from densehybrid_ros.training.datasets.listing import files_below

HDF5_KEY = "value"
HDF5_COMPRESSION = 9
"""Level of gzip."""
CITYSCAPES = TAXONOMIES["cityscapes"]
FISHYSCAPES_VOID = 19
"""Of Fishyscapes' classes, for what is none of Cityscapes' 19."""


@dataclass(frozen=True)
class Result:
    """Of one picture."""

    name: str
    """By which the benchmark knows it."""
    found: ScoredImage
    score: NDArray[np.float32]
    """(H, W), the one of the scores that is submitted; higher = more anomalous."""


@dataclass(frozen=True)
class Benchmark:
    """One set with hidden truth."""

    layout: str
    """Where its pictures lie below the folder that is given."""
    pictures: Callable[[Path], list[Path]]
    """Folder → all of them."""
    name: Callable[[Path], str]
    """Picture → the name by which the benchmark knows it."""
    save: Callable[[Path, str, Result], None]
    """Takes the folder of the submission, the name of the method, and one result."""
    package: str = ""
    """That is needed to save."""
    segmentation: bool = False
    """Whether classes are wanted too."""


def save_hdf5(dataset: str, out: Path, method: str, result: Result) -> None:
    """OUT/anomaly_p/METHOD/DATASET/NAME.hdf5 with `value`, (H, W) float16.

    Raises:
        SetupError: it cannot be written, or a score is beyond what float16 holds.
    """
    h5py: Any = import_module("h5py")
    with np.errstate(over="ignore"):  # named below
        value = result.score.astype(np.float16)
    if not np.isfinite(value).all():
        raise SetupError(f"{result.name}: the score goes beyond 65504, the benchmark's float16; choose another score")
    path = out / "anomaly_p" / method / dataset / f"{result.name}.hdf5"
    with written_beside(path) as beside, h5py.File(beside, "w") as file:
        file.create_dataset(HDF5_KEY, data=value, compression=HDF5_COMPRESSION)


def save_fishyscapes(out: Path, method: str, result: Result) -> None:
    """OUT/DDDD_anomaly.npy, (H, W) float32, and OUT/DDDD_segmentation.npy, (H, W) uint8 of 0..19.

    Raises:
        SetupError: one cannot be written.
    """
    _save_array(out / f"{result.name}_anomaly.npy", result.score)
    _save_array(out / f"{result.name}_segmentation.npy", np.minimum(result.found.semantic, FISHYSCAPES_VOID))


def _save_array(path: Path, values: NDArray[Any]) -> None:
    with written_whole(path) as file:
        np.save(file, values, allow_pickle=False)


def in_cityscapes_classes(found: ScoredImage, classes: list[str]) -> ScoredImage:
    """With the classes of the weights read as Cityscapes' 19.

    Raises:
        SetupError: no map between the two is built in.
    """
    table = prediction_table(classes, CITYSCAPES.classes)
    if table is None:
        raise SetupError(
            f"the benchmark wants the 19 classes of Cityscapes, but the weights know {len(classes)}: "
            f"{', '.join(classes)}; give weights trained for its taxonomy"
        )
    return ScoredImage(found.scores, relabelled(found.semantic, table))


def _track(track: str) -> Benchmark:
    """Test pictures and public ones together, as the benchmark asks for them."""
    return Benchmark(
        f"`dataset_{track}/images/*`",
        lambda root: files_below(root / f"dataset_{track}" / "images", "*"),
        lambda path: path.stem,
        partial(save_hdf5, f"{track}-all"),
        package="h5py",
    )


def _fishyscapes_number(path: Path) -> str:
    number = path.stem.partition("_")[0]
    if not (number.isascii() and number.isdigit()):
        raise SetupError(f"{path.name}: Fishyscapes' pictures are named NNNN_….png; give the folder that holds them")
    return number


BENCHMARKS: dict[str, Benchmark] = {
    "smiyc-anomaly": _track("AnomalyTrack"),
    "smiyc-obstacle": _track("ObstacleTrack"),
    "smiyc-lostandfound-noknown": Benchmark(
        "`leftImg8bit/test/*/*_leftImg8bit.png`",
        lambda root: files_below(root / "leftImg8bit" / "test", "*/*_leftImg8bit.*"),
        lambda path: path.stem.removesuffix("_leftImg8bit"),
        partial(save_hdf5, "LostAndFound-test"),
        package="h5py",
    ),
    "fishyscapes": Benchmark(
        "`NNNN_*.png`",
        lambda root: files_below(root, "[0-9]*"),
        _fishyscapes_number,
        save_fishyscapes,
        segmentation=True,
    ),
}
