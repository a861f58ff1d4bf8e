"""Which topics of a bag are played, as drivers name them; what is broken within them is passed over."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image

from densehybrid_ros.errors import SetupError
from densehybrid_ros.playback.played import BagTopics, PlayedMessage
from densehybrid_ros.playback.sources import open_source

if TYPE_CHECKING:
    from conftest import Make

Levels = Callable[..., list[int]]


def chosen(make: Make, items: list, **topics: str) -> tuple[str, dict[str, str], list[str]]:
    """The pictures, what is played with them, and what was said."""
    told: list[str] = []
    source = open_source(str(make.bag(items)), told.append, topics=BagTopics(**topics))
    picture, _, rest = source.description.partition(", topic ")[2].partition(" (")
    words = rest.partition("; ")[0].split(", ")[1:]
    return picture, dict(word.split(" ") for word in words), told


def infos(make: Make, topic: str, frame: str = "cam") -> list:
    return [make.calibration(topic, number, frame) for number in range(6)]


def greys(make: Make, topic: str, frame: str = "cam") -> list:
    return [make.pixels(topic, number, make.picture(number, colour=False), "mono8", frame) for number in range(6)]


def test_a_realsense(make: Make) -> None:
    eye, frame = "/camera/camera", "camera_color_optical_frame"
    items = make.colours(f"{eye}/color/image_raw", frame=frame) + infos(make, f"{eye}/color/camera_info", frame)
    items += make.depths(f"{eye}/aligned_depth_to_color/image_raw", frame)
    items += infos(make, f"{eye}/aligned_depth_to_color/camera_info", frame)
    items += make.depths(f"{eye}/depth/image_rect_raw", "camera_depth_optical_frame")
    items += greys(make, f"{eye}/infra1/image_rect_raw", "camera_infra1_optical_frame")
    assert chosen(make, items) == (
        f"{eye}/color/image_raw",
        {"camera_info": f"{eye}/color/camera_info", "depth": f"{eye}/aligned_depth_to_color/image_raw"},
        [],
    )


def test_depth_that_is_not_registered_is_left_out_and_that_is_said(make: Make) -> None:
    items = make.colours("/color/image_raw", frame="colour") + make.depths("/depth/image_rect_raw", "depth")
    picture, played, told = chosen(make, items)
    assert (picture, played) == ("/color/image_raw", {})
    assert told == [
        "/depth/image_rect_raw is not played as depth: its frame is depth, that of the pictures colour; "
        "depth_topic takes it all the same"
    ]


def test_a_zed(make: Make) -> None:
    eye, frame = "/zed/zed_node", "zed_left_camera_optical_frame"
    items = make.depths(f"{eye}/depth/depth_registered", frame, "32FC1") + greys(
        make, f"{eye}/left_gray/image_rect_gray"
    )
    items += make.colours(f"{eye}/rgb/image_rect_color", frame=frame) + infos(make, f"{eye}/rgb/camera_info", frame)
    items += infos(make, f"{eye}/depth/camera_info", frame)
    played = {"camera_info": f"{eye}/rgb/camera_info", "depth": f"{eye}/depth/depth_registered"}
    assert chosen(make, items) == (f"{eye}/rgb/image_rect_color", played, [])


def test_a_usb_cam_at_the_root_and_its_jpegs(make: Make) -> None:
    items = make.jpegs("/image_raw/compressed") + infos(make, "/camera_info")
    assert chosen(make, items) == ("/image_raw/compressed", {"camera_info": "/camera_info"}, [])


def test_a_stereo_camera_of_stereo_image_proc(make: Make) -> None:
    items = make.colours("/stereo/left/image_rect_color") + infos(make, "/stereo/left/camera_info")
    items += make.colours("/stereo/right/image_rect_color", frame="r") + infos(make, "/stereo/right/camera_info", "r")
    items += [make.disparities("/stereo/disparity", number) for number in range(6)]
    assert chosen(make, items) == (
        "/stereo/left/image_rect_color",
        {
            "camera_info": "/stereo/left/camera_info",
            "disparity": "/stereo/disparity",
            "right/image_raw": "/stereo/right/image_rect_color",
            "right/camera_info": "/stereo/right/camera_info",
        },
        [],
    )


def test_companions_of_another_camera_are_none(make: Make) -> None:
    items = make.colours("/front/image_raw", frame="front") + infos(make, "/rear/camera_info", "rear")
    items += make.depths("/rear/points", numbers=range(50, 56), frame="")
    picture, played, told = chosen(make, items)
    assert (picture, played) == ("/front/image_raw", {})
    assert [text.split(":")[1].split(";")[0] for text in told] == [
        " its frame is rear, that of the pictures front",
        " its stamps are not those of the pictures",
    ]


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1", "mono16"])
def test_depth_is_never_a_picture(make: Make, encoding: str) -> None:
    items = make.depths("/a/depth/image_raw", encoding=encoding)
    with pytest.raises(SetupError, match=rf"no playable image topic: /a/depth/image_raw \(depth, {encoding}\)"):
        chosen(make, items)
    with pytest.raises(SetupError, match="holds no picture"):
        open_source(str(make.root / "drive"), pytest.fail, topics=BagTopics("/a/depth/image_raw"))


def test_colour_goes_before_grey_a_camera_before_what_was_drawn_and_left_before_right(make: Make) -> None:
    items = greys(make, "/a/image_raw") + make.colours("/b/overlay/image_raw") + make.colours("/b/right/image_raw")
    assert chosen(make, [*items, *make.colours("/z/image_raw")])[0] == "/z/image_raw"


def test_topics_that_are_named_are_played(make: Make) -> None:
    items = make.colours("/back/image_raw") + make.colours("/front/image_raw") + make.jpegs("/top/image_raw/compressed")
    items += make.depths("/far/depth", "other") + infos(make, "/front/camera_info") + infos(make, "/back/camera_info")
    named = chosen(make, items, image_topic="/front/image_raw", depth_topic="far/depth", camera_info_topic="none")
    assert named[:2] == ("/front/image_raw", {"depth": "/far/depth"})
    told: list[str] = []
    source = open_source(str(make.root / "drive"), told.append, topics=BagTopics("top/image_raw"))
    assert "topic /top/image_raw/compressed (colour)" in source.description
    source = open_source(str(make.root / "drive"), told.append)
    assert source.description.endswith(
        "image_topic chooses, there are also /front/image_raw, /top/image_raw/compressed"
    )
    for topics, text in (
        (BagTopics("/nowhere"), "has no image topic /nowhere; its image topics are /back/image_raw"),
        (BagTopics(disparity_topic="/nowhere"), "has no disparity on /nowhere; it has none"),
    ):
        with pytest.raises(SetupError, match=text):
            open_source(str(make.root / "drive"), told.append, topics=topics)


def depth_message(make: Make, form: str, packed: np.ndarray, begin: bytes = b"") -> Image:
    """What is played of compressed depth."""
    data = begin + cv2.imencode(".png", packed)[1].tobytes()
    items = [make.packed("/cam/z/compressedDepth" if begin else "/cam/z/compressed", 0, data, form)]
    source = open_source(str(make.bag([*items, *make.colours("/cam/image_raw", [0])])), pytest.fail)
    (message,) = [each for each in source.frames() if isinstance(each, PlayedMessage)]
    assert (message.topic, message.kind, source.topics) == ("depth", "sensor_msgs/msg/Image", {"depth": message.kind})
    return deserialize_message(message.data, Image)


@pytest.mark.parametrize("begin", [b"", struct.pack("<iff", 0, 0, 0)])
def test_compressed_depth_is_played_as_depth(make: Make, begin: bytes) -> None:
    values = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) + 1000
    form = "16UC1; compressedDepth png" if begin else "16UC1; png compressed "
    image = depth_message(make, form, values, begin)
    assert (image.encoding, image.width, image.height, image.step, image.header.frame_id) == (
        "16UC1",
        32,
        24,
        64,
        "cam",
    )
    np.testing.assert_array_equal(np.frombuffer(image.data, "<u2").reshape(24, 32), values)


def test_compressed_depth_in_metres_is_unpacked_as_the_plugin_packs_it(make: Make) -> None:
    quantum, offset = 1000.0, 3.0
    packed = np.full((24, 32), 0, np.uint16)
    packed[0, :3] = 0, 503, 103
    image = depth_message(make, "32FC1; compressedDepth png", packed, struct.pack("<iff", 0, quantum, offset))
    assert image.encoding == "32FC1"
    np.testing.assert_allclose(np.frombuffer(image.data, "<f4")[:3], [0, 2, 10])


@pytest.mark.parametrize("place", [0, 2, 5])
@pytest.mark.parametrize("fault", ["cut", "empty", "short", "no message"])
def test_a_bad_message_is_named_and_passed_over(make: Make, levels: Levels, place: int, fault: str) -> None:
    items, told = make.jpegs("/cam/image_raw/compressed"), []
    topic, kind, at, message = items[place]
    if fault in ("cut", "empty"):
        message.data = message.data[: 300 if fault == "cut" else 0]
    else:
        items[place] = topic, kind, at, b"\0\1\0\0" + b"\5" * 6 if fault == "short" else b""
    source = open_source(str(make.bag(items)), told.append)
    assert levels(source) == [number for number in range(6) if number != place]
    (text,) = told
    assert text.startswith(f"message {place} of {topic} is passed over: ")


def test_a_damaged_companion_is_passed_over(make: Make, levels: Levels) -> None:
    items, told = make.colours("/cam/image_raw"), []
    items += [("/cam/camera_info", make.info, make.at(number), b"\0\1\0\0short") for number in (2, 3)]
    items += [make.calibration("/cam/camera_info", number) for number in (0, 1, 4, 5)]
    source = open_source(str(make.bag(items)), told.append)
    played: list[Any] = list(source.frames())
    assert sum(isinstance(each, PlayedMessage) for each in played) == 4
    assert [text.split(" is passed over")[0] for text in told] == [f"message {n} of /cam/camera_info" for n in (2, 3)]


def test_many_bad_messages_are_counted(make: Make, levels: Levels) -> None:
    items, told = make.jpegs("/cam/image_raw/compressed", range(20)), []
    for item in items[1:18]:
        item[3].data = item[3].data[:100]
    assert levels(open_source(str(make.bag(items)), told.append)) == [0, 18, 19]
    assert len(told) == 6
    assert told[-1] == "17 of 20 messages of /cam/image_raw/compressed were passed over"
