"""A set with its truth in other classes, by a map that is built in or by one in a YAML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from densehybrid_ros.errors import SetupError, chosen
from densehybrid_ros.formats.yaml_files import read_yaml
from densehybrid_ros.labels import relabelled
from densehybrid_ros.taxonomies import BUILT_IN, TAXONOMIES, ClassMap, Names, Taxonomy, map_table
from densehybrid_ros.training.datasets.pairs import LabelledSet


def class_map(classes: Sequence[str], wanted: str) -> ClassMap:
    """How a set of these classes is read as `wanted`: a taxonomy that a map is built in for, or a YAML file.

    Raises:
        SetupError: no such map or file, or the file is none of these classes.
    """
    if Path(wanted).suffix in (".yaml", ".yml"):
        return read_class_map(Path(wanted), classes)
    found = BUILT_IN.get((tuple(classes), wanted))
    if found is None:
        raise SetupError(
            f"no map to the classes of '{wanted}' is built in for a set of {', '.join(classes)}; "
            "write one as a YAML file (docs/datasets.md) and name that"
        )
    return found


def read_class_map(path: Path, classes: Sequence[str]) -> ClassMap:
    """A YAML file with `target`, a taxonomy, and `classes`: class of the set → class of the target, or null.

    Raises:
        SetupError: no such file, another layout, or classes that are missing or unknown.
    """
    try:
        content = read_yaml(path)
    except (OSError, ValueError) as error:
        raise SetupError(f"class map {path} cannot be read: {error}") from error
    names = content.get("classes") if isinstance(content, dict) else None
    if not isinstance(names, dict):
        raise SetupError(f"class map {path} must hold 'target' and the mapping 'classes'; see docs/datasets.md")
    target = chosen(f"target of {path}", str(content.get("target")), TAXONOMIES)
    _check_names(path, names, classes, target)
    return ClassMap(target, names)


def _check_names(path: Path, names: Names, classes: Sequence[str], target: Taxonomy) -> None:
    missing = [name for name in classes if name not in names]
    unknown = [str(name) for name in names if name not in classes]
    strange = [str(name) for name in names.values() if name is not None and name not in target.classes]
    for what, found, known in (
        ("lacks a row for", missing, classes),
        ("maps what the set has not:", unknown, classes),
        ("maps to what the target has not:", strange, target.classes),
    ):
        if found:
            raise SetupError(f"class map {path} {what} {', '.join(found)}; known are {', '.join(known)}")


def in_classes(source: LabelledSet, wanted: str) -> LabelledSet:
    """The set with its truth in other classes; "" leaves it as it is.

    Raises:
        SetupError: see `class_map`.
    """
    if not wanted:
        return source
    mapped = class_map(source.classes, wanted)
    table = map_table(source.classes, mapped.names, mapped.target.classes)
    return replace(
        source,
        table=relabelled(source.table[None], table)[0],
        classes=mapped.target.classes,
        palette=mapped.target.palette,
    )
