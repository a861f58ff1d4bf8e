"""Messages of one image put together by its stamp, and the last frames of a camera.

No picture is ever shown with another image's maps: a frame exists only when all of its parts bear one stamp.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.scenes import Scene
from densehybrid_ros.topics import ANOMALY, IMAGE, OPEN_SET, SEMANTIC, Topic

NEEDED = (IMAGE, ANOMALY, OPEN_SET, SEMANTIC)
"""What is shown of an image, together or not at all; its obstacles come later."""
MOST_PENDING = 256 << 20
"""Bytes of images and maps that wait for the rest of theirs: as many as come while the segmenter works on one. Older
ones are given up, as are those that it has passed over."""
MOST_DESCRIBED = 64
"""Stamps of which the obstacles are kept until their frame is made."""
PATIENCE = 0.6
"""s that a frame waits for its obstacles, which come later than its maps, before it is shown without them."""
CLOCK_JUMP = 1_000_000_000
"""ns; an image whose stamp lies further back than this begins a new pass, as of a bag that is looped."""
Messages = Mapping[Topic, Any]
"""By topic, the messages of one image."""


class PartMatcher:
    """Takes the messages of one camera; gives those of one stamp together, and again where one of them is renewed, as
    when the threshold changes while the camera is paused. One caller at a time."""

    def __init__(self) -> None:
        self._pending: dict[int, dict[Topic, Any]] = {}
        self._given: int | None = None
        """The newest stamp that was given; none that is older will be."""
        self._newest: int | None = None

    def offer(self, topic: Topic, stamp: int, message: Any) -> Messages | None:
        """One more message; gives all that has come of its image where that is whole.

        Args:
            topic: one of NEEDED.
            stamp: ns.
        """
        if self._given is not None and stamp < self._given:
            return None
        parts = self._pending.setdefault(stamp, {})
        parts[topic] = message
        if len(parts) < len(NEEDED):
            self._give_up()
            return None
        self._given = stamp
        self._pending = {each: waiting for each, waiting in self._pending.items() if each >= stamp}
        return dict(parts)

    def restarts(self, stamp: int) -> bool:
        """To be asked with each image's stamp, before it is offered: whether they have jumped back, and all begins
        anew."""
        jumped = self._newest is not None and stamp < self._newest - CLOCK_JUMP
        self._newest = stamp if jumped or self._newest is None else max(stamp, self._newest)
        if jumped:
            self._pending.clear()
            self._given = None
        return jumped

    def _give_up(self) -> None:
        held = {stamp: sum(len(each.data) for each in parts.values()) for stamp, parts in self._pending.items()}
        whole = sum(held.values())
        for stamp in sorted(held)[:-1]:
            if whole <= MOST_PENDING:
                return
            whole -= held[stamp]
            del self._pending[stamp]


@dataclass(frozen=True, eq=False)
class Frame:
    """One image with what the segmenter said of it, made smaller for a screen."""

    camera: str
    stamp: int
    """ns"""
    picture: NDArray[np.uint8]
    """(h, w, 3) RGB."""
    scene: Scene
    """(h, w); the open set as it was published."""
    size: tuple[int, int]
    """Width and height of the image as it came, px."""
    made: float
    """Steady time, s."""
    obstacles: Mapping[str, Any] | None = None
    """As the segmenter publishes them; None until they have come."""

    @property
    def scale(self) -> float:
        """Of the picture to the image."""
        return self.picture.shape[1] / self.size[0]


class History:
    """The last frames of a camera. Thread-safe."""

    def __init__(self, length: int) -> None:
        self._lock = threading.Lock()
        self._frames: deque[Frame] = deque(maxlen=length)
        self._described: dict[int, Mapping[str, Any]] = {}
        """By stamp, the obstacles of the last frames; their frames may come later."""

    def put(self, frame: Frame) -> bool:
        """Adds it, or puts it in the place of the one of the same stamp; whether it is a new one."""
        with self._lock:
            frame = replace(frame, obstacles=self._described.get(frame.stamp))
            place = self._place_of(frame.stamp)
            if place is None:
                self._frames.append(frame)
            else:
                self._frames[place] = frame
            return place is None

    def describe(self, stamp: int, obstacles: Mapping[str, Any]) -> None:
        """The obstacles of a frame have come, or those of another threshold."""
        with self._lock:
            self._described.pop(stamp, None)
            self._described[stamp] = obstacles
            if len(self._described) > MOST_DESCRIBED:
                del self._described[next(iter(self._described))]
            place = self._place_of(stamp)
            if place is not None:
                self._frames[place] = replace(self._frames[place], obstacles=obstacles)

    def clear(self) -> None:
        with self._lock:
            self._frames.clear()
            self._described.clear()

    def shown(self, now: float) -> list[Frame]:
        """Oldest first, up to the newest one that has its obstacles, or has waited for them long enough.

        Args:
            now: steady time, s.
        """
        with self._lock:
            frames = list(self._frames)
        while frames and frames[-1].obstacles is None and now - frames[-1].made < PATIENCE:
            frames.pop()
        return frames

    def _place_of(self, stamp: int) -> int | None:
        return next((place for place, each in enumerate(self._frames) if each.stamp == stamp), None)
