"""Videos, read with OpenCV: every frame at the time that the file gives it, upright where the file says how it lies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.playback.played import PlayedFrame, Source

VIDEOS = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v")
USUAL_RATE = 10.0
"""Hz of a video whose file names no rate."""
FASTEST = 1000.0
"""Hz; what lies above is the clock of the file, which some headers name in place of a rate."""
MISSING_END = 0.1, 0.5
"""Share and s by which the last frame may lie before the end that the header names: it is rounded."""


def video_source(path: Path, warn: Callable[[str], object]) -> Source:
    """The frames of a video file.

    Raises:
        SetupError: OpenCV reads no picture from it.
    """
    # FFmpeg would print its own line before ours
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    capture = _capture(path)
    readable = capture.isOpened() and capture.read()[0]
    rate, duration = _rate(capture), _duration(capture)
    capture.release()
    if not readable:
        known = f"{', '.join(VIDEOS)}, a folder of pictures, or a bag"
        raise SetupError(f"{path} is no video that OpenCV can read; copy it again if it is cut off, or give {known}")

    def frames() -> Iterator[PlayedFrame]:
        time, number = 0.0, 0
        for number, (time, image) in enumerate(_timed_pictures(path, rate, warn), 1):
            yield PlayedFrame(image, time, f"{path.name} frame {number - 1}")
        share, least = MISSING_END
        if number and duration - time - 1 / rate > max(share * duration, least):
            where = f"{number} frames, {time:.1f} s of {duration:.1f} s"
            warn(f"{path} ends after {where}: cut off, unless its clock began late")

    return Source(f"video {path}, about {rate:g} Hz", frames)


def _capture(path: Path) -> cv2.VideoCapture:
    # absolute: FFmpeg takes what stands before a colon for a protocol
    return cv2.VideoCapture(str(path.absolute()))


def _rate(capture: cv2.VideoCapture) -> float:
    rate = capture.get(cv2.CAP_PROP_FPS)
    return rate if 0 < rate <= FASTEST else USUAL_RATE


def _duration(capture: cv2.VideoCapture) -> float:
    """s until the end that the header names, negative where it names none; OpenCV gives it as a number of frames."""
    return capture.get(cv2.CAP_PROP_FRAME_COUNT) / _rate(capture)


def _timed_pictures(
    path: Path, rate: float, warn: Callable[[str], object]
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """s since the first frame, and (H, W, 3) RGB. `rate` makes the times that are missing, as in a bare stream."""
    begin = time = 0.0
    told = False
    for number, (at, image) in enumerate(_pictures(path)):
        if number == 0:
            begin = at
        elif at - begin > time:
            time = at - begin
        else:
            time += 1 / rate
            if not told:
                warn(
                    f"{path} has no time for frame {number}: {rate:g} Hz is taken where times do not rise; rate sets it"
                )
            told = True
        yield time, image


def _pictures(path: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """s by the file's own clock, and (H, W, 3) RGB."""
    reader = _capture(path)
    try:
        while True:
            done, image = reader.read()
            if not done:
                return
            yield reader.get(cv2.CAP_PROP_POS_MSEC) / 1000, cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    finally:
        reader.release()
