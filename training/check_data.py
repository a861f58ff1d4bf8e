"""densehybrid check-data NAME ROOT [--split S]: whether a data set lies as it should, file by file.

Opens every picture and its labels (or every N-th with --every), and names what is missing, cannot be read, differs in
size from its other half, or holds ids that the set does not have. Prints sizes, ids and the share of each class. Exit
status 1 where there are problems. `ade20k` is the layout of the negatives.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.training.datasets import DATASETS, labelled_set
from densehybrid_ros.training.datasets.pairs import LabelledSet, label_table, pair_files, read_labels, read_rgb

NEGATIVES = "ade20k"
DEFAULT_SPLITS = {
    "camvid": "train",
    "roadworld": "train",
    "cityscapes": "train",
    "cityscapes-void": "val",
    "vistas": "training",
    "streethazards": "training",
    "lostandfound": "test",
    "smiyc-lostandfound-noknown": "test",
    NEGATIVES: "training",
}
MOST_PROBLEMS = 20
"""That are printed; the rest is counted."""


@dataclass
class Findings:
    """What the files of a set hold."""

    pictures: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    """(width, height) → pictures."""
    id_counts: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    """Pixels of each id in the files."""
    problems: list[str] = field(default_factory=list)


def main(argv: list[str] | None = None) -> None:
    names = [*DATASETS, NEGATIVES]
    parser = argparse.ArgumentParser(
        prog="densehybrid check-data", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=names)
    parser.add_argument("root", type=Path)
    parser.add_argument("--split", help="; ".join(f"{name}: {split}" for name, split in DEFAULT_SPLITS.items()))
    parser.add_argument("--every", type=int, default=1, help="look at every N-th picture")
    arguments = parser.parse_args(argv)
    if arguments.every < 1:
        raise SetupError(f"--every is {arguments.every}; give at least 1")
    split = DEFAULT_SPLITS.get(arguments.name, "") if arguments.split is None else arguments.split
    dataset = set_to_check(arguments.name, arguments.root, split)
    findings = check(dataset, arguments.every)
    print(report(dataset, findings))
    sys.exit(1 if findings.problems else 0)


def set_to_check(name: str, root: Path, split: str) -> LabelledSet:
    """
    Raises:
        SetupError: folders or labels are missing.
    """
    if name != NEGATIVES:
        return labelled_set(name, root, split)
    pairs = pair_files(root / "images" / split, root / "annotations" / split)
    return LabelledSet(f"{NEGATIVES}/{split}", pairs, label_table({}), [], [], frozenset(range(256)))


def check(dataset: LabelledSet, every: int = 1) -> Findings:
    """Opens every `every`-th pair."""
    findings = Findings()
    for image_path, label_path in tqdm(dataset.pairs[::every], desc=f"check {dataset.name}", unit="picture"):
        findings.pictures += 1
        try:
            image, labels = read_rgb(image_path), read_labels(label_path)
        except SetupError as error:
            findings.problems.append(str(error))
            continue
        findings.sizes[image.shape[1], image.shape[0]] += 1
        if image.shape[:2] != labels.shape:
            sizes = f"{image.shape[1]}x{image.shape[0]}, its labels {labels.shape[1]}x{labels.shape[0]}"
            findings.problems.append(f"{image_path} is {sizes} ({label_path})")
        counts = np.bincount(labels.ravel(), minlength=256)
        findings.id_counts += counts
        foreign = [int(index) for index in np.flatnonzero(counts) if index not in dataset.ids]
        if foreign:
            pixels = int(counts[foreign].sum())
            findings.problems.append(f"{label_path} holds ids that the set does not have: {foreign}, {pixels} pixels")
    return findings


def report(dataset: LabelledSet, findings: Findings) -> str:
    """For a terminal."""
    sizes = ", ".join(f"{width}x{height} ({count})" for (width, height), count in findings.sizes.most_common(4))
    more = len(findings.sizes) - 4
    lines = [
        f"{dataset.name}: {findings.pictures} of {len(dataset)} pictures looked at",
        f"sizes     {sizes}" + (f" and {more} others" if more > 0 else ""),
        f"ids       {', '.join(map(str, np.flatnonzero(findings.id_counts)))}",
    ]
    lines += [f"{name:<16}{100 * share:7.3f} % of pixels" for name, share in class_shares(dataset, findings).items()]
    lines += [f"problem   {problem}" for problem in findings.problems[:MOST_PROBLEMS]]
    if len(findings.problems) > MOST_PROBLEMS:
        lines.append(f"problem   and {len(findings.problems) - MOST_PROBLEMS} more")
    lines.append("no problems" if not findings.problems else f"{len(findings.problems)} problems")
    return "\n".join(lines)


def class_shares(dataset: LabelledSet, findings: Findings) -> dict[str, float]:
    """Class, "unknown" and "ignored" → share of all pixels; nothing for a set without classes."""
    if not dataset.classes:
        return {}
    total = max(int(findings.id_counts.sum()), 1)
    by_class = np.bincount(dataset.table, weights=findings.id_counts, minlength=256)
    names = {**dict(enumerate(dataset.classes)), len(dataset.classes): "unknown", 255: "ignored"}
    return {name: float(by_class[index]) / total for index, name in names.items()}


if __name__ == "__main__":
    main()
