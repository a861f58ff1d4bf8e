"""Sets whose truth is binary: anomaly or not. Weights of any classes are evaluated on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import FREE_ID, IGNORE, INLIER, LOSTANDFOUND_TRUTH, OUTLIER
from densehybrid_ros.metrics.components import ComponentSizes
from densehybrid_ros.pictures import SUFFIXES, read_array, read_rgb
from densehybrid_ros.training.datasets.dataset import DataSet, fixed_ids
from densehybrid_ros.training.datasets.listing import Listing, by_folder, files_below, folder_listing, with_labels
from densehybrid_ros.training.datasets.pairs import Mistaken

ZERO_ONE = fixed_ids({0: INLIER, 1: OUTLIER}, [0, 1, IGNORE])
LOSTANDFOUND_FOLDERS = ("leftImg8bit/{}", "gtCoarse/{}")
KNOWN_THINGS = (
    "15_Rechbergstr_Deckenpfronn",
    "01_Hanns_Klemm_Str_45_000006",
    "01_Hanns_Klemm_Str_45_000007",
    "10_Schlossberg_9_000004",
)
"""Drives with children and bicycles, which the benchmark's LostAndFound-testNoKnown leaves out, by how names begin.

It also leaves out 17 frames whose labels are 0 all over. Here they stay: all of their pixels are ignored.
"""
UNUSED_OBSTACLES = tuple(f"validation_{number}" for number in (19, *range(21, 30)))
"""Scenes that the benchmark's ObstacleTrack-validation leaves out; 30 frames stay."""
VALIDATION = "validation"
"""How the names of SegmentMeIfYouCan's pictures with public labels begin."""


def lostandfound_files(root: Path, split: str, kind: str) -> Listing:
    """A folder for each street; `kind` says which label maps."""
    return by_folder(root / "leftImg8bit" / split, "_leftImg8bit", root / "gtCoarse" / split, f"_gtCoarse_{kind}")


def noknown_files(root: Path, split: str) -> Listing:
    """LostAndFound without KNOWN_THINGS."""
    return _without(lostandfound_files(root, split, "labelIds"), KNOWN_THINGS)


def fishyscapes_lostandfound_files(root: Path, split: str) -> Listing:
    """The pictures lie in LostAndFound's folders beside the labels."""
    folder, left = root / "fishyscapes_lostandfound", root / "leftImg8bit"
    pictures = {path.stem: path for path in files_below(left, "t*/*/*_leftImg8bit.*")}
    pairs: list[tuple[Path, Path]] = []
    missing: list[tuple[Path, Path]] = []
    for path in files_below(folder, "*_labels.png"):
        stem = f"{path.stem.partition('_')[2].removesuffix('_labels')}_leftImg8bit"
        if stem in pictures:
            pairs.append((pictures[stem], path))
        else:
            missing.append((path, left / "train or test" / f"{stem}.png"))
    return Listing(pairs, missing, [], f"{folder}/*_labels.png")


def fishyscapes_static_files(root: Path, split: str) -> Listing:
    """`.npz` files hold what Cityscapes' picture is to become, or finished pictures."""
    return with_labels(
        files_below(root, "*_rgb.*", (*SUFFIXES, ".npz")),
        lambda path: root / f"{path.stem.removesuffix('_rgb')}_labels.png",
        files_below(root, "*_labels.png"),
        f"{root}/*_rgb{{.jpg,.png,.npz}} with {root}/*_labels.png",
    )


def fishyscapes_static_picture(root: Path, path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of a file; an `.npz` of signed numbers is added to Cityscapes' picture of its name.

    Raises:
        SetupError: it cannot be read, or Cityscapes' picture is missing or of another size.
    """
    if path.suffix != ".npz" or (overlay := read_array(path)).dtype == np.uint8:
        return read_rgb(path)
    stem = f"{path.stem.partition('_')[2].removesuffix('_rgb')}_leftImg8bit"
    pattern = f"leftImg8bit/*/*/{stem}.png"
    below = next(iter(files_below(root, pattern)), None)
    if below is None:
        raise SetupError(f"{path} is laid over a picture of Cityscapes; put that at {root / pattern}")
    picture = read_rgb(below)
    if picture.shape != overlay.shape:
        raise SetupError(f"{path} is {overlay.shape}, but {below}, over which it is laid, {picture.shape}")
    return np.clip(picture + np.rint(overlay).astype(np.int64), 0, 255).astype(np.uint8)


def folder_files(root: Path, split: str) -> Listing:
    """Anybody's own pictures and masks."""
    return folder_listing(root / "images", root / "masks")


def obstacle_files(root: Path, split: str) -> Listing:
    """The validation pictures, and others that have labels; no UNUSED_OBSTACLES."""
    return _without(_smiyc_files(root / "dataset_ObstacleTrack"), UNUSED_OBSTACLES)


def roadanomaly_files(root: Path, split: str) -> Listing:
    """A folder with labels for each frame."""
    folder = root / "frames"
    return with_labels(
        files_below(folder, "*"),
        lambda path: folder / f"{path.stem}.labels" / "labels_semantic.png",
        files_below(folder, "*.labels/labels_semantic.png"),
        f"{folder}/*.jpg with {folder}/*.labels/labels_semantic.png",
    )


def _smiyc_files(folder: Path) -> Listing:
    """Pictures of the test split have no public labels, and may be without."""
    images, masks = folder / "images", folder / "labels_masks"
    labels = set(files_below(masks, "*_labels_semantic.png"))

    def labels_of(path: Path) -> Path:
        return masks / f"{path.stem}_labels_semantic.png"

    pictures = [
        path for path in files_below(images, "*") if path.stem.startswith(VALIDATION) or labels_of(path) in labels
    ]
    return with_labels(pictures, labels_of, labels, f"{images}/* with {masks}/*_labels_semantic.png")


def _without(files: Listing, beginnings: tuple[str, ...]) -> Listing:
    return Listing(
        [pair for pair in files.pairs if not pair[0].name.startswith(beginnings)],
        [pair for pair in files.missing if not pair[0].name.startswith(beginnings)],
        [path for path in files.spare if not path.name.startswith(beginnings)],
        files.pattern,
    )


SMALL_THINGS = ComponentSizes(predicted=50, truth=10)
"""Components that count on SegmentMeIfYouCan's tracks of obstacles on the road."""

LOSTANDFOUND = DataSet(
    "lostandfound",
    "`leftImg8bit/SPLIT/STREET/*_leftImg8bit.png`, `gtCoarse/.../*_gtCoarse_labelTrainIds.png`",
    lambda root, split: lostandfound_files(root, split, "labelTrainIds"),
    fixed_ids(LOSTANDFOUND_TRUTH, [0, 1, 2, IGNORE]),
    splits=("train", "test"),
    folders=LOSTANDFOUND_FOLDERS,
    reported="test",
    protocol="by-range",
)
LOSTANDFOUND_NOKNOWN = DataSet(
    "smiyc-lostandfound-noknown",
    "the same, with `*_gtCoarse_labelIds.png`",
    noknown_files,
    fixed_ids({FREE_ID: INLIER} | dict.fromkeys(range(2, 201), OUTLIER), [*range(201), IGNORE]),
    splits=("test",),
    folders=LOSTANDFOUND_FOLDERS,
    reported="test",
    components=SMALL_THINGS,
    mistaken=Mistaken(frozenset((0, 1, 2, IGNORE)), "labelTrainIds; give the labelIds"),
)
FISHYSCAPES_LOSTANDFOUND = DataSet(
    "fishyscapes-lostandfound",
    "`fishyscapes_lostandfound/NNNN_*_labels.png`, and LostAndFound's `leftImg8bit`",
    fishyscapes_lostandfound_files,
    ZERO_ONE,
)
FISHYSCAPES_STATIC = DataSet(
    "fishyscapes-static",
    "`NNNN_CITY_rgb.jpg`, `NNNN_CITY_labels.png`; or `NNNN_CITY_rgb.npz`, and Cityscapes' `leftImg8bit`",
    fishyscapes_static_files,
    ZERO_ONE,
    picture=fishyscapes_static_picture,
)
SMIYC_ANOMALY = DataSet(
    "smiyc-anomaly",
    "`dataset_AnomalyTrack/images`, `dataset_AnomalyTrack/labels_masks`",
    lambda root, split: _smiyc_files(root / "dataset_AnomalyTrack"),
    ZERO_ONE,
)
SMIYC_OBSTACLE = DataSet(
    "smiyc-obstacle",
    "`dataset_ObstacleTrack/images`, `dataset_ObstacleTrack/labels_masks`",
    obstacle_files,
    ZERO_ONE,
    components=SMALL_THINGS,
)
ROADANOMALY = DataSet(
    "roadanomaly",
    "`frames/*.jpg`, `frames/NAME.labels/labels_semantic.png`",
    roadanomaly_files,
    fixed_ids({0: INLIER, 1: INLIER, 2: OUTLIER}, [0, 1, 2, IGNORE]),
)
FOLDER = DataSet(
    "folder",
    "your own: `images/*`, `masks/*.png` of the same names: 0 inlier, 1 anomaly, 255 ignored; or pictures alone",
    folder_files,
    ZERO_ONE,
    protocol="folder",
    mistaken=Mistaken(frozenset((0, IGNORE)), "black and white; 1 is an anomaly, 255 is ignored"),
)
