"""Whether a camera's stamps go forward."""

from __future__ import annotations

from enum import Enum, auto

from builtin_interfaces.msg import Time

CLOCK_JUMP = 1_000_000_000
"""ns; a stamp that lies further back means that the clock was set back (a bag loop), not that the frame is late."""


class Order(Enum):
    NEWER = auto()
    """Also a stamp equal to the last: drivers without a clock leave it at zero."""
    OLDER = auto()
    JUMPED_BACK = auto()


class StampOrder:
    """Compares each stamp with the newest before it."""

    def __init__(self) -> None:
        self._newest: int | None = None

    def next(self, stamp: Time) -> Order:
        value = nanoseconds(stamp)
        if self._newest is not None and 0 < self._newest - value <= CLOCK_JUMP:
            return Order.OLDER
        jumped = self._newest is not None and value < self._newest
        self._newest = value
        return Order.JUMPED_BACK if jumped else Order.NEWER


def nanoseconds(stamp: Time) -> int:
    return stamp.sec * 1_000_000_000 + stamp.nanosec
