"""Whether a data set lies as it should, file by file: what `densehybrid check-data` finds and prints."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import IDS, IGNORE
from densehybrid_ros.pictures import read_labels, sizes_differ
from densehybrid_ros.progress import progress_bar
from densehybrid_ros.training.datasets.dataset import DataSet
from densehybrid_ros.training.datasets.listing import Listing, require_folder
from densehybrid_ros.training.datasets.looking import doubts
from densehybrid_ros.training.datasets.pairs import LabelledSet

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


def check_set(dataset: DataSet, root: Path, split: str | None, every: int) -> int:
    """Prints what a split holds, or every split below `root`; how many problems there are.

    Raises:
        SetupError: no folder, no split, or a split of a set that has none.
    """
    splits = splits_to_check(dataset, root, split)
    problems = sum(check_split(dataset, root, each, every) for each in splits)
    if len(splits) > 1:
        print(f"{dataset.name}: {_counted(problems)} in {len(splits)} splits")
    return problems


def splits_to_check(dataset: DataSet, root: Path, split: str | None) -> list[str]:
    """The named one, or all below `root`, of which it prints what is there and what is not."""
    require_folder(root)
    if split is not None:
        dataset.refuse_split(split)
        return [split]
    found = dataset.splits_below(root)
    if dataset.splits:
        absent = [known for known in dataset.splits if known not in found]
        print(f"{dataset.name}: found {', '.join(found)}; not there: {', '.join(absent) or 'none'}")
    return found


def check_split(dataset: DataSet, root: Path, split: str, every: int) -> int:
    """Prints what a split holds; how many problems it has."""
    try:
        opened = dataset.open(root, split)
    except SetupError as error:
        print(f"{dataset.title(split)}:\nproblem   {error}\n1 problem")
        return 1
    findings = check(opened, every)
    print(report(opened, findings))
    return len(findings.problems)


def missing_files(files: Listing) -> list[str]:
    """A problem for every file without its other half, and for a set without files."""
    if not (files.pairs or files.missing or files.spare):
        return [f"no picture with labels; looked for {files.pattern}"]
    problems = [f"{lacking} is missing; {path} needs it" for path, lacking in files.missing]
    return problems + [f"{path} are labels without a picture" for path in files.spare]


def check(dataset: LabelledSet, every: int = 1) -> Findings:
    """Opens every `every`-th pair."""
    findings = Findings(problems=missing_files(dataset.files))
    for image_path, label_path in progress_bar(dataset.pairs[::every], desc=f"check {dataset.name}", unit="picture"):
        findings.pictures += 1
        try:
            image, labels = dataset.picture(image_path), read_labels(label_path)
        except SetupError as error:
            findings.problems.append(str(error))
            continue
        findings.sizes[image.shape[1], image.shape[0]] += 1
        if image.shape[:2] != labels.shape:
            findings.problems.append(sizes_differ(image_path, image, label_path, labels))
        counts = np.bincount(labels.ravel(), minlength=256)
        findings.id_counts += counts
        foreign = [int(index) for index in np.flatnonzero(counts) if index not in dataset.ids]
        if foreign:
            pixels = int(counts[foreign].sum())
            findings.problems.append(f"{label_path} holds ids that the set does not have: {foreign}, {pixels} pixels")
    findings.problems += doubts(replace(dataset, ids=frozenset(range(IDS))), findings.id_counts)
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
    lines.append(_counted(len(findings.problems)))
    return "\n".join(lines)


def _counted(problems: int) -> str:
    return {0: "no problems", 1: "1 problem"}.get(problems, f"{problems} problems")


def class_shares(dataset: LabelledSet, findings: Findings) -> dict[str, float]:
    """Class, "unknown" and "ignored" → share of all pixels; nothing for a set without classes."""
    if not dataset.classes:
        return {}
    total = max(int(findings.id_counts.sum()), 1)
    by_class = np.bincount(dataset.table, weights=findings.id_counts, minlength=256)
    names = {**dict(enumerate(dataset.classes)), len(dataset.classes): "unknown", IGNORE: "ignored"}
    return {name: float(by_class[index]) / total for index, name in names.items()}
