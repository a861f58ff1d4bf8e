"""What is wrong with the cameras, for the log: when it begins, and when it is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from densehybrid_ros.nodes.segmenter.health.diagnostics import Verdict

AGAIN = 60.0
"""s after which what comes and goes is said again."""
WELL = 5.0
"""s without trouble after which it is over."""


@dataclass
class _Trouble:
    """What was last said of a camera."""

    said: dict[str, float] = field(default_factory=dict)
    """When, by kind, steady time, s."""
    seen: float | None = None
    """When there was trouble that was said; None = none since all was well."""


class Changes:
    """Logs what reports find."""

    def __init__(
        self,
        warn: Callable[[str], object],
        inform: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._warn, self._inform, self._clock = warn, inform, clock
        self._troubles: dict[str, _Trouble] = {}

    def note(self, camera: str, findings: Sequence[Verdict]) -> None:
        """What a report has found."""
        now, trouble = self._clock(), self._troubles.setdefault(camera, _Trouble())
        loud = [each for each in findings if each.kind]
        for each in loud:
            if now - trouble.said.get(each.kind, -AGAIN) >= AGAIN:
                self._warn(each.message)
            trouble.said[each.kind] = now
        if loud:
            trouble.seen = now
        elif trouble.seen is not None and now - trouble.seen >= WELL:
            trouble.seen = None
            self._inform(f"camera {camera}: all is well again" if camera else "the camera: all is well again")
