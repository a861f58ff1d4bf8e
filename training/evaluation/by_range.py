"""LostAndFound: how well each score ranks obstacles above free road, overall and by distance.

All labelled pixels of the split are pooled: train id 1 (free) is inlier, 2 (obstacle) anomalous, the rest is ignored.
The distance of a pixel is baseline·fx/disparity, with the disparity that comes with the data set.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from densehybrid_ros.core.postprocess import upsample
from densehybrid_ros.core.scores import SCORES
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.drives.files import read_camera, read_disparity
from densehybrid_ros.drives.layout import DriveFrame, find_frames
from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import TRAIN_ID_TABLES, lostandfound_truth
from densehybrid_ros.metrics.by_range import RangeTable, range_of_disparity, row_percents, table_dict, table_text
from densehybrid_ros.pictures import read_labels, read_rgb
from densehybrid_ros.training.evaluation.pictures import scores_text
from densehybrid_ros.training.evaluation.task import Report, Task

NAMED_AT_MOST = 10
"""Frames that a warning names."""


@dataclass(frozen=True)
class RangeEvaluation:
    """Tables of all frames with labels, by score."""

    tables: dict[str, RangeTable]
    frames: int
    """How many were judged."""
    without_range: list[str]
    """Names of judged frames that lack disparity or camera: they count in the overall row alone."""
    without_labels: list[str]
    """Names of frames that were not judged."""


def examine_drives(task: Task) -> Report:
    """
    Raises:
        SetupError: negatives are to be pasted, or as `evaluate_lostandfound`.
    """
    if task.negatives:
        raise SetupError(f"--negatives needs a set with classes; {task.dataset.name} has none")
    root = task.folder
    result = evaluate_lostandfound(task.segmenter(), root, task.chosen_split, task.scores)
    warn_of_gaps(result, task.by_range)
    return Report(_figures(task, result), "\n".join(_lines(task, result)))


def evaluate_lostandfound(
    segmenter: Segmenter, root: Path, split: str, scores: Sequence[str], progress: bool = True
) -> RangeEvaluation:
    """Runs the network over the labelled frames of a split, each at its own size.

    Raises:
        SetupError: no such split, no labelled frame, a file that is broken or of another size than its image, or a
            score that is not finite.
    """
    frames = find_frames(root, split, lambda text: None)  # what matters is told by name below
    labelled = [frame for frame in frames if frame.label_ids or frame.label_train_ids]
    if not labelled:
        raise SetupError(
            f"none of the {len(frames)} frames in {root}, split {split}, has labels; unpack gtCoarse there"
        )
    result = RangeEvaluation(
        tables={name: RangeTable() for name in scores},
        frames=len(labelled),
        without_range=[frame.name for frame in labelled if not (frame.disparity and frame.camera)],
        without_labels=[frame.name for frame in frames if not (frame.label_ids or frame.label_train_ids)],
    )
    for frame in tqdm(labelled, desc=f"evaluate {split}", unit="frame", disable=not progress, leave=False):
        image, truth, metres = read_rgb(frame.left), frame_truth(frame), frame_metres(frame)
        for name, score in image_scores(segmenter, image, scores).items():
            with _frame_named(frame.name, name):
                result.tables[name].add(score, truth, metres)
    return result


def image_scores(
    segmenter: Segmenter, image: NDArray[np.uint8], scores: Sequence[str]
) -> dict[str, NDArray[np.float32]]:
    """Several scores (H, W) from one forward pass: of each the very numbers that the node publishes."""
    with torch.inference_mode():
        logits, dataset_logits = (upsample(part, image.shape[:2]) for part in segmenter.logits(image))
        return {name: SCORES[name](logits, dataset_logits)[0].cpu().numpy() for name in scores}


def frame_truth(frame: DriveFrame) -> NDArray[np.uint8]:
    """(H, W): 0 = free road, 1 = obstacle, 255 = ignore; from the train ids, or from the label ids where they lack."""
    if frame.label_train_ids:
        return lostandfound_truth(read_labels(frame.label_train_ids))
    assert frame.label_ids
    return lostandfound_truth(TRAIN_ID_TABLES["lostandfound"][read_labels(frame.label_ids)])


def frame_metres(frame: DriveFrame) -> NDArray[np.float32] | None:
    """(H, W) m, 0 where nothing was measured; None without disparity or camera."""
    if not (frame.disparity and frame.camera):
        return None
    camera = read_camera(frame.camera)
    return range_of_disparity(read_disparity(frame.disparity), camera.fx, camera.baseline)


@contextmanager
def _frame_named(frame: str, score: str) -> Iterator[None]:
    """Turns what the table refuses into a SetupError that names the frame."""
    try:
        yield
    except ValueError as error:
        raise SetupError(f"frame {frame} cannot be judged by score {score}: {error}") from error


def _figures(task: Task, result: RangeEvaluation) -> dict[str, Any]:
    """In percent, as written to --json."""
    kept = slice(None) if task.by_range else slice(1)
    return {
        "protocol": task.dataset.name,
        "split": task.chosen_split,
        "weights": task.weights_name,
        "frames": result.frames,
        "frames_without_range": result.without_range,
        "frames_without_labels": result.without_labels,
        "scores": {name: table_dict(table.rows()[kept]) for name, table in result.tables.items()},
    }


def _lines(task: Task, result: RangeEvaluation) -> list[str]:
    lines = [f"{task.dataset.name} {task.chosen_split}, weights {task.weights_name}: {result.frames} frames"]
    if task.by_range:
        return lines + [f"\n{name}\n{table_text(table.rows())}" for name, table in result.tables.items()]
    return lines + scores_text({name: row_percents(table.rows()[0]) for name, table in result.tables.items()})


def warn_of_gaps(result: RangeEvaluation, by_range: bool) -> None:
    """Names on stderr what could not be judged in full."""
    if result.without_labels:
        _warn("have no labels and are left out", result.without_labels)
    if by_range and result.without_range:
        _warn("lack disparity or camera and count in the overall row alone", result.without_range)


def _warn(what: str, names: Sequence[str]) -> None:
    more = f" and {len(names) - NAMED_AT_MOST} more (all are in --json)" if len(names) > NAMED_AT_MOST else ""
    print(f"warning: {len(names)} frames {what}: {', '.join(names[:NAMED_AT_MOST])}{more}", file=sys.stderr)
