"""Validation while a run goes on, and the weights files that it keeps."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.files import write_whole
from densehybrid_ros.models.checkpoint import WeightsInfo, save_weights
from densehybrid_ros.training.datasets.pairs import LabelledSet, LabelledSource
from densehybrid_ros.training.evaluation.evidence.of_set import SetEvidence
from densehybrid_ros.training.evaluation.protocols import PROTOCOLS
from densehybrid_ros.training.evaluation.validate import Evaluation, evaluate
from densehybrid_ros.training.recipe.recipe import Recipe
from densehybrid_ros.training.run.run_report import ValidatedSet, write_report

VALIDATION_SCORES = ("hybrid", "likelihood", "posterior", "msp")


def validate_and_keep(
    recipe: Recipe,
    model: nn.Module,
    step: int,
    source: LabelledSet,
    validation: Sequence[LabelledSource],
    out: Path,
    last: bool = False,
) -> dict[str, Any]:
    """Evaluates the weights and writes `weights.safetensors`, and `best.safetensors` where they are best.

    The first validation set that has a figure decides: by its hybrid AP, or by its mean IoU where it has no anomalies.

    Args:
        model: with the averaged weights, where there are some.
        source: the train set that gives classes and palette.
        validation: the recipe's validation sets.
        last: a report is written of this validation.

    Returns:
        the figures in percent.
    """
    info = WeightsInfo(
        architecture=recipe.architecture,
        classes=source.classes,
        palette=source.palette,
        normalisation=str(model.normalisation),
        inference_width=recipe.inference_width,
        threshold=0.0,
        training_data=recipe.training_data,
        licence=recipe.licence,
        recipe=f"{recipe.architecture}, {step} steps, seed {recipe.seed}",
    )
    device = next(model.parameters()).device
    segmenter = Segmenter(copy.deepcopy(model), info, device, torch.float32, recipe.inference_width)
    record: dict[str, Any] = {}
    validated: list[ValidatedSet] = []
    deciding: float | None = None
    for dataset in validation:
        pool = PROTOCOLS[dataset.protocol].pool
        evidence = SetEvidence(dataset, VALIDATION_SCORES) if last else None
        result = evaluate(segmenter, dataset, VALIDATION_SCORES, recipe.validation_stride, pool=pool, watcher=evidence)
        if evidence is not None:
            validated.append(ValidatedSet(dataset, evidence, result))
        record[dataset.name] = figures_of(result)
        figure = result.rankings["hybrid"].ap if result.rankings else result.segmentation.miou
        if deciding is None and not math.isnan(figure):  # a binary set without anomalies has neither
            deciding = figure
    save_weights(out / "weights.safetensors", model, info, half=False)
    if deciding is not None and deciding >= _best_so_far(out):
        save_weights(out / "best.safetensors", model, info, half=False)
        write_whole(out / "best.json", json.dumps({"deciding": deciding, "step": step, **record}))
    if last:
        write_report(out, step, segmenter, validated)
    return record


def forget_best(out: Path) -> None:
    """A run that begins anew does not compete with what lay in its folder before."""
    for name in ("best.json", "best.safetensors"):
        (out / name).unlink(missing_ok=True)


def figures_of(result: Evaluation) -> dict[str, Any]:
    """In percent: the figures of the segmentation, those of each score under its name, and the parts."""
    return {
        **result.segmentation.known_percents(),
        **{name: ranking.known_percents() for name, ranking in result.rankings.items()},
        "parts": {name: round(value, 2) for name, value in result.score_parts.items()},
    }


def _best_so_far(out: Path) -> float:
    path = out / "best.json"
    return json.loads(path.read_text())["deciding"] if path.is_file() else -math.inf
