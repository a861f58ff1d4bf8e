"""Messages of one topic that wait for the image with their stamp; survives a clock that is set back."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

from densehybrid_ros.nodes.common.stamps import CLOCK_JUMP

KEPT = 8
"""Messages that wait at most, besides those whose image is at work."""

Item = TypeVar("Item")


class StampMatcher(Generic[Item]):
    """Thread-safe. Stamps and tolerances in ns.

    An image is expected from the moment when it is taken until it is done. A message that belongs to no expected image
    may belong to one that is still to come, and is kept while it is among the newest.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._items: dict[int, Item] = {}
        self._expected: list[int] = []

    def expect(self, stamp: int) -> None:
        """An image with that stamp is at work."""
        with self._lock:
            self._expected.append(stamp)

    def done(self, stamp: int) -> None:
        """The image is done; what only it could have used goes.

        What is far older is of a clock that was set back, and stays: the first image of that time is still to come.
        """
        with self._lock:
            if stamp not in self._expected:  # from before a restart: its stamp says nothing about what is there now
                return
            self._expected.remove(stamp)
            oldest = min(self._expected, default=stamp)
            if oldest >= stamp:
                self._items = {at: item for at, item in self._items.items() if not 0 <= stamp - at <= CLOCK_JUMP}

    def offer(self, stamp: int, item: Item, tolerance: int) -> None:
        """A message has come."""
        with self._lock:
            self._items.pop(stamp, None)  # a newer one of the same stamp goes to the end
            self._items[stamp] = item
            unclaimed = [at for at in self._items if not any(abs(at - each) <= tolerance for each in self._expected)]
            for at in unclaimed[:-KEPT]:
                del self._items[at]

    def nearest(self, stamp: int, tolerance: int) -> Item | None:
        """The message nearest to the stamp, within the tolerance; it stays."""
        with self._lock:
            found = min(self._items, key=lambda at: abs(at - stamp), default=None)
            return None if found is None or abs(found - stamp) > tolerance else self._items[found]

    def restart(self, stamp: int | None = None) -> None:
        """Forgets everything, also what is expected; but for messages that came before the first image of a new time.

        Args:
            stamp: of that image; None = there is none.
        """
        with self._lock:
            self._expected.clear()
            near = {} if stamp is None else self._items
            self._items = {at: item for at, item in near.items() if abs(at - (stamp or 0)) <= CLOCK_JUMP}
