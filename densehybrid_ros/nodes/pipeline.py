"""Two threads behind the executor's: one infers, one publishes, so that taking, inferring and publishing overlap."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from densehybrid_ros.nodes.latest import NewestWins

Taken = TypeVar("Taken")
Answer = TypeVar("Answer")


class Pipeline(Generic[Taken, Answer]):
    """put → newest wins → infer → one batch of answers waits at most → publish.

    Only the slots before inference drop: what was inferred is published. `infer` and `publish` must not raise: what
    can go wrong with a frame is counted where the frame is known.
    """

    def __init__(
        self,
        infer: Callable[[list[Taken]], Sequence[Answer]],
        publish: Callable[[Answer], None],
        dropped: Callable[[Taken], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """`failed` is told of an exception that `infer` or `publish` let out after all; the threads end then."""
        self._infer, self._publish, self._failed = infer, publish, failed
        self._slots: NewestWins[Hashable, Taken] = NewestWins(dropped)
        self._answers: queue.Queue[Sequence[Answer] | None] = queue.Queue(maxsize=1)
        self._threads = [
            threading.Thread(target=self._run_inference, name="inference", daemon=True),
            threading.Thread(target=self._run_publishing, name="publishing", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def put(self, camera: Hashable, item: Taken) -> None:
        """Hands over the newest frame of a camera."""
        self._slots.put(camera, item)

    def stop(self) -> None:
        """Drops what waits, finishes and publishes what is at work, and ends both threads."""
        self._slots.close()
        for thread in self._threads:
            thread.join()

    def _run_inference(self) -> None:
        try:
            while taken := self._slots.take():
                answers = self._infer(taken)
                if answers:
                    self._answers.put(answers)
        except Exception as error:
            self._slots.close()
            self._failed(error)
        finally:
            self._answers.put(None)

    def _run_publishing(self) -> None:
        while (answers := self._answers.get()) is not None:
            try:
                for answer in answers:
                    self._publish(answer)
            except Exception as error:  # noqa: PERF203 - goes on, so that the inference thread is never left waiting
                self._failed(error)
