"""Scores, truths and disparities find each other by stamp, once per stamp, whatever their order."""

from __future__ import annotations

import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.nodes.evaluator.truth_matching import MOST_LONE, MOST_PATIENT, MatchedFrame, TruthMatcher

SECOND = 1_000_000_000
TOLERANCE = SECOND // 100
Found = list[MatchedFrame[str, str]]


@pytest.fixture
def matcher() -> TruthMatcher[str, str]:
    return TruthMatcher(TOLERANCE, SECOND)


def offer(matcher: TruthMatcher[str, str], topic: str, stamp: int, name: str = "") -> Found:
    """Offers a message whose text is its topic and its second."""
    return getattr(matcher, f"offer_{topic}")(stamp, name or f"{topic} {stamp // SECOND}")


def offer_all(matcher: TruthMatcher[str, str], stamp: int) -> Found:
    return [frame for topic in ("truth", "score", "disparity") for frame in offer(matcher, topic, stamp)]


def stamps(frames: Found) -> list[int]:
    return [frame.stamp // SECOND for frame in frames]


@pytest.mark.parametrize(
    "order", [("score", "truth", "disparity"), ("disparity", "truth", "score"), ("truth", "disparity", "score")]
)
@pytest.mark.parametrize("shift", [0, TOLERANCE])
def test_a_frame_is_complete_in_any_order(
    matcher: TruthMatcher[str, str], order: tuple[str, str, str], shift: int
) -> None:
    stamp = 5 * SECOND
    found = [offer(matcher, topic, stamp + (0 if topic == "score" else shift), topic) for topic in order]
    assert found[:2] == [[], []]
    (frame,) = found[2]
    assert (frame.stamp, frame.score, frame.truth, frame.disparity) == (stamp, "score", "truth", "disparity")
    assert matcher.finish() == []
    assert (matcher.unmatched, matcher.repeated, matcher.waiting) == (0, 0, 0)


def test_what_is_farther_apart_than_the_tolerance_is_not_matched(matcher: TruthMatcher[str, str]) -> None:
    assert offer(matcher, "score", SECOND) == []
    assert offer(matcher, "truth", SECOND + TOLERANCE + 1) == []
    assert matcher.finish() == []
    assert matcher.unmatched == 2


def test_the_nearest_truth_is_taken(matcher: TruthMatcher[str, str]) -> None:
    for shift in (-TOLERANCE, 3, TOLERANCE):
        offer(matcher, "truth", SECOND + shift, f"truth {shift}")
    offer(matcher, "score", SECOND)
    (frame,) = matcher.finish()
    assert frame.truth == "truth 3"
    assert matcher.unmatched == 2


@pytest.mark.parametrize("topic", ["score", "truth"])
def test_what_stays_alone_is_given_up_after_sixty_frames(matcher: TruthMatcher[str, str], topic: str) -> None:
    offer(matcher, topic, 0)
    for second in range(1, MOST_LONE):
        offer_all(matcher, second * SECOND)
    assert matcher.unmatched == 0
    offer_all(matcher, MOST_LONE * SECOND)
    assert matcher.unmatched == 1
    other = "truth" if topic == "score" else "score"
    offer(matcher, other, 0)
    assert matcher.finish() == []


def test_a_disparity_may_come_up_to_twenty_frames_late(matcher: TruthMatcher[str, str]) -> None:
    for second in range(MOST_PATIENT):
        offer(matcher, "truth", second * SECOND)
        assert offer(matcher, "score", second * SECOND) == []
    (frame,) = offer(matcher, "disparity", 0)
    assert (frame.stamp, frame.disparity) == (0, "disparity 0")
    for second in (MOST_PATIENT, MOST_PATIENT + 1):
        offer(matcher, "truth", second * SECOND)
        released = offer(matcher, "score", second * SECOND)
    assert [(frame.stamp, frame.disparity) for frame in released] == [(SECOND, None)]
    assert offer(matcher, "disparity", SECOND) == []
    assert stamps(matcher.finish()) == list(range(2, MOST_PATIENT + 2))
    assert matcher.unmatched == 0


def test_a_second_pass_is_not_matched_again(matcher: TruthMatcher[str, str]) -> None:
    assert stamps([frame for second in range(5) for frame in offer_all(matcher, second * SECOND)]) == list(range(5))
    again = [frame for second in range(7) for frame in offer_all(matcher, second * SECOND)]
    assert stamps(again) == [5, 6]
    assert (matcher.repeated, matcher.unmatched) == (5, 0)
    assert matcher.finish() == []
    assert matcher.unmatched == 0


def test_frames_without_disparity_are_released_by_repeated_ones(matcher: TruthMatcher[str, str]) -> None:
    def play() -> Found:
        found: Found = []
        for second in range(12):
            found += offer(matcher, "truth", second * SECOND)
            found += offer(matcher, "score", second * SECOND)
        return found

    assert play() == []
    assert stamps(play() + play()) == list(range(12))
    assert matcher.repeated == 24


def test_a_jump_back_forgets_what_was_alone_before_it_and_keeps_what_leads(matcher: TruthMatcher[str, str]) -> None:
    offer(matcher, "score", 50 * SECOND)  # its truth was lost
    for second in range(51, 54):
        offer(matcher, "truth", second * SECOND)
    offer(matcher, "truth", 0)  # the truth of the next pass comes before its score
    assert matcher.unmatched == 0
    offer(matcher, "score", 0)
    assert matcher.unmatched == 4
    assert stamps(matcher.finish()) == [0]


def test_a_late_score_within_a_second_is_no_jump(matcher: TruthMatcher[str, str]) -> None:
    offer(matcher, "truth", 3 * SECOND)
    offer(matcher, "truth", 4 * SECOND)
    offer(matcher, "score", 4 * SECOND)
    offer(matcher, "score", 3 * SECOND)
    assert stamps(matcher.finish()) == [4, 3]
    assert matcher.unmatched == 0


def test_a_negative_tolerance_is_refused() -> None:
    with pytest.raises(SetupError, match="not be negative"):
        TruthMatcher(-1, SECOND)
