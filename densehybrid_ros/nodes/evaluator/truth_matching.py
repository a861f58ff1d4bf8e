"""Which anomaly score, which truth and which disparity belong to one frame; bag loops and late stages included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from densehybrid_ros.errors import SetupError

MOST_LONE = 60
"""Messages of a topic after which an older one that is still alone is given up."""
MOST_PATIENT = 20
"""Complete frames after which an older one goes without a disparity."""

Picture = TypeVar("Picture")
Disparity = TypeVar("Disparity")


@dataclass(frozen=True)
class MatchedFrame(Generic[Picture, Disparity]):
    """What belongs together; the disparity is None where none came in time."""

    stamp: int
    """ns, of the score."""
    score: Picture
    truth: Picture
    disparity: Disparity | None
    number: int
    """Of the scores with a truth, repeated ones included."""


@dataclass(frozen=True)
class _Lone:
    item: Any
    number: int
    """Of the messages of its topic."""


class TruthMatcher(Generic[Picture, Disparity]):
    """Takes the messages of three topics and gives back frames, each stamp once. Stamps in ns; one caller at a time.

    The score is the master: when its stamps jump back, what waits from before the jump is forgotten. Frames that only
    wait for their disparity stay, for it may still be on its way.
    """

    def __init__(self, tolerance: int, jump: int) -> None:
        """
        Args:
            tolerance: truth and disparity may be so far from the score's stamp.
            jump: a score whose stamp lies further back than this begins a new pass.
        """
        if tolerance < 0:
            raise SetupError(f"the tolerance must not be negative, but is {tolerance} ns")
        self.unmatched = 0
        """Scores without truth and truths without score."""
        self.repeated = 0
        """Scores whose stamp had been matched before."""
        self._tolerance, self._jump = tolerance, jump
        self._lone: dict[str, dict[int, _Lone]] = {"score": {}, "truth": {}, "disparity": {}}
        self._newest: dict[str, int] = {}
        self._arrived = dict.fromkeys(self._lone, 0)
        self._waiting: dict[int, MatchedFrame[Picture, Disparity]] = {}
        self._complete = 0
        self._taken: set[int] = set()
        """Stamps of matched scores and truths: about 90 bytes a frame, for as long as the node runs."""

    @property
    def waiting(self) -> int:
        """Complete frames that wait for their disparity."""
        return len(self._waiting)

    def offer_score(self, stamp: int, score: Picture) -> list[MatchedFrame[Picture, Disparity]]:
        """A score has come; gives the frames that wait for nothing more."""
        jumped = stamp < self._newest.get("score", stamp) - self._jump
        self._note("score", stamp, jumped)
        if jumped:
            self._forget_old_pass()
        if stamp in self._taken:
            self.repeated += 1
            return self.passed()
        truth_stamp = self._nearest("truth", stamp)
        if truth_stamp is None:
            self._keep("score", stamp, score)
            return []
        return self._pair(stamp, score, truth_stamp, self._lone["truth"].pop(truth_stamp).item)

    def offer_truth(self, stamp: int, truth: Picture) -> list[MatchedFrame[Picture, Disparity]]:
        """A truth has come; gives the frames that wait for nothing more."""
        self._note("truth", stamp, True)
        if stamp in self._taken:
            return []
        score_stamp = self._nearest("score", stamp)
        if score_stamp is None:
            self._keep("truth", stamp, truth)
            return []
        return self._pair(score_stamp, self._lone["score"].pop(score_stamp).item, stamp, truth)

    def offer_disparity(self, stamp: int, disparity: Disparity) -> list[MatchedFrame[Picture, Disparity]]:
        """A disparity has come; gives the frame that waited for it."""
        self._note("disparity", stamp, True)
        near = min(self._waiting, key=lambda at: abs(at - stamp), default=None)
        if near is not None and abs(near - stamp) <= self._tolerance:
            frame = self._waiting.pop(near)
            return [MatchedFrame(frame.stamp, frame.score, frame.truth, disparity, frame.number)]
        if stamp not in self._taken:
            self._keep("disparity", stamp, disparity)
        return []

    def passed(self) -> list[MatchedFrame[Picture, Disparity]]:
        """One more frame has gone by; gives those that have waited long enough for their disparity."""
        self._complete += 1
        late = [at for at, frame in self._waiting.items() if self._complete - frame.number >= MOST_PATIENT]
        return [self._waiting.pop(at) for at in late]

    def finish(self) -> list[MatchedFrame[Picture, Disparity]]:
        """Nothing more comes: gives every complete frame that is left and counts the others as unmatched."""
        self.unmatched += len(self._lone["score"]) + len(self._lone["truth"])
        frames = list(self._waiting.values())
        for waiting in (*self._lone.values(), self._waiting):
            waiting.clear()
        return frames

    def _pair(
        self, stamp: int, score: Picture, truth_stamp: int, truth: Picture
    ) -> list[MatchedFrame[Picture, Disparity]]:
        self._taken |= {stamp, truth_stamp}
        late = self.passed()
        frame: MatchedFrame[Picture, Disparity] = MatchedFrame(stamp, score, truth, None, self._complete)
        found = self._nearest("disparity", stamp)
        if found is None:
            self._waiting[stamp] = frame
            return late
        disparity = self._lone["disparity"].pop(found).item
        return [*late, MatchedFrame(stamp, score, truth, disparity, frame.number)]

    def _note(self, topic: str, stamp: int, anew: bool) -> None:
        """A message of the topic has come, which gives up those that have been alone for long."""
        self._arrived[topic] += 1
        self._newest[topic] = stamp if anew else max(stamp, self._newest.get(topic, stamp))
        old = [at for at, lone in self._lone[topic].items() if self._arrived[topic] - lone.number >= MOST_LONE]
        self._give_up(topic, old)

    def _keep(self, topic: str, stamp: int, item: Any) -> None:
        if stamp in self._lone[topic]:
            self._give_up(topic, [stamp])
        self._lone[topic][stamp] = _Lone(item, self._arrived[topic])

    def _forget_old_pass(self) -> None:
        """Within a pass stamps rise, so that what lies behind its topic's newest is from before the jump."""
        for topic, lone in self._lone.items():
            self._give_up(topic, [at for at in lone if at > self._newest[topic]])

    def _give_up(self, topic: str, stamps: list[int]) -> None:
        for stamp in stamps:
            del self._lone[topic][stamp]
        self.unmatched += len(stamps) if topic != "disparity" else 0

    def _nearest(self, topic: str, stamp: int) -> int | None:
        near = min(self._lone[topic], key=lambda at: abs(at - stamp), default=None)
        return None if near is None or abs(near - stamp) > self._tolerance else near
