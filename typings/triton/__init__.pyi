"""Triton, which is not installed everywhere: what its compiler makes of a kernel's types pyright cannot follow."""

from typing import Any

def __getattr__(name: str) -> Any: ...
