"""A recipe: all that a training run is, read from YAML and checked before the first step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from densehybrid_ros.core.errors import SetupError
from densehybrid_ros.training.losses import HybridLossWeights


@dataclass(frozen=True)
class SetSource:
    """One labelled set in the mix."""

    name: str
    root: str
    split: str = "train"
    weight: float = 1.0
    """Share of the crops drawn from this set, against the other sets' weights."""


@dataclass(frozen=True)
class Pasting:
    """What is pasted into each crop, and how."""

    root: str = ""
    """Folder of negatives in the ADE20K layout; "" = none."""
    split: str = "training"
    style: str = "natural"
    """natural, or released: hard edges, one patch per crop."""
    negative_probability: float = 0.85
    """A crop holds negatives at all."""
    made_share: float = 0.3
    """Of the negatives, made outlines and patterns."""
    max_negatives: int = 3
    inlier_probability: float = 0.5
    """A crop holds inlier segments of other frames, pasted the same way."""
    max_inliers: int = 2


@dataclass(frozen=True)
class Recipe:
    """See training/recipes for examples."""

    architecture: str
    train: list[SetSource]
    steps: int
    validation: list[SetSource] = field(default_factory=list)
    """The first gives mIoU; every set with anomalies gives AP and FPR95."""
    pasting: Pasting = field(default_factory=Pasting)
    loss: HybridLossWeights = field(default_factory=HybridLossWeights)
    open_set: bool = True
    """False: closed-set training, the cross-entropy alone."""
    start: str = ""
    """Weights to start from: a .safetensors of ours, "imagenet" (trunk only), or "" = fresh."""
    batch: int = 8
    crop: list[int] = field(default_factory=lambda: [256, 320])
    """Height and width, px."""
    scale: list[float] = field(default_factory=lambda: [0.75, 2.5])
    rare_classes: list[str] = field(default_factory=list)
    """Half of the crops are centred on one of these."""
    ground_classes: list[str] = field(default_factory=list)
    """Classes on which pasted things stand."""
    class_balance: float = 0.0
    """Exponent e: classes weigh frequency^−e in the cross-entropy, mean 1."""
    photometric: float = 1.0
    """Strength of the photometric change."""
    learning_rate: float = 1e-3
    learning_rate_min: float = 1e-6
    trunk_factor: float = 0.25
    """Learning rate of the pre-trained trunk relative to the rest."""
    freeze_early: bool = False
    """Stem and first stages stay as they started, batch-norm statistics included."""
    loss_stride: int = 1
    """The loss looks at every n-th pixel in both directions, at a random offset, after upsampling."""
    warm_up: int = 50
    weight_decay: float = 1e-4
    betas: list[float] = field(default_factory=lambda: [0.9, 0.999])
    epsilon: float = 1e-7
    average: float = 0.0
    """Decay of the exponential moving average of the weights; 0 = none. The average is what is validated and kept."""
    precision: str = "fp32"
    """fp32, or bf16 autocast."""
    validate_every: int = 500
    checkpoint_every: int = 250
    validation_stride: int = 1
    """Periodic validation looks at every n-th picture."""
    inference_width: int = 0
    """Width in px at which validation runs and which the weights then recommend; 0 = native."""
    seed: int = 1
    training_data: str = ""
    licence: str = ""


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
        return next((str(folder / root) for folder in data if (folder / root).is_dir()), root)

    return replace(
        recipe,
        train=[replace(source, root=resolved(source.root)) for source in recipe.train],
        validation=[replace(source, root=resolved(source.root)) for source in recipe.validation],
        pasting=replace(recipe.pasting, root=resolved(recipe.pasting.root) if recipe.pasting.root else ""),
    )


def _build(kind: type, content: dict[str, Any], where: str) -> Any:
    """A frozen dataclass from a mapping, nested ones included."""
    known = {entry.name: entry for entry in fields(kind)}
    unknown = [key for key in content if key not in known]
    if unknown:
        raise SetupError(f"{where}: unknown key '{unknown[0]}'; known are {', '.join(known)}")
    values: dict[str, Any] = {}
    for key, value in content.items():
        values[key] = _convert(str(known[key].type), value, f"{where}: {key}")
    try:
        return kind(**values)
    except TypeError as error:
        raise SetupError(f"{where}: {error}") from error


NESTED: dict[str, type] = {"Pasting": Pasting, "HybridLossWeights": HybridLossWeights}
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
    if annotation in LISTS:
        if not isinstance(value, list) or not all(_is(entry, LISTS[annotation]) for entry in value):
            raise SetupError(f"{where} must be a {annotation}, not {value!r}")
        return value
    if not _is(value, SCALARS[annotation]):
        raise SetupError(f"{where} must be of type {annotation}, not {value!r}")
    return float(value) if annotation == "float" else value


def _is(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _check(recipe: Recipe, path: Path) -> None:
    """Values that are of the right type and still make no run."""
    problems = [
        (not recipe.train, "train lists no data set"),
        (recipe.steps < 1, f"steps is {recipe.steps}; give at least 1"),
        (recipe.batch < 2, f"batch is {recipe.batch}; batch norm needs at least 2"),
        (len(recipe.crop) != 2 or min(recipe.crop) < 64, f"crop is {recipe.crop}; give [height, width], each >= 64"),
        (len(recipe.scale) != 2 or not 0 < recipe.scale[0] <= recipe.scale[1], f"scale is {recipe.scale}"),
        (recipe.precision not in ("fp32", "bf16"), f"precision is '{recipe.precision}'; choose fp32 or bf16"),
        (recipe.pasting.style not in ("natural", "released"), f"pasting.style is '{recipe.pasting.style}'"),
        (any(source.weight <= 0 for source in recipe.train), "a train set has a weight that is not above 0"),
    ]
    for wrong, message in problems:
        if wrong:
            raise SetupError(f"{path}: {message}")
