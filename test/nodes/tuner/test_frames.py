"""No picture is shown with another frame's maps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pytest

from densehybrid_ros.core.scenes import NOTHING
from densehybrid_ros.nodes.tuner import frames
from densehybrid_ros.nodes.tuner.frames import NEEDED, PATIENCE, Frame, History, PartMatcher
from densehybrid_ros.topics import ANOMALY, IMAGE, OPEN_SET, SEMANTIC

SECOND = 1_000_000_000


@dataclass
class Message:
    name: str
    data: bytes = b""


def offer_all(matcher: PartMatcher, stamp: int, topics=NEEDED, mark: str = "") -> list[dict]:
    given = [matcher.offer(topic, stamp, Message(f"{topic.name}{stamp}{mark}")) for topic in topics]
    return [dict(each) for each in given if each is not None]


@pytest.mark.parametrize("order", list(permutations(NEEDED)))
def test_messages_of_two_stamps_are_never_mixed(order) -> None:
    matcher = PartMatcher()
    given = []
    for place in range(len(NEEDED)):
        for stamp, topics in ((1, order), (2, NEEDED)):
            parts = matcher.offer(topics[place], stamp, Message(f"{topics[place].name}{stamp}"))
            given += [] if parts is None else [(stamp, parts)]
    assert [stamp for stamp, _ in given] == [1, 2]
    for stamp, parts in given:
        assert {topic: each.name for topic, each in parts.items()} == {t: f"{t.name}{stamp}" for t in NEEDED}


def test_frames_that_the_segmenter_passed_over_are_forgotten() -> None:
    matcher = PartMatcher()
    for stamp in range(1, 6):
        assert not offer_all(matcher, stamp, [IMAGE])
    assert len(offer_all(matcher, 4, NEEDED[1:])) == 1
    assert not offer_all(matcher, 3, NEEDED[1:])
    assert len(offer_all(matcher, 5, NEEDED[1:])) == 1


def test_a_map_that_is_renewed_gives_its_frame_again() -> None:
    matcher = PartMatcher()
    offer_all(matcher, 7)
    again = matcher.offer(OPEN_SET, 7, Message("another threshold"))
    assert again is not None
    assert (again[OPEN_SET].name, again[IMAGE].name) == ("another threshold", f"{IMAGE.name}7")


def test_what_waits_is_bounded_by_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MOST_PENDING", 250)
    matcher = PartMatcher()
    for stamp in range(1, 6):
        matcher.offer(IMAGE, stamp, Message("", bytes(100)))
    assert not offer_all(matcher, 3, NEEDED[1:])
    assert len(offer_all(matcher, 4, NEEDED[1:])) == 1


def test_stamps_that_jump_back_begin_anew() -> None:
    matcher = PartMatcher()
    assert not matcher.restarts(10 * SECOND)
    offer_all(matcher, 10 * SECOND)
    assert not matcher.restarts(10 * SECOND - 1)
    assert matcher.restarts(2 * SECOND)
    assert len(offer_all(matcher, 2 * SECOND)) == 1
    assert not matcher.restarts(3 * SECOND)


def frame(stamp: int, made: float = 0.0) -> Frame:
    return Frame("", stamp, np.zeros((2, 2, 3), np.uint8), NOTHING, (4, 4), made)


def stamps(history: History, now: float) -> list[int]:
    return [each.stamp for each in history.shown(now)]


def test_a_frame_is_shown_with_its_obstacles_or_after_a_wait() -> None:
    history = History(3)
    assert history.put(frame(1))
    assert stamps(history, 0.1) == []
    assert stamps(history, PATIENCE) == [1]
    history.put(frame(2, 0.1))
    history.put(frame(3, 0.2))
    history.describe(2, {"obstacles": ["second"]})
    assert stamps(history, 0.3) == [1, 2]
    assert history.shown(0.3)[-1].obstacles == {"obstacles": ["second"]}
    history.describe(4, {"obstacles": ["early"]})
    history.put(frame(4, 0.3))
    assert stamps(history, 0.3) == [2, 3, 4]
    assert history.shown(0.3)[-1].obstacles == {"obstacles": ["early"]}
    assert not history.put(frame(4, 0.4))
    assert stamps(history, 0.4) == [2, 3, 4]


def test_parts_are_those_that_the_views_need() -> None:
    assert set(NEEDED) == {IMAGE, ANOMALY, OPEN_SET, SEMANTIC}
