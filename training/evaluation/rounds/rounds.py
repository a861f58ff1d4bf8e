"""Rounds through the pictures of a set: each looks at every picture once, in order, and can go on where one stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from densehybrid_ros.progress import progress_bar
from densehybrid_ros.training.evaluation.rounds.looks import Look, Looks
from densehybrid_ros.training.evaluation.rounds.state_file import Key, read_state, write_state

PERIOD = 30.0
"""s between two states, at least."""
MOST_SHARE = 0.05
"""Of the time, that writing them may take."""


@dataclass(frozen=True)
class Memory:
    """Where states are kept, and of which run they are."""

    folder: Path
    key: Key


@dataclass
class Rounds:
    """Through one set."""

    looks: Looks
    memory: Memory | None = None
    """None: nothing is kept."""
    progress: bool = True
    _next: float = field(default=0.0, init=False)
    """When a state is due; by the monotonic clock."""

    def go(
        self,
        name: str,
        indices: Sequence[int],
        scores: Sequence[str],
        semantic: bool,
        counted: Mapping[str, Any],
        unit: str = "picture",
    ) -> Iterator[Look]:
        """The looks that have not been counted yet; each must have been counted when the next one is taken, and has no
        scores any more then.

        Args:
            name: of this round, among those through the set.
            counted: lists, dicts, and objects of RECORDS, or with fields of them, that counting changes: what a
                broken-off run had counted is put into them first.

        Raises:
            SetupError: the state is that of another run, or as `Looks`.
        """
        done = self._restored(name, counted)
        self._next = time.monotonic() + PERIOD
        bar = progress_bar(
            self.looks(indices[done:], scores, semantic),
            *(self.progress,),
            desc=name,
            unit=unit,
            leave=False,
            total=len(indices),
            initial=done,
        )
        for look in bar:
            yield look
            look.found.scores.clear()  # many large maps, which would stay while the next picture is looked at
            done += 1
            if self.memory is not None and time.monotonic() >= self._next:
                self._keep(name, done, counted)
        if self.memory is not None:
            self._keep(name, done, counted)

    def _restored(self, name: str, counted: Mapping[str, Any]) -> int:
        if self.memory is None:
            return 0
        done, found = read_state(self._file(self.memory, name), self.memory.key)
        for part, state in found.items():
            put_back(counted[part], state)
        return done

    def _keep(self, name: str, done: int, counted: Mapping[str, Any]) -> None:
        assert self.memory is not None
        began = time.monotonic()
        states = {part: state_of(each) for part, each in counted.items()}
        write_state(self._file(self.memory, name), self.memory.key, done, states)
        ended = time.monotonic()
        self._next = ended + max(PERIOD, (ended - began) / MOST_SHARE)

    def _file(self, memory: Memory, name: str) -> Path:
        return memory.folder / f"{name.replace(' ', '_')}.npz"


def state_of(counted: Any) -> Any:
    """What `Packed` takes of it."""
    return counted if isinstance(counted, (list, dict)) else vars(counted)


def put_back(counted: Any, state: Any) -> None:
    """Into what is of the same kind."""
    if isinstance(counted, list):
        counted[:] = state
    elif isinstance(counted, dict):
        counted.update(state)
    else:
        vars(counted).update(state)
