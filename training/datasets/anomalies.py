"""Sets whose truth is binary: anomaly or not. Weights of any classes are evaluated on them.

Their one class stands for all inliers, so that 1 = K = unknown, as in every other set.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from densehybrid_ros.labels import FREE_ID, IGNORE, INLIER, LOSTANDFOUND_TRUTH, OUTLIER, label_table
from densehybrid_ros.pictures import SUFFIXES
from densehybrid_ros.training.datasets.listing import Listing, by_folder, files_below, with_labels
from densehybrid_ros.training.datasets.pairs import LabelledSet

BINARY_CLASSES = ["inlier"]
BINARY_PALETTE = [[120, 120, 120]]
ZERO_ONE = frozenset([INLIER, OUTLIER, IGNORE])
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


def lostandfound(root: Path, split: str) -> LabelledSet:
    """Obstacles (trainId 2) against free road (1); `leftImg8bit` and `gtCoarse`."""
    files = _lostandfound_files(root, split, "labelTrainIds")
    return _binary(f"lostandfound/{split}", files, LOSTANDFOUND_TRUTH, frozenset([0, 1, 2, IGNORE]))


def lostandfound_noknown(root: Path, split: str = "test") -> LabelledSet:
    """SegmentMeIfYouCan's LostAndFound: road (label id 1) is inlier, 2 to 200 anomaly, 0 ignored; no KNOWN_THINGS."""
    files = _without(_lostandfound_files(root, split, "labelIds"), KNOWN_THINGS)
    ids = {FREE_ID: INLIER} | dict.fromkeys(range(2, 201), OUTLIER)
    return _binary(f"smiyc-lostandfound-noknown/{split}", files, ids, frozenset([*range(201), IGNORE]))


def fishyscapes_lostandfound(root: Path, split: str = "") -> LabelledSet:
    """`fishyscapes_lostandfound/NNNN_{sequence}_labels.png`; the pictures lie in LostAndFound's folders beside it."""
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
    files = Listing(pairs, missing, [], f"{folder}/*_labels.png")
    return _binary("fishyscapes-lostandfound", files, {0: 0, 1: 1}, ZERO_ONE)


def fishyscapes_static(root: Path, split: str = "") -> LabelledSet:
    """`NNNN_{city}_rgb.jpg` or `.npz` with `NNNN_{city}_labels.png`."""
    files = with_labels(
        files_below(root, "*_rgb.*", (*SUFFIXES, ".npz")),
        lambda path: root / f"{path.stem.removesuffix('_rgb')}_labels.png",
        files_below(root, "*_labels.png"),
        f"{root}/*_rgb{{.jpg,.png,.npz}} with {root}/*_labels.png",
    )
    return _binary("fishyscapes-static", files, {0: 0, 1: 1}, ZERO_ONE)


def smiyc_anomaly(root: Path, split: str = "") -> LabelledSet:
    """SegmentMeIfYouCan's AnomalyTrack: the validation pictures, and others that have labels."""
    return _binary("smiyc-anomaly", _smiyc_files(root / "dataset_AnomalyTrack"), {0: 0, 1: 1}, ZERO_ONE)


def smiyc_obstacle(root: Path, split: str = "") -> LabelledSet:
    """SegmentMeIfYouCan's ObstacleTrack: the validation pictures, and others that have labels; no UNUSED_OBSTACLES."""
    files = _without(_smiyc_files(root / "dataset_ObstacleTrack"), UNUSED_OBSTACLES)
    return _binary("smiyc-obstacle", files, {0: 0, 1: 1}, ZERO_ONE)


def roadanomaly(root: Path, split: str = "") -> LabelledSet:
    """`frames/*.jpg` with `frames/{name}.labels/labels_semantic.png`; 2 is anomaly."""
    folder = root / "frames"
    files = with_labels(
        files_below(folder, "*"),
        lambda path: folder / f"{path.stem}.labels" / "labels_semantic.png",
        files_below(folder, "*.labels/labels_semantic.png"),
        f"{folder}/*.jpg with {folder}/*.labels/labels_semantic.png",
    )
    return _binary("roadanomaly", files, {0: 0, 1: 0, 2: 1}, frozenset([0, 1, 2, IGNORE]))


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


def _lostandfound_files(root: Path, split: str, kind: str) -> Listing:
    return by_folder(root / "leftImg8bit" / split, "_leftImg8bit", root / "gtCoarse" / split, f"_gtCoarse_{kind}")


def _without(files: Listing, beginnings: tuple[str, ...]) -> Listing:
    return Listing(
        [pair for pair in files.pairs if not pair[0].name.startswith(beginnings)],
        [pair for pair in files.missing if not pair[0].name.startswith(beginnings)],
        [path for path in files.spare if not path.name.startswith(beginnings)],
        files.pattern,
    )


def _binary(name: str, files: Listing, train_ids: Mapping[int, int], ids: frozenset[int]) -> LabelledSet:
    return LabelledSet(name, files, label_table(train_ids), BINARY_CLASSES, BINARY_PALETTE, ids)
