"""Tables of figures: frozen dataclasses whose fields say how each figure is computed and what readers call it.

A figure is added by one field: evaluation, validation, the live evaluator and the recorder print whatever there is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import numpy as np

Table = TypeVar("Table", bound="Figures")


def figure(title: str, of: Callable[[Any], float]) -> Any:
    """A field of `Figures`: what it is called, and the function that gives it, in 0..1."""
    return field(metadata={"title": title, "of": of})


@dataclass(frozen=True)
class Figures:
    """Figures that one kind of evidence gives, all in 0..1; nan where one is undefined."""

    @classmethod
    def of(cls: type[Table], evidence: Any) -> Table:
        """All of them, of what their functions take."""
        return cls(**{each.name: each.metadata["of"](evidence) for each in fields(cls)})

    @classmethod
    def mean(cls: type[Table], several: Sequence[Table], weights: Sequence[float] | None = None) -> Table:
        """The mean of each figure, weighted where weights are given; nan where none has weight."""
        names = [each.name for each in fields(cls)]
        return cls(**{name: _mean([getattr(each, name) for each in several], weights) for name in names})

    @classmethod
    def titles(cls) -> dict[str, str]:
        """Name → what readers call it."""
        return {each.name: each.metadata["title"] for each in fields(cls)}

    def percents(self) -> dict[str, float | None]:
        """Name → percent with two decimals; None where it is undefined."""
        return {each.name: percent(getattr(self, each.name)) for each in fields(self)}

    def known_percents(self) -> dict[str, float]:
        """Name → percent of those that are defined."""
        return {name: value for name, value in self.percents().items() if value is not None}


def percent(value: float) -> float | None:
    """With two decimals; None for nan."""
    return None if math.isnan(value) else round(100 * value, 2)


def _mean(values: Sequence[float], weights: Sequence[float] | None) -> float:
    given = [1.0] * len(values) if weights is None else weights
    return float(np.average(values, weights=given)) if sum(given) else math.nan
