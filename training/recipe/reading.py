"""Recipes read from YAML and checked before the first step; every error names the line that is to be changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn, get_args, get_origin

import yaml

from densehybrid_ros.errors import SetupError
from densehybrid_ros.formats.yaml_files import UNFIT, within_bounds
from densehybrid_ros.options import MISSING, Setting, changed, settings_of
from densehybrid_ros.training.recipe.recipe import Recipe, SetSource

LIKE = "like"
"""Key of a recipe that names the one whose keys it takes over."""


class _Loader(yaml.SafeLoader):
    """YAML 1.1 takes 1e-3 for text: it wants 1.0e-3."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read_recipe(path: Path, data: Sequence[Path] = (), overrides: dict[str, Any] | None = None) -> Recipe:
    """Reads and checks a YAML recipe.

    A recipe that begins with `like: OTHER.yaml`, a file beside it, says only what it changes: its keys win, each whole,
    a mapping such as `loss` with all that is in it.

    Args:
        data: folders in which the recipe's relative roots are looked up, in this order.
        overrides: values of top-level keys that win over the file's.

    Raises:
        SetupError: no such file or folder of data, no YAML, an unknown, doubled or missing key, or a value of the wrong
            type or range.
    """
    for folder in data:
        if not folder.is_dir():
            raise SetupError(f"data folder {folder} does not exist; give the folder above those that the recipe names")
    reader = _Reader()
    recipe = changed(reader.read_set(Recipe, reader.compose(path), ""), overrides or {})
    _check(recipe, path)
    return _with_roots(recipe, data)


class _Reader:
    """Turns nodes of YAML, which know their lines, into sets of settings."""

    def __init__(self) -> None:
        self.loader = _Loader("")
        """Makes values of nodes, of whichever file."""

    def compose(self, path: Path, likened: tuple[Path, ...] = ()) -> yaml.MappingNode:
        """The keys and values of a recipe, and those of the one that it is `like` for which it has none of its own."""
        if not path.is_file():
            raise SetupError(f"recipe {path} does not exist; examples are in training/recipes")
        try:
            loader = _Loader(within_bounds(path.read_text(encoding="utf-8")))
            loader.name = str(path)
            node = loader.get_single_node()
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise SetupError(f"recipe {path} is no valid YAML: {error}") from error
        if not isinstance(node, yaml.MappingNode):
            raise SetupError(f"recipe {path} must be a mapping of keys to values; see training/recipes")
        pairs = self._pairs(node, "")
        if LIKE not in pairs:
            return node
        key, value = pairs.pop(LIKE)
        name = value.value if isinstance(value, yaml.ScalarNode) else ""
        other = path.parent.resolve() / Path(name).name
        if not name or not _is_file(other):
            self._refuse(key, f"'{LIKE}' names {other}, which does not exist; give a recipe beside this one")
        likened = (*likened, path.resolve())
        if other in likened:
            self._refuse(key, f"'{LIKE}' leads back to {other}")
        pairs = {**self._pairs(self.compose(other, likened), ""), **pairs}
        return yaml.MappingNode(node.tag, list(pairs.values()), node.start_mark, node.end_mark)

    def read_set(self, kind: Any, node: yaml.Node, where: str) -> Any:
        """A set of settings; `where` is its place in the recipe, as "loss."."""
        known = {entry.name: entry for entry in settings_of(kind)}
        pairs = self._pairs(node, where)
        for name, (key, _) in pairs.items():
            if name not in known:
                near = get_close_matches(name, known, 1)
                hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
                self._refuse(key, f"unknown key '{where}{name}'; {hint}")
        for entry in known.values():
            if entry.default is MISSING and entry.name not in pairs:
                self._refuse(node, f"'{where}{entry.name}' is missing")
        return kind(**{name: self._read(known[name], value, where) for name, (_, value) in pairs.items()})

    def _read(self, entry: Setting, node: yaml.Node, where: str) -> Any:
        if is_dataclass(entry.kind):
            return self.read_set(entry.kind, node, f"{where}{entry.name}.")
        (item,) = get_args(entry.kind)[:1] or (None,)
        if get_origin(entry.kind) is list and is_dataclass(item):
            if not isinstance(node, yaml.SequenceNode):
                self._refuse(node, f"{where}{entry.name} must be a list of mappings")
            return [
                self.read_set(item, each, f"{where}{entry.name}[{index}].") for index, each in enumerate(node.value)
            ]
        try:
            return entry.checked(self.loader.construct_object(node, deep=True))
        except SetupError as error:
            self._refuse(node, f"{where}{error}")
        except yaml.MarkedYAMLError as error:  # a tag that nothing is made of, or a key that cannot be one
            self._refuse(node, f"{where}{entry.name} is no value: {error.problem}")
        except UNFIT as error:
            self._refuse(node, f"{where}{entry.name} is no value: {error}")

    def _pairs(self, node: yaml.Node, where: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            self._refuse(node, f"{where.rstrip('.')} must be a mapping of keys to values")
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(key, "a key must be a word")
            if key.value in seen:
                self._refuse(key, f"'{where}{key.value}' is given twice")
            seen.add(key.value)
        try:
            self.loader.flatten_mapping(node)  # of keys that are merged in by <<, its own win
        except yaml.MarkedYAMLError as error:
            self._refuse(error.problem_mark or node, f"what << merges in is no mapping: {error.problem}")
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(key, "a key that is merged in must be a word")
        return {key.value: (key, value) for key, value in node.value}

    def _refuse(self, place: yaml.Node | yaml.Mark, message: str) -> NoReturn:
        mark = place if isinstance(place, yaml.Mark) else place.start_mark
        raise SetupError(f"{mark.name}, line {mark.line + 1}: {message}")


def _is_file(path: Path) -> bool:
    """Also where the name is too long, or none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


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
        pasting=replace(
            recipe.pasting, root=resolved(recipe.pasting.root), also=[resolved(root) for root in recipe.pasting.also]
        ),
    )


def _check(recipe: Recipe, path: Path) -> None:
    """Values of which each is right and which make no run together."""
    smallest, flow = min(recipe.crop), recipe.flow
    pairs = {"crop": recipe.crop, "scale": recipe.scale, "betas": recipe.betas, "flow.sides": flow.sides}
    problems = [
        *((len(values) != 2, f"{name} is {values}; give two values") for name, values in pairs.items()),
        (not recipe.train, "train lists no data set"),
        (recipe.steps == 0 and recipe.epochs == 0, "give steps or epochs above 0"),
        (recipe.scale[0] > recipe.scale[-1], f"scale is {recipe.scale}; give the smaller first"),
        (flow.sides[0] > flow.sides[-1], f"flow.sides is {flow.sides}; give the smaller first"),
        (
            bool(flow.weights) and flow.sides[0] > smallest,
            f"flow.sides begins at {flow.sides[0]}, the crop has {smallest}",
        ),
        (recipe.loss_stride > smallest, f"loss_stride is {recipe.loss_stride}; a crop has {smallest}"),
        (bool(flow.weights) and not recipe.open_set, "flow.weights are of no use without open_set: true"),
        (bool(recipe.pasting.also) and not recipe.pasting.root, "pasting.also needs pasting.root"),
        (any(source.negatives for source in recipe.train), "a train set has negatives; name them in pasting.root"),
    ]
    for wrong, message in problems:
        if wrong:
            raise SetupError(f"{path}: {message}")
