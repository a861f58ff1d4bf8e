"""One slot, one worker thread: the newest item wins, older ones are dropped and counted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class NewestWins(Generic[Item]):
    """Runs `work(item)` in its own thread, always on the newest item put in.

    `work` must not raise: what can go wrong per frame is counted where it is known.
    """

    def __init__(self, work: Callable[[Item], None], dropped: Callable[[], None]) -> None:
        self._work = work
        self._dropped = dropped
        self._item: Item | None = None
        self._stopping = False
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="inference")
        self._thread.start()

    def put(self, item: Item) -> None:
        """Hands over an item; one that still waits is dropped."""
        with self._condition:
            replaced = self._item is not None
            self._item = item
            self._condition.notify()
        if replaced:
            self._dropped()

    def stop(self) -> None:
        """Waits for the item at work and ends the thread; one that still waits is dropped."""
        with self._condition:
            waiting, self._item = self._item is not None, None
            self._stopping = True
            self._condition.notify()
        if waiting:
            self._dropped()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._item is not None or self._stopping)
                item, self._item = self._item, None
            if item is None:
                return
            self._work(item)
