"""Which topics of a bag are played: the pictures, and what belongs to them by its type, frame, size and stamps."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from densehybrid_ros.errors import SetupError
from densehybrid_ros.playback.bags.survey import COLOUR, DEPTH, GREY, PICTURES, SurveyedTopic
from densehybrid_ros.playback.played import BagTopics
from densehybrid_ros.topics import CAMERA_INFO, COMPRESSED, DISPARITY, IMAGE, RIGHT_IMAGE, RIGHT_INFO, TRUTHS, Topic
from densehybrid_ros.topics import DEPTH as DEPTH_TOPIC

SAME_TIME = 10_000_000
"""ns between a picture and what was taken with it."""
DRAWN = re.compile(
    "ground_truth|depth|disparity|label|mask|segment|semantic|overlay|anomaly|open_set|debug|annotat|visuali|detect"
    "|confidence"
)
"""In the names of pictures that no camera has taken."""
SIDES = (("left", "right"), ("infra1", "infra2"), ("cam0", "cam1"))
"""Names of the two cameras of a pair."""
COMPRESSED_DEPTH = "/compressedDepth"
"""Behind the name of an image topic, as image_transport puts it."""
LEFT_OUT = "none"
"""Instead of a topic: none is wanted."""
MOST_NOTES = 3
"""Topics of one role of which is said why they are not played."""
Topics = Mapping[str, SurveyedTopic]


@dataclass(frozen=True)
class Choice:
    """What is played of a bag."""

    picture: SurveyedTopic
    companions: dict[str, str]
    """What the player calls a topic, by its name in the bag."""
    notes: list[str]
    """What is not played, and why."""


def choose(topics: Topics, present: Mapping[str, str], wanted: BagTopics) -> Choice:
    """
    Args:
        topics: as surveyed.
        present: kind of every topic of the bag.
        wanted: topics that are named; "" = to be found, LEFT_OUT = none.

    Raises:
        SetupError: there is no picture, or a topic that is named is not there or of another kind.
    """
    picture = _picture(topics, present, wanted.image_topic)
    notes: list[str] = []
    found = {
        CAMERA_INFO: _companion(CAMERA_INFO, topics, picture, wanted.camera_info_topic, notes),
        DISPARITY: _companion(DISPARITY, topics, picture, wanted.disparity_topic, notes),
        DEPTH_TOPIC: _companion(DEPTH_TOPIC, topics, picture, wanted.depth_topic, notes),
        RIGHT_IMAGE: _companion(RIGHT_IMAGE, topics, picture, wanted.right_image_topic, notes),
    }
    if right := found[RIGHT_IMAGE]:
        infos = (each for each in topics.values() if each.kind == CAMERA_INFO.kind)
        found[RIGHT_INFO] = next((each for each in infos if folder(each.name) == folder(right.name)), None)
    companions = {each.name: _played_name(role, each) for role, each in found.items() if each}
    truths = {folder(picture.name) + truth.name: truth for truth in TRUTHS}
    companions |= {name: truth.name for name, truth in truths.items() if present.get(name) == truth.kind}
    return Choice(picture, companions, notes)


def _played_name(role: Topic, topic: SurveyedTopic) -> str:
    return role.compressed.name if role is RIGHT_IMAGE and topic.kind == role.compressed.kind else role.name


def _picture(topics: Topics, present: Mapping[str, str], wanted: str) -> SurveyedTopic:
    pictures = [each for each in topics.values() if each.kind in PICTURES]
    if wanted:
        return _wanted_picture(pictures, wanted)
    usable = [each for each in pictures if each.look in (COLOUR, GREY) and "depth" not in each.name.lower()]
    if usable:
        return min(usable, key=_rank)
    if not pictures:
        listed = ", ".join(f"{name} ({kind})" for name, kind in sorted(present.items())) or "no messages at all"
        raise SetupError(f"it holds no image topic, but {listed}; record one, or decode video with image_transport")
    raise SetupError(f"it holds no playable image topic: {listed_topics(pictures)}; republish one as raw or JPEG")


def _wanted_picture(pictures: list[SurveyedTopic], wanted: str) -> SurveyedTopic:
    found = _named(pictures, wanted)
    if found is None:
        raise SetupError(f"it has no image topic {wanted}; its image topics are {listed_topics(pictures)}")
    if found.look not in (COLOUR, GREY):
        raise SetupError(f"image topic {wanted} holds no picture; its image topics are {listed_topics(pictures)}")
    return found


def listed_topics(topics: Iterable[SurveyedTopic]) -> str:
    """Names, and what is in them or why it is not known; what may be wanted comes first."""
    ordered = sorted(topics, key=_rank)
    looks = {each.name: f"{each.look}, {each.encoding}" if each.look else each.fault or "nothing" for each in ordered}
    return "; ".join(f"{name} ({look})" for name, look in looks.items()) or "none"


def _named(topics: Iterable[SurveyedTopic], name: str) -> SurveyedTopic | None:
    """Also without the slash before it, or without what image_transport puts behind it."""
    by_name, slashed = {each.name: each for each in topics}, "/" + name.lstrip("/")
    return next(
        (by_name[slashed + end] for end in ("", COMPRESSED, COMPRESSED_DEPTH) if slashed + end in by_name), None
    )


def _rank(topic: SurveyedTopic) -> tuple[bool, bool, bool, bool, str]:
    """What a camera has taken first, in colour, by the left one, rectified; of equals the first by name."""
    name = topic.name.lower()
    is_right = any(right in name for _, right in SIDES)
    return bool(DRAWN.search(name)), topic.look != COLOUR, is_right, "rect" not in name, topic.name


def folder(topic: str) -> str:
    """Where image_transport looks for camera_info: /cam/ of /cam/image_raw and /cam/image_raw/compressed."""
    return _base(topic).rpartition("/")[0] + "/"


def _base(topic: str) -> str:
    return topic.removesuffix(COMPRESSED).removesuffix(COMPRESSED_DEPTH)


def _companion(
    role: Topic, topics: Topics, picture: SurveyedTopic, wanted: str, notes: list[str]
) -> SurveyedTopic | None:
    """The topic that fits best; one that lies where the convention has it is believed, and one that is named."""
    if wanted == LEFT_OUT:
        return None
    candidates = [each for each in topics.values() if each is not picture and IS_OF[role](each)]
    if wanted:
        named = _named(candidates, wanted)
        if named is None:
            raise SetupError(f"it has no {role.name} on {wanted}; it has {listed_topics(candidates)}")
        return named
    if role is RIGHT_IMAGE:
        candidates = [each for each in candidates if _is_other_side(each.name, picture.name)]
    reasons = {each.name: _why_not(role, each, picture) for each in candidates}
    fitting = [each for each in candidates if not reasons[each.name]]
    if not fitting:
        name = role.name.replace(f"/{IMAGE.name}", "_image")
        listed = [f"{topic} is not played as {name}: {reasons[topic]}" for topic in sorted(reasons)[:MOST_NOTES]]
        notes += [f"{each}; {name}_topic takes it all the same" for each in listed]
    return min(fitting, key=lambda each: _distance(role, each, picture), default=None)


def _distance(role: Topic, topic: SurveyedTopic, picture: SurveyedTopic) -> tuple[bool, bool, int, str]:
    away = folder(topic.name) != folder(picture.name)
    same = sum(part in picture.name.split("/") for part in topic.name.split("/"))
    return not _is_beside(role, topic, picture), away, -same, topic.name


def _is_beside(role: Topic, topic: SurveyedTopic, picture: SurveyedTopic) -> bool:
    return _base(topic.name) == folder(picture.name) + role.name


def _why_not(role: Topic, topic: SurveyedTopic, picture: SurveyedTopic) -> str:
    """Why a topic does not belong to the pictures; "" where it does."""
    if _is_beside(role, topic, picture):
        return ""
    if not topic.stamps:
        return topic.fault or "it begins late"
    if role is not RIGHT_IMAGE and topic.frame_id and picture.frame_id and topic.frame_id != picture.frame_id:
        return f"its frame is {topic.frame_id}, that of the pictures {picture.frame_id}"
    if 0 not in topic.size and topic.size != picture.size:
        return f"its size is {topic.size[0]}x{topic.size[1]}, that of the pictures {picture.size[0]}x{picture.size[1]}"
    return "" if _go_together(topic.stamps, picture.stamps) else "its stamps are not those of the pictures"


def _go_together(stamps: list[int], others: list[int]) -> bool:
    """Whether most of the stamps that lie in the time of the others have one of them beside them."""
    low, high = others[0] - SAME_TIME, others[-1] + SAME_TIME
    inside = [stamp for stamp in stamps if low <= stamp <= high]
    others = sorted(others)
    return bool(inside) and sum(_is_near(stamp, others) for stamp in inside) * 2 > len(inside)


def _is_near(stamp: int, ordered: list[int]) -> bool:
    place = bisect_left(ordered, stamp - SAME_TIME)
    return place < len(ordered) and ordered[place] <= stamp + SAME_TIME


def _is_other_side(name: str, of: str) -> bool:
    """Whether a topic is that of the right camera where `of` is the left one's."""
    base = _base(of)
    swapped = {base.replace(left, right) for left, right in SIDES if left in base}
    return _base(name) in {folder(of) + RIGHT_IMAGE.name, *swapped}


IS_OF: dict[Topic, Callable[[SurveyedTopic], bool]] = {
    CAMERA_INFO: lambda topic: topic.kind == CAMERA_INFO.kind,
    DISPARITY: lambda topic: topic.kind == DISPARITY.kind,
    DEPTH_TOPIC: lambda topic: topic.look == DEPTH,
    RIGHT_IMAGE: lambda topic: topic.look in (COLOUR, GREY) and topic.kind in PICTURES,
}
"""Whether a topic is of the kind of a companion."""
