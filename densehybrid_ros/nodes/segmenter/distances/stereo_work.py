"""A thread that matches rectified pairs while the network works on the left picture."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from densehybrid_ros.convert.compressed import rgb_from_compressed
from densehybrid_ros.convert.images import FrameError, rgb_from_image
from densehybrid_ros.convert.ranges import projection_of
from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.common.latest import NewestWins
from densehybrid_ros.nodes.segmenter.settings import Settings
from densehybrid_ros.ranging.range_image import RangeImage, range_from_disparity
from densehybrid_ros.ranging.stereo import disparity_of_pair


@dataclass(frozen=True)
class Pair:
    """A left picture and the message of its right half."""

    camera: str
    stamp: int
    """ns, of the left picture."""
    left: NDArray[np.uint8]
    right: Image | CompressedImage
    left_info: CameraInfo | None
    right_info: CameraInfo


@dataclass(frozen=True)
class Matched:
    """What came of a pair."""

    ranges: RangeImage | None
    why_not: str = ""


class StereoWork:
    """One thread for all cameras; the newest pair of a camera wins."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self.matched: Callable[[], None] = lambda: None
        """Told, in the thread, that a result has come."""
        self._lock = threading.Lock()
        self._at_work: set[tuple[str, int]] = set()
        self._results: dict[tuple[str, int], Matched] = {}
        self._pairs: NewestWins[str, Pair] = NewestWins(self._dropped)
        self._thread: threading.Thread | None = None

    def put(self, pair: Pair) -> None:
        """Hands over the newest pair of a camera; the thread starts with the first."""
        with self._lock:
            self._at_work.add((pair.camera, pair.stamp))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="stereo", daemon=True)
                self._thread.start()
        self._pairs.put(pair.camera, pair)

    def is_at_work(self, camera: str, stamp: int) -> bool:
        with self._lock:
            return (camera, stamp) in self._at_work

    def result(self, camera: str, stamp: int) -> Matched | None:
        with self._lock:
            return self._results.get((camera, stamp))

    def forget(self, camera: str, stamp: int) -> None:
        """The result of that image is not needed any more."""
        with self._lock:
            self._results.pop((camera, stamp), None)
            self._at_work.discard((camera, stamp))

    def stop(self) -> None:
        """Drops what waits and ends the thread."""
        self._pairs.close()
        if self._thread is not None:
            self._thread.join()

    def _dropped(self, pair: Pair) -> None:
        with self._lock:
            self._at_work.discard((pair.camera, pair.stamp))

    def _run(self) -> None:
        while pairs := self._pairs.take():
            for pair in pairs:
                answer = self._match(pair)
                key = pair.camera, pair.stamp
                with self._lock:
                    if key in self._at_work:  # else it was forgotten meanwhile
                        self._at_work.remove(key)
                        self._results[key] = answer
                self.matched()

    def _match(self, pair: Pair) -> Matched:
        try:
            return Matched(ranges_of_pair(pair, self._settings()))
        except (FrameError, SetupError) as error:
            return Matched(None, str(error))
        except Exception as error:  # whatever OpenCV meets in a picture: the frame goes without ranges, the node lives
            return Matched(None, f"{type(error).__name__}: {error}")


def ranges_of_pair(pair: Pair, settings: Settings) -> RangeImage:
    """Distances of a rectified pair; f·t is P_left[3] − P_right[3], and cx may differ between the two.

    Raises:
        FrameError: the right picture or one of the calibrations cannot be used.
        SetupError: the pictures differ in size.
    """
    height, width = pair.left.shape[:2]
    if pair.left_info is None:
        raise FrameError("no camera_info of the left camera has come")
    left, right = (projection_of(info, width, height) for info in (pair.left_info, pair.right_info))
    if left is None or right is None:
        raise FrameError(f"camera_info of the {'left' if left is None else 'right'} camera holds no projection")
    baseline = (left.shift - right.shift) / left.fx
    if not baseline > 0:
        raise FrameError(f"the right camera lies {baseline:g} m to the right by its P[3]; give P[3] = -fx * baseline")
    limit, message = settings.max_image_pixels, pair.right
    compressed = isinstance(message, CompressedImage)
    picture = rgb_from_compressed(message, limit) if compressed else rgb_from_image(message, limit)
    disparity = disparity_of_pair(pair.left, picture, settings)
    offset = np.float32(left.cx - right.cx)
    if offset:
        disparity = np.where(disparity > 0, disparity - offset, np.float32(0))
    return range_from_disparity(disparity, left.fx, baseline, 0.0, settings.disparity_error)
