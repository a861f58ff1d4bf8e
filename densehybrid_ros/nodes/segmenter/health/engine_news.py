"""What runs the network, for the log: when that changes, and once what a user should know of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class EngineNews:
    """Logs what a segmenter says of its engine."""

    def __init__(self, warn: Callable[[str], object], inform: Callable[[str], object]) -> None:
        self._warn, self._inform = warn, inform
        self._engine = "torch"
        self._warned: set[str] = set()

    def note(self, engine: str, warnings: Sequence[str]) -> None:
        """What runs the network now, and all that there is to warn of."""
        for each in warnings:
            if each not in self._warned:
                self._warned.add(each)
                self._warn(each)
        if engine != self._engine and not warnings:
            self._inform(f"engine: {engine}")
        self._engine = engine
