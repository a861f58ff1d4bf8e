"""Markers as viewers keep them: RViz (`MarkerCommon`) and Foxglove delete by namespace, and by lifetime."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from densehybrid_ros.convert.obstacles import SHORTEST_LIFE, SLOWEST, markers_message
from densehybrid_ros.convert.transforms import UNCHANGED
from densehybrid_ros.ranging.obstacles import Obstacle
from densehybrid_ros.ranging.regions import Region
from densehybrid_ros.ranging.tracking import Tracker

PERIOD = 0.1
"""s between two frames."""
DRIVE = [
    (20.0, 60.0),
    (19.0, 59.0),
    (18.0, 58.0, 5.0),
    (58.0,),
    (),
    (57.0, None),
    (None,),
    (90.0, 80.0, 70.0, 56.0),
    (90.0,),
    (),
]
"""Ranges of the obstacles of each frame, m; None = without."""


@dataclass
class Viewer:
    """What is drawn, by namespace and id; times in s."""

    drawn: dict[tuple[str, int], tuple[Marker, float]] = field(default_factory=dict)

    def take(self, message: MarkerArray, now: float) -> None:
        for marker in message.markers:
            if marker.action == Marker.DELETEALL:
                self.drawn = {key: each for key, each in self.drawn.items() if marker.ns and key[0] != marker.ns}
            elif marker.action == Marker.ADD:
                lifetime = marker.lifetime.sec + 1e-9 * marker.lifetime.nanosec
                self.drawn[marker.ns, marker.id] = marker, (now + lifetime if lifetime else np.inf)

    def shown(self, now: float) -> dict[tuple[str, int], Marker]:
        return {key: marker for key, (marker, end) in self.drawn.items() if now < end}


def obstacle(distance: float | None) -> Obstacle:
    region = Region(100, 50, np.ones((20, 30), np.bool_), 600)
    without = Obstacle(region, score=3.0)
    if distance is None:
        return without
    return replace(
        without, source="disparity", range=distance, range_error=0.2, centre=(1.0, 0.5, distance), size=(1.0, 1.0, 0.5)
    )


def messages(track_timeout: float) -> list[tuple[float, set[tuple[str, int]], MarkerArray]]:
    """Time, namespaces and numbers of what should be drawn, and message, of every frame of the drive."""
    tracker = Tracker()
    sent = []
    for index, ranges in enumerate(DRIVE):
        now = index * PERIOD
        found = tracker.update([obstacle(each) for each in ranges], now, track_timeout)
        placed = {(name, each.number) for name in ("box", "range") for each in found if each.range is not None}
        placed |= {
            ("speed", each.number)
            for each in found
            if each.range is not None and each.velocity is not None and abs(each.velocity[1]) > SLOWEST
        }
        sent.append((now, placed, markers_message(found, Header(frame_id="camera"), UNCHANGED, track_timeout)))
    return sent


@pytest.mark.parametrize("every", [1, 2, 3], ids=["all messages", "every second", "every third"])
def test_a_viewer_shows_what_was_sent_last_and_nothing_else(every: int) -> None:
    viewer = Viewer()
    counts = []
    for now, placed, message in messages(1.0)[::every]:
        viewer.take(message, now)
        shown = viewer.shown(now)
        assert set(shown) == placed
        assert list(shown.values()) == [each for each in message.markers if each.action == Marker.ADD]
        counts.append(len(placed))
    assert max(counts) >= 4, "the drive shows too little"
    assert min(counts) == 0


@pytest.mark.parametrize(
    ("track_timeout", "lasts"), [(2.5, 2.5), (1.0, 1.0), (0.2, SHORTEST_LIFE), (0.0, SHORTEST_LIFE)]
)
def test_boxes_do_not_outlive_the_node(track_timeout: float, lasts: float) -> None:
    viewer = Viewer()
    now, placed, message = messages(track_timeout)[2]
    viewer.take(message, now)
    assert len(placed) == 6
    assert len(viewer.shown(now + lasts - 0.001)) == 6
    assert not viewer.shown(now + lasts + 0.001)
