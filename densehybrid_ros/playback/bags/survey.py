"""What the topics of a bag hold: their first messages are looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from densehybrid_ros.camera import MAX_IMAGE_PIXELS
from densehybrid_ros.convert.compressed import compressed_size
from densehybrid_ros.convert.compressed_depth import depth_from_compressed
from densehybrid_ros.convert.images import FrameError, check_image
from densehybrid_ros.playback.bags.opening import Bag
from densehybrid_ros.playback.bags.recorded import Recorded, deserialised, stamp_of
from densehybrid_ros.topics import CAMERA_INFO, DISPARITY, IMAGE

PICTURES = (IMAGE.kind, IMAGE.compressed.kind)
COLOUR, GREY, DEPTH = "colour", "grey", "depth"
DEPTHS = ("16UC1", "32FC1")
"""Encodings that are distances; mono16 may be either."""
ENOUGH = 10
"""Messages of a topic after which its kind and its times are known."""
LOOKED_AT = 5_000_000_000
"""ns of recording after which a topic without a message is not waited for any longer, if there are pictures."""


@dataclass
class SurveyedTopic:
    """A topic, as far as it has been looked at."""

    name: str
    kind: str
    count: int = -1
    """Of its messages; −1 = not known."""
    look: str = ""
    """COLOUR, GREY or DEPTH; "" = no picture yet."""
    encoding: str = ""
    size: tuple[int, int] = (0, 0)
    """Width and height, px."""
    frame_id: str = ""
    stamps: list[int] = field(default_factory=list)
    """ns"""
    fault: str = ""
    """Of the last message that could not be used."""
    seen: int = 0

    @property
    def is_known(self) -> bool:
        return len(self.stamps) >= ENOUGH or self.seen == self.count


def survey(bag: Bag) -> dict[str, SurveyedTopic]:
    """The topics that may be played, by name; those of other kinds are left out."""
    kinds = (*PICTURES, CAMERA_INFO.kind, DISPARITY.kind)
    topics = {name: SurveyedTopic(name, kind, bag.counts[name]) for name, kind in bag.topics.items() if kind in kinds}
    begin: int | None = None
    for message in bag.messages(topics):
        begin = message.time if begin is None else begin
        topic = topics[message.topic]
        _look(topic, message)
        waited = message.time - begin > LOOKED_AT and any(each.look in (COLOUR, GREY) for each in topics.values())
        if waited or all(each.is_known for each in topics.values()):
            break
    return topics


def _look(topic: SurveyedTopic, message: Recorded) -> None:
    topic.seen += 1
    if topic.is_known and topic.kind not in PICTURES:
        return
    try:
        content = deserialised(message)
        if not topic.size[0]:
            LOOKS[topic.kind](topic, content)
    except FrameError as error:
        topic.fault = str(error)
        return
    topic.frame_id = content.header.frame_id
    topic.stamps.append(stamp_of(content, message.time))


def _look_at_image(topic: SurveyedTopic, message: Any) -> None:
    is_depth = message.encoding in DEPTHS or (message.encoding == "mono16" and "depth" in topic.name.lower())
    if not is_depth:
        check_image(message)
    is_grey = message.encoding.startswith("mono") or message.encoding == "8UC1"
    topic.look = DEPTH if is_depth else GREY if is_grey else COLOUR
    topic.encoding, topic.size = message.encoding, (message.width, message.height)


def _look_at_compressed(topic: SurveyedTopic, message: Any) -> None:
    topic.encoding = message.format
    if is_compressed_depth(message.format, topic.name):
        height, width = depth_from_compressed(message).shape
        topic.look, topic.size = DEPTH, (width, height)
        return
    topic.size = compressed_size(message, MAX_IMAGE_PIXELS)
    picture = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if picture is None:
        topic.size = (0, 0)
        raise FrameError(f"compressed image of format '{message.format}' cannot be decoded")
    is_deep = picture.dtype == np.uint16 and picture.ndim == 2
    is_depth = is_deep and (message.format.startswith(DEPTHS) or "depth" in topic.name.lower())
    topic.look = DEPTH if is_depth else GREY if picture.ndim == 2 else COLOUR


def is_compressed_depth(format_text: str, topic: str) -> bool:
    return "compressedDepth" in format_text or topic.endswith("/compressedDepth")


def _look_at_info(topic: SurveyedTopic, message: Any) -> None:
    topic.size = message.width, message.height


def _look_at_disparity(topic: SurveyedTopic, message: Any) -> None:
    topic.encoding, topic.size = message.image.encoding, (message.image.width, message.image.height)


LOOKS: dict[str, Callable[[SurveyedTopic, Any], None]] = {
    IMAGE.kind: _look_at_image,
    IMAGE.compressed.kind: _look_at_compressed,
    CAMERA_INFO.kind: _look_at_info,
    DISPARITY.kind: _look_at_disparity,
}
