"""Sets whose truth is binary: anomaly or not. Weights of any classes are evaluated on them.

Their one class stands for all inliers, so that 1 = K = unknown, as in every other set.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.training.datasets.pairs import LabelledSet, label_table, pictures_in, with_labels
from densehybrid_ros.training.datasets.road_scenes import folders_in

BINARY_CLASSES = ["inlier"]
BINARY_PALETTE = [[120, 120, 120]]
IGNORED = 255


def lostandfound(root: Path, split: str) -> LabelledSet:
    """Obstacles (trainId 2) against free road (1); `leftImg8bit` and `gtCoarse`."""
    return _lostandfound("lostandfound", root, split, "labelTrainIds", {1: 0, 2: 1}, frozenset([0, 1, 2, 255]))


def lostandfound_noknown(root: Path, split: str = "test") -> LabelledSet:
    """SegmentMeIfYouCan's LostAndFound: road (label id 1) is inlier, 2 to 200 anomaly, 0 ignored."""
    ids = {1: 0} | dict.fromkeys(range(2, 201), 1)
    return _lostandfound("smiyc-lostandfound-noknown", root, split, "labelIds", ids, frozenset([*range(201), 255]))


def fishyscapes_lostandfound(root: Path, split: str = "") -> LabelledSet:
    """`fishyscapes_lostandfound/NNNN_{sequence}_labels.png`; the pictures lie in LostAndFound's folders beside it."""
    folder = root / "fishyscapes_lostandfound"
    labels = [path for path in pictures_in(folder) if path.stem.endswith("_labels")]
    pictures = {path.name: path for split_ in ("train", "test") for path in _left_pictures(root, split_)}
    pairs: list[tuple[Path, Path]] = []
    for path in labels:
        name = path.name.split("_", 1)[1].replace("_labels.png", "_leftImg8bit.png")
        if name not in pictures:
            raise SetupError(f"the picture of {path} is missing: {name} is nowhere in {root / 'leftImg8bit'}")
        pairs.append((pictures[name], path))
    return _binary("fishyscapes-lostandfound", pairs, {0: 0, 1: 1}, [0, 1, 255])


def fishyscapes_static(root: Path, split: str = "") -> LabelledSet:
    """`NNNN_{city}_rgb.jpg` or `.npz` with `NNNN_{city}_labels.png`."""
    if not root.is_dir():
        raise SetupError(f"folder {root} does not exist; give the folder of the data set with --data or --root")
    pictures = sorted(
        path for path in root.iterdir() if path.stem.endswith("_rgb") and path.suffix in (".jpg", ".png", ".npz")
    )
    if not pictures:
        raise SetupError(f"folder {root} holds no *_rgb.jpg and no *_rgb.npz")
    pairs = with_labels(pictures, lambda path: path.with_name(f"{path.stem.removesuffix('_rgb')}_labels.png"))
    return _binary("fishyscapes-static", pairs, {0: 0, 1: 1}, [0, 1, 255])


def smiyc_anomaly(root: Path, split: str = "") -> LabelledSet:
    """SegmentMeIfYouCan's AnomalyTrack; those of its pictures that have labels."""
    return _smiyc("smiyc-anomaly", root / "dataset_AnomalyTrack")


def smiyc_obstacle(root: Path, split: str = "") -> LabelledSet:
    """SegmentMeIfYouCan's ObstacleTrack; those of its pictures that have labels."""
    return _smiyc("smiyc-obstacle", root / "dataset_ObstacleTrack")


def roadanomaly(root: Path, split: str = "") -> LabelledSet:
    """`frames/*.jpg` with `frames/{name}.labels/labels_semantic.png`; 2 is anomaly."""
    pairs = with_labels(
        pictures_in(root / "frames"), lambda path: path.with_name(f"{path.stem}.labels") / "labels_semantic.png"
    )
    return _binary("roadanomaly", pairs, {0: 0, 1: 0, 2: 1}, [0, 1, 2, 255])


def _smiyc(name: str, folder: Path) -> LabelledSet:
    masks = folder / "labels_masks"
    pairs = [(path, masks / f"{path.stem}_labels_semantic.png") for path in pictures_in(folder / "images")]
    labelled = [(path, labels) for path, labels in pairs if labels.is_file()]  # those of the test split have none
    if not labelled:
        raise SetupError(f"no picture in {folder / 'images'} has labels in {masks}")
    return _binary(name, labelled, {0: 0, 1: 1}, [0, 1, 255])


def _lostandfound(
    name: str, root: Path, split: str, kind: str, train_ids: Mapping[int, int], ids: frozenset[int]
) -> LabelledSet:
    labels = root / "gtCoarse" / split

    def labels_of(path: Path) -> Path:
        return labels / path.parent.name / path.name.replace("_leftImg8bit.png", f"_gtCoarse_{kind}.png")

    pairs = with_labels(_left_pictures(root, split), labels_of)
    if not pairs:
        raise SetupError(f"{root / 'leftImg8bit' / split} holds no *_leftImg8bit.png")
    return _binary(f"{name}/{split}", pairs, train_ids, ids)


def _left_pictures(root: Path, split: str) -> list[Path]:
    folder = root / "leftImg8bit" / split
    if not folder.is_dir():
        return []
    return [path for path in pictures_in(*folders_in(folder)) if path.stem.endswith("_leftImg8bit")]


def _binary(
    name: str, pairs: list[tuple[Path, Path]], train_ids: Mapping[int, int], ids: frozenset[int] | list[int]
) -> LabelledSet:
    return LabelledSet(name, pairs, label_table(dict(train_ids)), BINARY_CLASSES, BINARY_PALETTE, frozenset(ids))
