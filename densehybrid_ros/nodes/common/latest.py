"""One slot per camera: the newest item wins."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class NewestWins(Generic[Key, Item]):
    """Slots between the thread that takes messages and the one that works on them; never a queue."""

    def __init__(self) -> None:
        self._items: dict[Key, Item] = {}
        self._closed = False
        self._condition = threading.Condition()

    def put(self, key: Key, item: Item) -> Item | None:
        """Hands over an item; returns the one that still waited under that key, or after `close` the item itself."""
        with self._condition:
            if self._closed:
                return item
            older = self._items.pop(key, None)
            self._items[key] = item
            self._condition.notify()
            return older

    def take(self) -> list[Item]:
        """Everything that waits, the one that has waited longest first; waits for at least one. Empty once closed."""
        with self._condition:
            self._condition.wait_for(lambda: bool(self._items) or self._closed)
            return [] if self._closed else self._emptied()

    def close(self) -> None:
        """Wakes whoever takes; what waits is left to `rest`."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def rest(self) -> list[Item]:
        """What waits, without waiting."""
        with self._condition:
            return self._emptied()

    def _emptied(self) -> list[Item]:
        items = list(self._items.values())
        self._items.clear()
        return items
