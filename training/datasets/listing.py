"""Which files of a data set belong together, and which are alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from densehybrid_ros.errors import SetupError
from densehybrid_ros.pictures import SUFFIXES, picture_files


@dataclass(frozen=True)
class Listing:
    """The files of one split of a data set."""

    pairs: list[tuple[Path, Path]]
    """Picture and labels, both there."""
    missing: list[tuple[Path, Path]]
    """A file, and the one that it needs and that is not there."""
    spare: list[Path]
    """Label maps that no picture needs."""
    pattern: str
    """Where pictures and labels were looked for."""


def require_folder(folder: Path) -> None:
    """
    Raises:
        SetupError: it is absent, or may not be read.
    """
    if not folder.is_dir():
        raise SetupError(
            f"folder {folder} does not exist; check the folder given for the data set; docs/datasets.md has its layout"
        )
    if not os.access(folder, os.R_OK | os.X_OK):
        raise SetupError(f"folder {folder} cannot be read; check its rights")


def files_below(folder: Path, pattern: str, suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """Sorted; none is no error here, as `whole_pairs` tells what is wrong with a listing. A `.PNG` is a `.png`.

    Raises:
        SetupError: the folder is absent.
    """
    require_folder(folder)
    return picture_files(folder.glob(pattern.replace(".png", ".[pP][nN][gG]")), suffixes)


def with_labels(
    pictures: Iterable[Path], labels_of: Callable[[Path], Path], labels: Iterable[Path], pattern: str
) -> Listing:
    """Every picture needs its labels; `labels` are the label maps that there are."""
    needed = {path: labels_of(path) for path in pictures}
    there = {path.with_suffix(path.suffix.lower()): path for path in labels}
    return Listing(
        [(path, there[labels_]) for path, labels_ in needed.items() if labels_ in there],
        [(path, labels_) for path, labels_ in needed.items() if labels_ not in there],
        sorted(there[path] for path in there.keys() - set(needed.values())),
        pattern,
    )


def folder_listing(images: Path, labels: Path) -> Listing:
    """Pictures of a folder with the .png of the same stem in another.

    Raises:
        SetupError: a folder is absent.
    """
    pictures, maps = files_below(images, "*"), files_below(labels, "*.png")
    pattern = f"{images}/*{{{','.join(SUFFIXES)}}} with {labels}/*.png"
    return with_labels(pictures, lambda path: labels / f"{path.stem}.png", maps, pattern)


def by_folder(images: Path, ending: str, labels: Path, label_ending: str, folders: str = "*") -> Listing:
    """`images/FOLDER/NAME{ending}.png` with `labels/FOLDER/NAME{label_ending}.png`, a folder for each city or street.

    Raises:
        SetupError: `images` or `labels` is absent.
    """
    pictures = files_below(images, f"{folders}/*{ending}.*")
    maps = files_below(labels, f"{folders}/*{label_ending}.png")

    def labels_of(path: Path) -> Path:
        return labels / path.parent.name / f"{path.stem.removesuffix(ending)}{label_ending}.png"

    pattern = f"{images}/{folders}/*{ending}.png with {labels}/{folders}/*{label_ending}.png"
    return with_labels(pictures, labels_of, maps, pattern)


def whole_pairs(listing: Listing) -> list[tuple[Path, Path]]:
    """
    Raises:
        SetupError: a pair lacks a half, or there is none.
    """
    if listing.missing:
        count = len(listing.missing) + len(listing.pairs)
        path, lacking = listing.missing[0]
        raise SetupError(
            f"{len(listing.missing)} of {count} pairs of picture and labels lack a half; the first is {lacking}, "
            f"which {path} needs; add it (densehybrid check-data names all that is missing)"
        )
    if not listing.pairs:
        raise SetupError(f"no picture with labels; looked for {listing.pattern}; check the folder, or unpack anew")
    return listing.pairs
