"""YAML from people whom nobody knows: plain values alone, and within bounds.

A kilobyte of it can unfold to more than there is memory for, by references to references, and nest deeper than Python's
stack.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

DEEPEST, MOST_NODES = 50, 1_000_000
"""Of what a file unfolds to."""
UNFIT = (ValueError, KeyError, AttributeError, TypeError, OverflowError)
"""What PyYAML raises over values that are not what they are marked as: a date without a month, `!!bool maybe`."""


def read_yaml(path: Path) -> Any:
    """What the file holds.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no YAML, or none within bounds; with the reason.
    """
    return yaml_value(path.read_text(encoding="utf-8"))


def yaml_value(text: str) -> Any:
    """What the text stands for.

    Raises:
        ValueError: as `read_yaml`.
    """
    try:
        return yaml.safe_load(within_bounds(text))
    except (yaml.YAMLError, *UNFIT) as error:
        raise ValueError(" ".join(str(error).split())[:300] or type(error).__name__) from error


def within_bounds(text: str) -> str:
    """The text itself.

    Raises:
        ValueError: it nests too deep or unfolds to too much.
        yaml.YAMLError: it is no YAML.
    """
    sizes: dict[str, int] = {}
    """Nodes that a reference stands for."""
    open_nodes: list[tuple[str | None, int]] = []
    """Name, and how many nodes there were before."""
    count = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, count))
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor:
                sizes[anchor] = count - before
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in (anchor for anchor, _ in open_nodes):
                raise ValueError(f"'*{event.anchor}' stands within what it refers to")
            count += sizes.get(event.anchor, 1)
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
        if len(open_nodes) > DEEPEST or count > MOST_NODES:
            raise ValueError(f"nested deeper than {DEEPEST}, or more than {MOST_NODES} values")
    return text
