"""What a drive's files hold as serialised ROS messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.camera import Pinhole, camera_matrix, projection_matrix
from densehybrid_ros.drives.files import LARGEST_STEP, STEPS_PER_PIXEL
from densehybrid_ros.playback.packing.bag_writer import RawMessage, message_types
from densehybrid_ros.topics import DISPARITY, IMAGE, Topic


@dataclass(frozen=True)
class MessageOptions:
    """What the messages of a bag have in common."""

    data_set: str
    """Key of TRAIN_ID_TABLES."""
    prefix: str = "/camera"
    frame_id: str = "camera"
    raw: bool = False
    """Images as rgb8 instead of the PNG files as they are."""
    disparity_offset: float = 0.0


@dataclass(frozen=True)
class Picture:
    """A PNG file."""

    contents: bytes
    pixels: NDArray[np.generic]
    """(H, W) or (H, W, 3) uint8 BGR."""


class Packer:
    """Fields into serialised messages, all under one header."""

    def __init__(self, stamp: int, options: MessageOptions) -> None:
        self.options, self._stamp = options, stamp
        self._types = message_types().types
        seconds, nanoseconds = divmod(stamp, 1_000_000_000)
        time = self._types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
        self._header = self._types["std_msgs/msg/Header"](stamp=time, frame_id=options.frame_id)

    def picture(self, topic: Topic, picture: Picture) -> RawMessage:
        """The file as it is, or as rgb8."""
        if self.options.raw:
            code = cv2.COLOR_GRAY2RGB if picture.pixels.ndim == 2 else cv2.COLOR_BGR2RGB
            return self.image(topic, cv2.cvtColor(picture.pixels, code), "rgb8")
        contents = np.frombuffer(picture.contents, np.uint8)
        return self._message(topic.compressed, format="png", data=contents)

    def image(self, topic: Topic, values: NDArray[np.generic], encoding: str) -> RawMessage:
        return self._message(topic, **_image_fields(values, encoding))

    def camera_info(self, topic: Topic, camera: Pinhole, size: tuple[int, int], shift: float = 0.0) -> RawMessage:
        """`shift` is −fx·baseline of the right camera, px·m."""
        return self._message(
            topic,
            height=size[0],
            width=size[1],
            distortion_model="plumb_bob",
            d=np.zeros(5),
            k=np.array(camera_matrix(camera)),
            r=np.eye(3).ravel(),
            p=np.array(projection_matrix(camera, shift)),
            binning_x=0,
            binning_y=0,
            roi=self._window(0, 0),
        )

    def disparity(self, disparity: NDArray[np.float32], camera: Pinhole) -> RawMessage:
        image = self._types[IMAGE.kind](header=self._header, **_image_fields(disparity, "32FC1"))
        return self._message(
            DISPARITY,
            image=image,
            f=camera.fx,
            t=camera.baseline,
            valid_window=self._window(disparity.shape[0], disparity.shape[1]),
            min_disparity=0.0,
            max_disparity=(LARGEST_STEP - self.options.disparity_offset) / STEPS_PER_PIXEL,
            delta_d=1 / STEPS_PER_PIXEL,
        )

    def _window(self, height: int, width: int) -> Any:
        kind = self._types["sensor_msgs/msg/RegionOfInterest"]
        return kind(x_offset=0, y_offset=0, height=height, width=width, do_rectify=False)

    def _message(self, topic: Topic, **fields: Any) -> RawMessage:
        message = self._types[topic.kind](header=self._header, **fields)
        contents = message_types().serialize_cdr(message, topic.kind)
        return RawMessage(f"{self.options.prefix}/{topic.name}", topic.kind, self._stamp, contents)


def _image_fields(values: NDArray[np.generic], encoding: str) -> dict[str, Any]:
    contiguous = np.ascontiguousarray(values)
    return {
        "height": contiguous.shape[0],
        "width": contiguous.shape[1],
        "encoding": encoding,
        "is_bigendian": 0,
        "step": contiguous.strides[0],
        "data": contiguous.reshape(-1).view(np.uint8),
    }
