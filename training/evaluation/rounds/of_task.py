"""The rounds of a task: by how many processes, and where a broken-off run goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from densehybrid_ros import __version__
from densehybrid_ros.core.devices import resolve_device
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import make_folder
from densehybrid_ros.models.checkpoint import BUNDLED, weights_hash
from densehybrid_ros.training.baselines.baselines import kinds_needed
from densehybrid_ros.training.baselines.statistics_file import beside
from densehybrid_ros.training.datasets.pairs import LabelledSet, LabelledSource
from densehybrid_ros.training.evaluation.pasted_set import PastedSet
from densehybrid_ros.training.evaluation.rounds.looks import InTurn
from densehybrid_ros.training.evaluation.rounds.processes import ByProcesses, devices_of
from densehybrid_ros.training.evaluation.rounds.reading import Reader
from densehybrid_ros.training.evaluation.rounds.rounds import Memory, Rounds
from densehybrid_ros.training.evaluation.task import Task

VERSIONS = {
    "project": __version__,
    "torch": torch.__version__,
    "numpy": np.__version__,
    "opencv": cv2.getVersionString(),
}


@contextmanager
def rounds_of(task: Task, reader: Reader, files: Sequence[Path], pictures: int) -> Iterator[Rounds]:
    """To go through the pictures that `reader` reads, of these `files`; processes end with the block.

    Raises:
        SetupError: the devices cannot be had so, or the folder of --resume cannot be written.
    """
    devices = devices_of(task.device, task.processes)
    if task.workers < 0:
        raise SetupError(f"--workers is {task.workers}; give 0 or more")
    memory = None
    if task.resume is not None:
        make_folder(task.resume)
        memory = Memory(task.resume, key_of(task, files, pictures))
    if len(devices) == 1:
        yield Rounds(InTurn(task.segmenter, reader, task.workers), memory)
        return
    pool = ByProcesses(partial(loaded, task.loading), reader, devices)
    try:
        yield Rounds(pool, memory)
    finally:
        pool.close()


def loaded(load: partial[Segmenter], device: str) -> Segmenter:
    """On a device of its own."""
    return load(device=device)


def key_of(task: Task, files: Sequence[Path], pictures: int) -> dict[str, Any]:
    """All on which the numbers depend that a round counts."""
    weights = Path(task.weights) if task.weights else BUNDLED
    device = resolve_device(task.device)
    return {
        "weights": weights_hash(weights),
        "set": task.dataset.name,
        "split": task.chosen_split,
        "pictures": pictures,
        "files": digest_of(files),
        "negatives": None if task.negatives is None else task.negatives[1],
        "scores": list(task.scores),
        "score settings": asdict(task.score_settings),
        "statistics": _statistics_digest(task, weights),
        "segmentation": task.segmentation,
        "open set": task.open_set,
        "intervals": task.intervals > 0,
        "by range": task.by_range,
        "per picture": task.per_picture,
        "report": task.report,
        "inference width": task.inference_width,
        "engine": task.engine,
        "precision": task.precision,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "versions": VERSIONS,
    }


def _statistics_digest(task: Task, weights: Path) -> str | None:
    file = task.statistics or beside(weights)
    return hashlib.sha256(file.read_bytes()).hexdigest() if kinds_needed(task.scores) and file.is_file() else None


def digest_of(files: Sequence[Path]) -> str:
    """Of names, sizes and times of change; the folder in which all lie may be another."""
    told = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def files_of(source: LabelledSource) -> list[Path]:
    """All of which pictures are made; none where they are rendered."""
    if isinstance(source, PastedSet):
        return [*files_of(source.source), *(file for pair in source.negatives.pairs for file in pair)]
    return [file for pair in source.pairs for file in pair] if isinstance(source, LabelledSet) else []
