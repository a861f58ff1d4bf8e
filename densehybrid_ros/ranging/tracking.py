"""Obstacles keep their number over frames, and get a closing speed: a Kalman filter each, on the ground plane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.ranging.obstacles import Obstacle

ACCELERATION = 4.0
"""m/s²; one standard deviation of what obstacle and vehicle do between two frames."""
FASTEST = 40.0
"""m/s; one standard deviation of the speed against the vehicle when something is first seen."""
SIDEWAYS = 0.3
"""m; least standard deviation of a place, as the outline flickers."""
GATE = 3.5
"""Standard deviations by which an obstacle may be off from where it was expected."""
LEAST_OVERLAP = 0.2
"""Of the boxes in the picture, intersection over union, where one of the two has no range."""
FRAMES_FOR_SPEED = 4
"""Times that an obstacle must have been ranged before its speed is told."""
LONGEST_STEP = 1.0
"""s; after a longer gap, or when the time goes back, all begins anew."""
Box = tuple[int, int, int, int]
"""Left, top, right, bottom, px."""


@dataclass
class Track:
    """What is known of one obstacle; x and z of the optical frame."""

    box: Box
    seen: float
    """Time when it was last seen, s."""
    hits: int = 0
    """Frames in which it was seen."""
    number: int = 0
    """0 until it is reported."""
    state: NDArray[np.float64] | None = None
    """(4,) x, z, m, and their rates, m/s; None while it never had a range."""
    covariance: NDArray[np.float64] | None = None
    times_ranged: int = 0


class Tracker:
    """Gives numbers from 1 upwards; a number is never used twice."""

    def __init__(self) -> None:
        self._tracks: list[Track] = []
        self._time: float | None = None
        self._next = 1

    def update(
        self, obstacles: Sequence[Obstacle], time: float, timeout: float, min_hits: int = 1, again: bool = False
    ) -> tuple[Obstacle, ...]:
        """The obstacles of one frame with their numbers, and closing speeds where they are known.

        Args:
            time: of the frame, s, by its stamp.
            timeout: s after which an obstacle that is not seen any more loses its number.
            min_hits: frames in which an obstacle must have been seen; until then it is left out, and has no number.
            again: this is the last frame once more, at another threshold: what was seen in it is not seen twice.
        """
        step = 0.0 if self._time is None else time - self._time
        if not 0 <= step <= max(LONGEST_STEP, timeout):
            self._tracks, step = [], 0.0
        self._time = time
        for track in self._tracks:
            _predict(track, step)
        found = self._associate(obstacles)
        answer: list[Obstacle] = []
        for index, obstacle in enumerate(obstacles):
            track = found.get(index)
            if track is None:
                track = Track(_box(obstacle), time)
                self._tracks.append(track)
            if again and track.hits and track.seen == time:
                track.box = _box(obstacle)
            else:
                _correct(track, obstacle, time)
            if track.hits < min_hits and not track.number:
                continue
            if not track.number:
                track.number, self._next = self._next, self._next + 1
            answer.append(_numbered(obstacle, track))
        self._tracks = [track for track in self._tracks if time - track.seen <= timeout]
        return tuple(answer)

    def _associate(self, obstacles: Sequence[Obstacle]) -> dict[int, Track]:
        """Track by index of the obstacle: the closest pairs first."""
        costs: list[tuple[float, int, int]] = []
        for index, obstacle in enumerate(obstacles):
            for position, track in enumerate(self._tracks):
                cost = _cost(track, obstacle)
                if cost is not None:
                    costs.append((cost, index, position))
        found: dict[int, Track] = {}
        taken: set[int] = set()
        for _, index, position in sorted(costs):
            if index not in found and position not in taken:
                found[index] = self._tracks[position]
                taken.add(position)
        return found


def _numbered(obstacle: Obstacle, track: Track) -> Obstacle:
    """With its number, and with its speed where it has been ranged often enough."""
    if track.state is None or track.times_ranged < FRAMES_FOR_SPEED:
        return replace(obstacle, number=track.number)
    across, along = float(track.state[2]), float(track.state[3])
    return replace(obstacle, number=track.number, closing_speed=-along, velocity=(across, along))


def _predict(track: Track, step: float) -> None:
    """Constant velocity, in place."""
    if track.state is None or track.covariance is None:
        return
    motion = np.eye(4)
    motion[0, 2] = motion[1, 3] = step
    pushes = np.array([[step**2 / 2, 0], [0, step**2 / 2], [step, 0], [0, step]]) * ACCELERATION
    track.state = motion @ track.state
    track.covariance = motion @ track.covariance @ motion.T + pushes @ pushes.T


def _correct(track: Track, obstacle: Obstacle, time: float) -> None:
    """Takes what was measured into the track, in place."""
    track.box, track.seen, track.hits = _box(obstacle), time, track.hits + 1
    if obstacle.centre is None or obstacle.range is None:
        return
    place, noise = _measurement(obstacle)
    track.times_ranged += 1
    if track.state is None or track.covariance is None:
        track.state = np.array([*place, 0.0, 0.0])
        track.covariance = np.diag([noise[0, 0], noise[1, 1], FASTEST**2, FASTEST**2])
        return
    gain = track.covariance[:, :2] @ np.linalg.inv(track.covariance[:2, :2] + noise)
    track.state = track.state + gain @ (place - track.state[:2])
    track.covariance = track.covariance - gain @ track.covariance[:2]


def _measurement(obstacle: Obstacle) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(2,) x and z, and their (2, 2) covariance."""
    assert obstacle.centre is not None
    assert obstacle.range is not None
    along = math.hypot(SIDEWAYS, obstacle.range_error or 0.0)
    across = math.hypot(SIDEWAYS, along * obstacle.centre[0] / obstacle.range)
    return np.array([obstacle.centre[0], obstacle.range]), np.diag([across**2, along**2])


def _cost(track: Track, obstacle: Obstacle) -> float | None:
    """How badly the two fit, 0..1; None where they cannot be the same."""
    if track.state is None or track.covariance is None or obstacle.range is None:
        overlap = _overlap(track.box, _box(obstacle))
        return 1 - overlap if overlap >= LEAST_OVERLAP else None
    place, noise = _measurement(obstacle)
    difference = place - track.state[:2]
    spread = track.covariance[:2, :2] + noise
    distance = math.sqrt(float(difference @ np.linalg.solve(spread, difference)))
    return distance / GATE if distance <= GATE else None


def _box(obstacle: Obstacle) -> Box:
    rows, columns = obstacle.region.window
    return columns.start, rows.start, columns.stop, rows.stop


def _overlap(first: Box, second: Box) -> float:
    """Intersection over union, 0..1."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return width * height / (areas - width * height)
