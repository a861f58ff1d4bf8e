"""A thread that makes frames of messages: decodes, shrinks, counts scores. What it cannot keep up with is left out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage

from densehybrid_ros.convert.compressed import rgb_from_compressed
from densehybrid_ros.convert.images import array_from_image, rgb_from_image
from densehybrid_ros.core.scenes import Scene
from densehybrid_ros.nodes.common.latest import NewestWins
from densehybrid_ros.nodes.tuner.frames import Frame, Messages
from densehybrid_ros.topics import ANOMALY, IMAGE, OPEN_SET, SEMANTIC


@dataclass(frozen=True)
class Job:
    """All that has come of one image."""

    camera: str
    stamp: int
    """ns"""
    messages: Messages


class Workbench:
    """Newest wins per camera, at most `rate` frames a second of each."""

    def __init__(
        self,
        rate: float,
        width: int,
        done: Callable[[Frame, NDArray[np.float32]], None],
        complain: Callable[[str, str], None],
    ) -> None:
        """
        Args:
            rate: Hz.
            width: px; wider images are made smaller.
            done: takes each frame with its (H, W) scores as they came, in the thread of the workbench.
            complain: hears the kind and the text of what could not be used.
        """
        self._period, self._width, self._done, self._complain = 1 / rate, width, done, complain
        self._slots: NewestWins[str, Job] = NewestWins()
        self.left_out = 0
        """Frames that a newer one overtook."""
        threading.Thread(target=self._run, name="workbench", daemon=True).start()

    def put(self, camera: str, stamp: int, messages: Messages) -> None:
        """Hands over what has come of an image."""
        older = self._slots.put(camera, Job(camera, stamp, messages))
        self.left_out += older is not None and older.stamp != stamp

    def close(self) -> None:
        self._slots.close()

    def _run(self) -> None:
        while jobs := self._slots.take():
            begun = time.monotonic()
            for job in jobs:
                self._work(job)
            del jobs  # which holds megabytes
            time.sleep(max(0.0, begun + self._period - time.monotonic()))

    def _work(self, job: Job) -> None:
        try:
            score = array_from_image(job.messages[ANOMALY]).view(np.float32)
            self._done(frame_of(job, score, self._width), score)
        except Exception as error:  # one broken message must not end the thread
            self._complain(type(error).__name__, f"a frame is not shown: {type(error).__name__}: {error}")


def frame_of(job: Job, score: NDArray[np.float32], width: int) -> Frame:
    """
    Args:
        score: (H, W).
        width: px; a wider image is made so wide.

    Raises:
        FrameError: an encoding or a layout that cannot be read.
    """
    message = job.messages[IMAGE]
    image = rgb_from_compressed(message) if isinstance(message, CompressedImage) else rgb_from_image(message)
    height, full = image.shape[:2]
    shown = min(width, full)
    size = (shown, max(1, round(height * shown / full)))
    semantic, open_set = (array_from_image(job.messages[topic]).view(np.uint8) for topic in (SEMANTIC, OPEN_SET))
    scene = Scene(_nearest(semantic, size), _nearest(score, size), _nearest(open_set, size), 0.0)
    # a view of the message's own memory would keep all of it
    picture = image.copy() if full == shown else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return Frame(job.camera, job.stamp, picture, scene, (full, height), time.monotonic())


def _nearest(values: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Of that width and height: ids stay ids, and scores stay scores that were published."""
    if values.shape[::-1] == size:
        return values.copy()
    return cv2.resize(values, size, interpolation=cv2.INTER_NEAREST_EXACT)
