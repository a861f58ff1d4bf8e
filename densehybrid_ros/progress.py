"""Progress on a terminal, and nothing where the output goes into a file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress_bar(items: Iterable[Item] = (), shown: bool = True, **options: Any) -> tqdm[Item]:
    """tqdm with its options; `shown` False hides it on terminals too."""
    return tqdm(items, disable=None if shown else True, **options)
