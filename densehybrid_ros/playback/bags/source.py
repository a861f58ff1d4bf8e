"""A bag as a source of frames and messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.convert.compressed import rgb_from_compressed
from densehybrid_ros.convert.compressed_depth import depth_from_compressed
from densehybrid_ros.convert.images import FrameError, rgb_from_image
from densehybrid_ros.errors import SetupError
from densehybrid_ros.playback.bags.choice import Choice, choose
from densehybrid_ros.playback.bags.opening import Bag, open_bag
from densehybrid_ros.playback.bags.recorded import Recorded, Warn, deserialised, message_types, stamp_of
from densehybrid_ros.playback.bags.survey import COLOUR, GREY, PICTURES, SurveyedTopic, survey
from densehybrid_ros.playback.played import BagTopics, PlayedFrame, PlayedMessage, Source
from densehybrid_ros.topics import DEPTH, IMAGE, RIGHT_IMAGE, kinds_of

MOST_WARNINGS = 5
"""Messages of one topic that are named when they are passed over; further ones are counted."""


def bag_source(path: Path, warn: Warn, wanted: BagTopics) -> Source:
    """The pictures of a bag, with the times at which they were recorded, and what belongs to them.

    Raises:
        SetupError: no readable bag, or no picture in it.
    """
    bag = open_bag(path, warn)
    topics = survey(bag)
    try:
        choice = choose(topics, bag.topics, wanted)
    except SetupError as error:
        raise SetupError(f"bag {path} cannot be played: {error}") from error
    for note in choice.notes:
        warn(note)
    played = {name: bag.topics[recorded] for recorded, name in choice.companions.items()}
    if played.pop(RIGHT_IMAGE.compressed.name, None):  # played decoded, as the left pictures are
        played |= kinds_of(RIGHT_IMAGE)
    if DEPTH.name in played:
        played |= kinds_of(DEPTH)
    return Source(_description(path, choice, topics), lambda: _Pass(bag, choice, warn).play(), played)


def _description(path: Path, choice: Choice, topics: dict[str, SurveyedTopic]) -> str:
    """What was chosen, and what else there is to be chosen."""
    companions = "".join(f", {name} {topic}" for topic, name in choice.companions.items())
    looks = {each.name: each.look for each in topics.values() if each.kind in PICTURES and each is not choice.picture}
    left = [name for name, look in sorted(looks.items()) if look in (COLOUR, GREY) and name not in choice.companions]
    rest = f"; image_topic chooses, there are also {', '.join(left)}" if left else ""
    return f"bag {path}, topic {choice.picture.name} ({choice.picture.look}){companions}{rest}"


class _Pass:
    """One pass over a bag, and what was passed over in it."""

    def __init__(self, bag: Bag, choice: Choice, warn: Warn) -> None:
        self._bag, self._choice, self._warn = bag, choice, warn
        self._seen, self._faults = Counter[str](), Counter[str]()

    def play(self) -> Iterator[PlayedFrame | PlayedMessage]:
        start: int | None = None
        for message in self._bag.messages((self._choice.picture.name, *self._choice.companions)):
            start = message.time if start is None else start
            number = self._seen[message.topic]
            self._seen[message.topic] += 1
            try:
                yield self._played(message, number, (message.time - start) * 1e-9)
            except FrameError as error:
                self._pass_over(message.topic, number, error)
        self._say_what_is_missing()

    def _played(self, message: Recorded, number: int, time: float) -> PlayedFrame | PlayedMessage:
        content = deserialised(message)
        if message.topic == self._choice.picture.name:
            stamp, frame_id = stamp_of(content, 0), content.header.frame_id
            return PlayedFrame(
                _rgb(content, message.kind), time, f"{message.topic} {number}", stamp=stamp, frame_id=frame_id
            )
        name = self._choice.companions[message.topic]
        data = _decoded_depth(content) if _is_compressed_depth(name, message.kind) else message.data
        return PlayedMessage(name, DEPTH.kind if name == DEPTH.name else message.kind, data, time)

    def _pass_over(self, topic: str, number: int, error: FrameError) -> None:
        self._faults[topic] += 1
        if self._faults[topic] <= MOST_WARNINGS:
            self._warn(f"message {number} of {topic} is passed over: {error}")

    def _say_what_is_missing(self) -> None:
        for topic, count in self._faults.items():
            if count > MOST_WARNINGS:
                self._warn(f"{count} of {self._seen[topic]} messages of {topic} were passed over")
        for topic in (self._choice.picture.name, *self._choice.companions):
            noted = self._bag.noted.get(topic, 0)
            if noted > self._seen[topic]:
                self._warn(f"{topic}: {noted - self._seen[topic]} of the {noted} messages that were recorded are lost")


def _rgb(message: Any, kind: str) -> NDArray[np.uint8]:
    """RGB of a message as rosbags reads it: the fields are those of the ROS message."""
    return rgb_from_image(message) if kind == IMAGE.kind else rgb_from_compressed(message)


def _is_compressed_depth(name: str, kind: str) -> bool:
    return name == DEPTH.name and kind == IMAGE.compressed.kind


def _decoded_depth(message: Any) -> bytes:
    """The CDR of an Image, under the header of a CompressedImage."""
    depth = depth_from_compressed(message)
    types, (height, width) = message_types(), depth.shape
    encoding = "16UC1" if depth.dtype == np.uint16 else "32FC1"
    data = depth.astype(depth.dtype.newbyteorder("<")).view(np.uint8).ravel()
    step = width * depth.dtype.itemsize
    image = types.types[DEPTH.kind](message.header, height, width, encoding, 0, step, data)
    return bytes(types.serialize_cdr(image, DEPTH.kind))
