"""Recipes read from YAML and checked before the first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, Field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.losses.hybrid import HybridLossWeights
from densehybrid_ros.training.recipe.recipe import FlowTraining, Pasting, Recipe, SetSource

PRECISIONS = ("fp32", "bf16", "fp16")
"""See training/run/engine.py."""
OPTIMIZERS = ("adamw", "adam")
STYLES = ("natural", "released")


def read_recipe(path: Path, data: Sequence[Path] = (), overrides: dict[str, Any] | None = None) -> Recipe:
    """Reads and checks a YAML recipe.

    Args:
        data: folders in which the recipe's relative roots are looked up, in this order.
        overrides: values of top-level keys that win over the file's.

    Raises:
        SetupError: no such file, no YAML, an unknown or missing key, or a value of the wrong type.
    """
    if not path.is_file():
        raise SetupError(f"recipe {path} does not exist; examples are in training/recipes")
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise SetupError(f"recipe {path} is no valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise SetupError(f"recipe {path} must be a mapping of keys to values; see training/recipes")
    recipe = _build(Recipe, {**content, **(overrides or {})}, str(path))
    _check(recipe, path)
    return _with_roots(recipe, data)


def _with_roots(recipe: Recipe, data: Sequence[Path]) -> Recipe:
    """The recipe with every relative root replaced by the first folder of that name below `data`."""

    def resolved(root: str) -> str:
        return next((str(folder / root) for folder in data if root and (folder / root).is_dir()), root)

    def resolved_set(source: SetSource) -> SetSource:
        return replace(source, root=resolved(source.root), negatives=resolved(source.negatives))

    return replace(
        recipe,
        train=list(map(resolved_set, recipe.train)),
        validation=list(map(resolved_set, recipe.validation)),
        pasting=replace(recipe.pasting, root=resolved(recipe.pasting.root)),
    )


def _build(kind: type, content: dict[str, Any], where: str) -> Any:
    """A frozen dataclass from a mapping, nested ones included."""
    known = {entry.name: entry for entry in fields(kind)}
    unknown = [key for key in content if key not in known]
    if unknown:
        raise SetupError(f"{where}: unknown key '{unknown[0]}'; known are {', '.join(known)}")
    missing = [name for name, entry in known.items() if _needed(entry) and name not in content]
    if missing:
        raise SetupError(f"{where}: '{missing[0]}' is missing")
    values: dict[str, Any] = {}
    for key, value in content.items():
        values[key] = _convert(str(known[key].type), value, f"{where}: {key}")
    return kind(**values)


def _needed(entry: Field[Any]) -> bool:
    return entry.default is MISSING and entry.default_factory is MISSING


NESTED: dict[str, type] = {"Pasting": Pasting, "FlowTraining": FlowTraining, "HybridLossWeights": HybridLossWeights}
SCALARS: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}
LISTS: dict[str, tuple[type, ...]] = {"list[int]": (int,), "list[float]": (int, float), "list[str]": (str,)}


def _convert(annotation: str, value: Any, where: str) -> Any:
    if annotation in NESTED:
        if not isinstance(value, dict):
            raise SetupError(f"{where} must be a mapping, not {value!r}")
        return _build(NESTED[annotation], value, where)
    if annotation == "list[SetSource]":
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise SetupError(f"{where} must be a list of mappings with name and root, not {value!r}")
        return [_build(SetSource, entry, f"{where}[{index}]") for index, entry in enumerate(value)]
    if annotation in ("float", "list[float]"):
        value = _numbers(value)
    if annotation in LISTS:
        if not isinstance(value, list) or not all(_is(entry, LISTS[annotation]) for entry in value):
            raise SetupError(f"{where} must be a {annotation}, not {value!r}")
        return value
    if not _is(value, SCALARS[annotation]):
        raise SetupError(f"{where} must be of type {annotation}, not {value!r}")
    return float(value) if annotation == "float" else value


def _numbers(value: Any) -> Any:
    """YAML 1.1 reads 1e-3 as text: it wants 1.0e-3."""
    if isinstance(value, list):
        return list(map(_numbers, value))
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _is(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _shares(recipe: Recipe) -> list[float]:
    pasting = recipe.pasting
    return [pasting.negative_probability, pasting.made_share, pasting.inlier_probability, recipe.flow.probability]


def _check(recipe: Recipe, path: Path) -> None:
    """Values that are of the right type and still make no run."""
    problems = [
        (not recipe.train, "train lists no data set"),
        (recipe.steps < 0 or (recipe.steps == 0 and recipe.epochs <= 0), "give steps or epochs above 0"),
        (recipe.accumulate < 1, f"accumulate is {recipe.accumulate}; give at least 1"),
        (recipe.optimizer not in OPTIMIZERS, f"optimizer is '{recipe.optimizer}'; choose {' or '.join(OPTIMIZERS)}"),
        (min(recipe.log_every, recipe.validate_every, recipe.checkpoint_every) < 1, "an ..._every is below 1"),
        (recipe.reference_height < 0, f"reference_height is {recipe.reference_height}; give 0 or more"),
        (recipe.batch < 2, f"batch is {recipe.batch}; batch norm needs at least 2"),
        (recipe.loss_stride < 1, f"loss_stride is {recipe.loss_stride}; give at least 1"),
        (recipe.validation_stride < 1, f"validation_stride is {recipe.validation_stride}; give at least 1"),
        (not 0 <= recipe.average < 1, f"average is {recipe.average}; give a decay from 0 to below 1"),
        (min(recipe.weight_decay, recipe.learning_rate_min) < 0, "weight_decay or learning_rate_min is below 0"),
        (not recipe.learning_rate > 0, f"learning_rate is {recipe.learning_rate}; give more than 0"),
        (recipe.epsilon <= 0, f"epsilon is {recipe.epsilon}; give more than 0"),
        (len(recipe.betas) != 2 or not all(0 <= beta < 1 for beta in recipe.betas), f"betas is {recipe.betas}"),
        (recipe.jitter not in STYLES, f"jitter is no {' or '.join(STYLES)}: '{recipe.jitter}'"),
        (len(recipe.crop) != 2 or min(recipe.crop) < 64, f"crop is {recipe.crop}; give [height, width], each >= 64"),
        (len(recipe.scale) != 2 or not 0 < recipe.scale[0] <= recipe.scale[1], f"scale is {recipe.scale}"),
        (recipe.precision not in PRECISIONS, f"precision is '{recipe.precision}'; choose {', '.join(PRECISIONS)}"),
        (recipe.flow.style not in STYLES, f"flow.style is no {' or '.join(STYLES)}: '{recipe.flow.style}'"),
        (
            len(recipe.flow.sides) != 2 or not 8 <= recipe.flow.sides[0] <= recipe.flow.sides[1],
            "flow.sides is no range",
        ),
        (
            bool(recipe.flow.weights) and recipe.flow.sides[0] > min(recipe.crop),
            f"flow.sides begins at {recipe.flow.sides[0]}, the crop has {min(recipe.crop)}",
        ),
        (recipe.loss_stride > min(recipe.crop), f"loss_stride is {recipe.loss_stride}; a crop has {min(recipe.crop)}"),
        (recipe.seed < 0, f"seed is {recipe.seed}; give 0 or more"),
        (recipe.inference_width < 0, f"inference_width is {recipe.inference_width}; give 0 (native) or more"),
        (recipe.photometric < 0, f"photometric is {recipe.photometric}; give 0 or more"),
        (min(recipe.pasting.max_negatives, recipe.pasting.max_inliers) < 1, "pasting: a max_... is below 1"),
        (any(not 0 <= share <= 1 for share in _shares(recipe)), "a probability or share is not within 0 to 1"),
        (recipe.flow.every < 1, f"flow.every is {recipe.flow.every}; give at least 1"),
        (bool(recipe.flow.weights) and not recipe.open_set, "flow.weights are of no use without open_set: true"),
        (recipe.pasting.patch < 32, f"pasting.patch is {recipe.pasting.patch}; give at least 32"),
        (recipe.pasting.style not in STYLES, f"pasting.style is no {' or '.join(STYLES)}: '{recipe.pasting.style}'"),
        (any(source.weight <= 0 for source in recipe.train), "a train set has a weight that is not above 0"),
        (any(source.negatives for source in recipe.train), "a train set has negatives; name them in pasting.root"),
    ]
    for wrong, message in problems:
        if wrong:
            raise SetupError(f"{path}: {message}")
