"""The time at which every frame of a bag was taken."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

from densehybrid_ros.drives.layout import DriveFrame
from densehybrid_ros.errors import SetupError
from densehybrid_ros.pictures import read_bytes

SECOND = 1_000_000_000
"""ns; also the first stamp, because 0 means "now" or "none" in ROS, and the pause between sequences."""
LAST_STAMP = (2**31 - 1) * SECOND
"""ns; builtin_interfaces/Time holds 32-bit seconds."""


def frame_stamps(frames: list[DriveFrame], rate: float, warn: Callable[[str], None]) -> list[int]:
    """Strictly rising stamps from 1 s on, ns: within a sequence by its timestamp files, else frame after frame.

    Args:
        frames: sequence after sequence.
        rate: Hz, for sequences without usable timestamp files.
        warn: told of timestamp files that cannot be used.

    Raises:
        SetupError: a rate that is no rate, or more time than a stamp holds.
    """
    if not 1e-3 <= rate <= 1e6:
        raise SetupError(f"a rate of {rate:g} Hz was given; give one from 0.001 to 1000000")
    stamps: list[int] = []
    for sequence, group in groupby(frames, lambda frame: frame.sequence):
        members = list(group)
        start = stamps[-1] + SECOND if stamps else SECOND
        times = _recorded_times(sequence, members, rate, warn)
        if times is None:
            times = [round(number * SECOND / rate) for number in range(len(members))]
        stamps += [start + time - times[0] for time in times]
        if stamps[-1] > LAST_STAMP:
            raise SetupError(f"sequence {sequence} would end after 2^31 s; choose fewer --sequences or mend its times")
    return stamps


def _recorded_times(
    sequence: str, frames: list[DriveFrame], rate: float, warn: Callable[[str], None]
) -> list[int] | None:
    """ns by the timestamp files; None where they are absent or cannot be used."""
    if all(frame.timestamp is None for frame in frames):
        return None
    times: list[int] = []
    try:
        times = [_time(frame) for frame in frames]
        for before, after, frame in zip(times, times[1:], frames[1:], strict=False):
            if after <= before:
                raise SetupError(f"{frame.timestamp} is not later than the frame before")
    except SetupError as error:
        warn(f"{error}; the frames of {sequence} are taken to be {rate:g} Hz apart")
        return None
    return times


def _time(frame: DriveFrame) -> int:
    if frame.timestamp is None:
        raise SetupError(f"{frame.name} has no timestamp file")
    contents = read_bytes(frame.timestamp).strip()
    if not contents.isdigit() or len(contents) > 19:
        raise SetupError(f"{frame.timestamp} holds no time in ns")
    return int(contents)
