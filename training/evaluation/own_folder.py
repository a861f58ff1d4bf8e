"""Anybody's own pictures: figures where they have masks, overlays where they are asked for."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2

from densehybrid_ros.core.drawing.draw import overlay
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.metrics.ranking_pool import RankingPool
from densehybrid_ros.pictures import SUFFIXES, pictures_in, read_rgb, unread_pictures, write_picture
from densehybrid_ros.progress import progress_bar
from densehybrid_ros.training.datasets.listing import require_folder
from densehybrid_ros.training.evaluation.pictures import examine_pictures
from densehybrid_ros.training.evaluation.task import Report, Task


def examine_folder(task: Task) -> Report:
    """Pictures in `images`, masks of the same names in `masks`; or pictures alone, also in the folder itself.

    Raises:
        SetupError: there are neither masks nor is a folder given for overlays, or as `examine_pictures`.
    """
    root = task.folder
    require_folder(root)
    masked = (root / "masks").is_dir()
    if unread := unread_pictures(folder_of_pictures(root)):
        print(f"warning: {unread}", file=sys.stderr)
    if not masked and (task.overlays is None or task.report):
        raise SetupError(f"{root} has no masks/ to judge by; add them, or ask for --overlays DIR alone")
    if not masked and task.resume:
        raise SetupError("--resume keeps what is measured; overlays alone are no figures, leave it out")
    figures = examine_pictures(replace(task, overlays=None), RankingPool) if masked else None
    if task.overlays is None:
        assert figures is not None
        return figures
    written, passed_over = write_overlays(task.segmenter, own_pictures(root), task.overlays, upright=not masked)
    facts = {"overlays": written, "passed_over": passed_over}
    said = f"{written} overlays in {task.overlays}"
    if figures is None:
        head = {"protocol": task.dataset.name, "weights": task.weights_name}
        return Report({**head, **facts}, said)
    return Report({**figures.figures, **facts}, f"{figures.text}\n{said}", figures.pictures)


def folder_of_pictures(root: Path) -> Path:
    """`images`, or the folder itself."""
    return root / "images" if (root / "images").is_dir() else root


def own_pictures(root: Path) -> list[Path]:
    """Those in `images`, or in the folder itself.

    Raises:
        SetupError: there are none.
    """
    folder = folder_of_pictures(root)
    pictures = pictures_in(folder)
    if not pictures:
        raise SetupError(f"folder {folder} holds no pictures ({', '.join(SUFFIXES)})")
    return pictures


def write_overlays(
    segmenter: Segmenter, pictures: list[Path], out: Path, upright: bool, progress: bool = True
) -> tuple[int, list[str]]:
    """OUT/NAME.jpg of each; how many were written, and the names of those that cannot be read, also on stderr.

    Args:
        upright: an orientation noted in a file is applied.

    Raises:
        SetupError: an overlay cannot be written, or no picture be read.
    """
    passed_over: list[str] = []
    stems = [path.stem for path in pictures]
    for path in progress_bar(pictures, progress, desc="overlays", unit="picture", leave=False):
        try:
            image = read_rgb(path, upright)
        except SetupError as error:
            print(f"warning: passed over: {error}", file=sys.stderr)
            passed_over.append(path.name)
            continue
        drawn = overlay(image, segmenter(image), segmenter.info.palette)
        name = path.stem if stems.count(path.stem) == 1 else path.name
        write_picture(out / f"{name}.jpg", cv2.cvtColor(drawn, cv2.COLOR_RGB2BGR))
    if len(passed_over) == len(pictures):
        raise SetupError(f"none of the {len(pictures)} pictures can be read; what is wrong with each stands above")
    return len(pictures) - len(passed_over), passed_over
