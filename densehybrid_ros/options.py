"""One description of everything that can be set: parameters of the nodes, keys of the recipes.

A set of settings is a frozen dataclass whose fields are made by `setting`. What no value can be judged by alone is
checked in its `__post_init__`, so that no invalid set exists. Parameters, their checks and their tables follow from it.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from functools import cache
from inspect import get_annotations
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from densehybrid_ros.errors import SetupError

REQUIRED: Any = MISSING
"""The default of a setting that must be given."""
Options = TypeVar("Options")
LARGEST_WHOLE = 1 << 1023
"""Numbers above are no floats."""
LINE = 125
"""Longest line of a page."""


def setting(
    default: Any,
    description: str,
    low: float | None = None,
    high: float | None = None,
    live: bool = False,
    choices: Sequence[str] = (),
    elsewhere: Mapping[str, str] | None = None,
    factory: Callable[[], Any] | None = None,
) -> Any:
    """A dataclass field with its description.

    Args:
        default: REQUIRED = must be given, also where a factory makes the default.
        low, high: inclusive range of a number, or of every number of a list.
        live: changeable while the node runs; otherwise read when the node is configured.
        choices: the only texts allowed; the description ends with them.
        elsewhere: texts that are known and refused, and why: what follows the text in the message.
        factory: makes a default that is a list or a nested set.
    """
    text = f"{description}: {', '.join(choices)}" if choices else description
    described = {"description": text, "low": low, "high": high, "live": live, "choices": tuple(choices)}
    described["elsewhere"] = dict(elsewhere or {})
    if factory is not None:
        return field(default_factory=factory, metadata=described)
    return field(default=default, metadata=described)


@dataclass(frozen=True)
class Setting:
    """One setting of a set."""

    name: str
    kind: Any
    """Its annotation: bool, int, float, str, a nested set, or a tuple or list of one of these."""
    default: Any
    """MISSING = must be given."""
    group: type
    """The class that names it."""
    description: str
    low: float | None
    high: float | None
    live: bool
    choices: tuple[str, ...]
    elsewhere: Mapping[str, str]

    @property
    def is_unset(self) -> bool:
        """Whether it has no value until somebody gives one: its default is NaN."""
        return isinstance(self.default, float) and math.isnan(self.default)

    @property
    def range_text(self) -> str:
        """The allowed numbers, "" = any."""
        if self.low is None and self.high is None:
            return ""
        if self.high is None:
            return f"at least {self.low}"
        return f"at most {self.high}" if self.low is None else f"from {self.low} to {self.high}"

    def checked(self, value: Any) -> Any:
        """The value, as the type that is wanted; an integer is taken for a float.

        Raises:
            SetupError: of another type, out of range, or no choice.
        """
        value = _of_kind(self.kind, value, self.name)
        for each in value if isinstance(value, (tuple, list)) else [value]:
            self._check_one(each)
        return value

    def _check_one(self, value: Any) -> None:
        if self.choices and value not in self.choices:
            listed = " or ".join(self.choices) if len(self.choices) == 2 else f"one of {', '.join(self.choices)}"
            raise SetupError(f"{self.name} '{value}' {self.elsewhere.get(value, 'is unknown')}; choose {listed}")
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        if self.range_text and not low <= value <= high:
            raise SetupError(f"{self.name} must be {self.range_text}, not {value}")


@cache
def settings_of(kind: type) -> tuple[Setting, ...]:
    """All settings of a set, in order: its own, then those of the classes that it is derived from."""
    hints = get_type_hints(kind)
    groups = {name: each for each in reversed(kind.__mro__) for name in get_annotations(each)}
    order = {each: index for index, each in enumerate(kind.__mro__)}
    made = []
    for entry in fields(kind):
        default = entry.default if entry.default_factory is MISSING else entry.default_factory()
        made.append(Setting(entry.name, hints[entry.name], default, groups[entry.name], **entry.metadata))
    return tuple(sorted(made, key=lambda entry: order[entry.group]))


def live_names(kind: type) -> tuple[str, ...]:
    """Names of the settings that may change while the node runs."""
    return tuple(entry.name for entry in settings_of(kind) if entry.live)


def built(kind: type[Options], content: Mapping[str, Any]) -> Options:
    """A set out of the values given, checked one by one and as a whole; the others keep their defaults.

    Raises:
        SetupError: unknown or missing name, wrong type, out of range, a value that is no choice, or a contradiction.
    """
    values = _checked(kind, content)
    missing = [entry.name for entry in settings_of(kind) if entry.default is MISSING and entry.name not in values]
    if missing:
        raise SetupError(f"'{missing[0]}' is missing")
    return kind(**values)


def changed(current: Options, changes: Mapping[str, Any]) -> Options:
    """A new set with the changes applied and checked as a whole.

    Raises:
        SetupError: as `built`.
    """
    whole: Any = current  # a dataclass, which the type variable cannot say
    return replace(whole, **_checked(type(current), changes))


def with_defaults(kind: Any, value: Any) -> Any:
    """What an older version wrote of a set by `asdict`: fields that it did not know yet have their defaults.

    Args:
        kind: a dataclass, a list of one, or any other annotation, whose value is returned as it is.
    """
    if get_origin(kind) is list and is_dataclass(get_args(kind)[0]):
        return [with_defaults(get_args(kind)[0], each) for each in value]
    if not is_dataclass(kind):
        return value
    hints, made = get_type_hints(kind), dict(value)
    for entry in fields(kind):
        if entry.name in made:
            made[entry.name] = with_defaults(hints[entry.name], made[entry.name])
        elif entry.default_factory is not MISSING:
            made[entry.name] = entry.default_factory()
        elif entry.default is not MISSING:
            made[entry.name] = entry.default
    return made


def _checked(kind: type, content: Mapping[str, Any]) -> dict[str, Any]:
    known = {entry.name: entry for entry in settings_of(kind)}
    for name in content:
        if name not in known:
            raise SetupError(f"setting '{name}' is unknown; known are {', '.join(known)}")
    return {name: known[name].checked(value) for name, value in content.items()}


def _of_kind(kind: Any, value: Any, name: str) -> Any:
    if is_dataclass(kind):
        return _nested(kind, value, name)
    if get_origin(kind) in (tuple, list):
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise SetupError(f"{name} must be a list of {get_args(kind)[0].__name__}, not {value!r}")
        made = [_of_kind(get_args(kind)[0], each, f"{name}[{index}]") for index, each in enumerate(value)]
        return get_origin(kind)(made)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= LARGEST_WHOLE:
            raise SetupError(f"{name} is larger than any float")
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise SetupError(f"{name} must be of type {kind.__name__}, not {value!r}")
    return value


def _nested(kind: Any, value: Any, name: str) -> Any:
    if not isinstance(value, Mapping):
        raise SetupError(f"{name} must be a mapping, not {value!r}")
    try:
        return built(kind, value)
    except SetupError as error:
        raise SetupError(f"{name}: {error}") from error


def markdown_table(kind: type) -> str:
    """The settings as a table for the docs; those of nested sets stand in it as `set.name`."""
    return "\n".join(["| name | default | range | |", "|---|---|---|---|", *_rows(kind, "")]) + "\n"


def table_rows(cells: Sequence[str], text: str) -> list[str]:
    """A row of a Markdown table that ends with a text, in as many rows as keep its lines short."""
    start = "| " + " | ".join(cells) + " | "
    first, *others = textwrap.wrap(text.replace("|", "\\|"), LINE - len(start) - len(" |"))
    return [f"{start}{first} |", *(f"{'| ' * (len(cells) + 1)}{other} |" for other in others)]


def default_text(entry: Setting) -> str:
    """The default as JSON, and so YAML, writes it."""
    if entry.default is MISSING:
        return "required"
    return "unset" if entry.is_unset else json.dumps(entry.default, ensure_ascii=False)


def _rows(kind: type, prefix: str) -> list[str]:
    rows: list[str] = []
    for entry in settings_of(kind):
        if isinstance(entry.kind, type) and is_dataclass(entry.kind):
            rows += _rows(entry.kind, f"{prefix}{entry.name}.")
        else:
            name = f"`{prefix}{entry.name}`" + (" (live)" if entry.live else "")
            bounds = entry.range_text.removeprefix("from ")
            rows += table_rows([name, default_text(entry), bounds], entry.description)
    return rows
