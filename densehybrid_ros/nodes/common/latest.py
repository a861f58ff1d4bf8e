"""One slot per camera: the newest item wins, older ones are dropped and counted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class NewestWins(Generic[Key, Item]):
    """Slots between the thread that takes messages and the one that works on them; never a queue."""

    def __init__(self, dropped: Callable[[Item], None]) -> None:
        self._dropped = dropped
        self._items: dict[Key, Item] = {}
        self._closed = False
        self._condition = threading.Condition()

    def put(self, key: Key, item: Item) -> None:
        """Hands over an item; one that still waits under that key is dropped, and so is any after `close`."""
        with self._condition:
            replaced = item if self._closed else self._items.pop(key, None)
            if not self._closed:
                self._items[key] = item
            self._condition.notify()
        if replaced is not None:
            self._dropped(replaced)

    def take(self) -> list[Item]:
        """Everything that waits, the one that has waited longest first; waits for at least one. Empty once closed."""
        with self._condition:
            self._condition.wait_for(lambda: bool(self._items) or self._closed)
            items = list(self._items.values())
            self._items.clear()
            return items

    def close(self) -> None:
        """Wakes whoever takes; what still waits is dropped."""
        with self._condition:
            waiting = list(self._items.values())
            self._items.clear()
            self._closed = True
            self._condition.notify_all()
        for item in waiting:
            self._dropped(item)
