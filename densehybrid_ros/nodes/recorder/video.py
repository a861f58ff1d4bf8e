"""A video file, there whole or not at all. OpenCV's writer never says that the disk is full: what it wrote is read."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import written_beside


class Video:
    """Pictures of one size into an .mp4."""

    def __init__(self, path: Path, size: tuple[int, int], rate: float) -> None:
        """
        Args:
            size: width and height, px, to which the pictures are brought.
            rate: Hz

        Raises:
            SetupError: it cannot be written.
        """
        self._path, self._size, self._frames = path, size, 0
        self._place = ExitStack()
        self._beside = self._place.enter_context(written_beside(path))
        # the file is made before: else OpenCV does not say why it cannot
        with self._place:
            self._beside.touch()
            self._writer = cv2.VideoWriter(str(self._beside), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
            if not self._writer.isOpened():
                raise SetupError(f"{path} cannot be written: this OpenCV has no mp4v encoder")
            self._place = self._place.pop_all()

    def add(self, picture: NDArray[np.uint8]) -> None:
        """(H, W, 3) uint8 BGR."""
        self._writer.write(cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA))
        self._frames += 1

    def finish(self) -> None:
        """
        Raises:
            SetupError: the disk was full; nothing of the video is left.
        """
        with self._place:
            self._writer.release()
            reader = cv2.VideoCapture(str(self._beside))
            found = round(reader.get(cv2.CAP_PROP_FRAME_COUNT)) if reader.isOpened() else 0
            reader.release()
            if found < self._frames:
                reason = os.strerror(errno.ENOSPC)
                raise OSError(errno.ENOSPC, f"{reason}, as it seems: {found} of {self._frames} frames are there")
