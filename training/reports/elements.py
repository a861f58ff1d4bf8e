"""HTML and SVG as values. Text is escaped where it comes in, so that no name of a file can become markup."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TypeAlias

WITHOUT_END = frozenset({"meta", "img", "input", "br"})


@dataclass(frozen=True)
class Markup:
    """HTML that is taken as it stands."""

    text: str


Content: TypeAlias = Markup | str


def element(tag: str, *contents: Content, **attributes: str | int | float | None) -> Markup:
    """One element.

    Args:
        contents: strings are escaped.
        attributes: escaped; "_" stands for "-", at the end for nothing (`class_`); None leaves one out.
    """
    given = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items() if value is not None}
    head = " ".join([tag, *(f'{name}="{html.escape(_text(value))}"' for name, value in given.items())])
    if tag in WITHOUT_END:
        return Markup(f"<{head}>")
    return Markup(f"<{head}>{joined(*contents).text}</{tag}>")


def joined(*contents: Content) -> Markup:
    """One after the other; strings are escaped."""
    return Markup("".join(each.text if isinstance(each, Markup) else html.escape(each) for each in contents))


def _text(value: str | int | float) -> str:
    """Coordinates with two decimals, of which none is needed."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
