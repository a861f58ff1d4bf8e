"""Two threads behind the executor's: one infers, one publishes, so that taking, inferring and publishing overlap."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

from densehybrid_ros.nodes.common.latest import NewestWins

Taken = TypeVar("Taken")
Answer = TypeVar("Answer")

LOOK_AGAIN = 0.25
"""s after which the publishing thread looks at what waits without being woken."""


class Pipeline(Generic[Taken, Answer]):
    """put → newest wins → infer → one batch of answers waits at most → publish.

    Only the slots before inference drop: what was inferred is published. `infer` and `publish` must not raise: what
    can go wrong with a frame is counted where the frame is known. `look_after` is called in the publishing thread
    after every answer, after every `wake`, and now and then: for work on answers that wait for something else.
    """

    def __init__(
        self,
        infer: Callable[[list[Taken]], Sequence[Answer]],
        publish: Callable[[Answer], None],
        dropped: Callable[[Taken], None],
        failed: Callable[[Exception], None],
        look_after: Callable[[bool], None] = lambda closing: None,
    ) -> None:
        """
        Args:
            failed: told of an exception that `infer` or `publish` let out after all; inference ends then.
            look_after: its argument says that the pipeline ends and nothing can be waited for any more.
        """
        self._infer, self._publish, self._failed = infer, publish, failed
        self._look_after = look_after
        self._slots: NewestWins[Hashable, Taken] = NewestWins(dropped)
        self._changed = threading.Condition()
        self._answers: Sequence[Answer] | None = None
        self._woken, self._ended = False, False
        self._threads = [
            threading.Thread(target=self._run_inference, name="inference", daemon=True),
            threading.Thread(target=self._run_publishing, name="publishing", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def put(self, camera: Hashable, item: Taken) -> None:
        """Hands over the newest frame of a camera."""
        self._slots.put(camera, item)

    def wake(self) -> None:
        """Something has come that an answer may wait for."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

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
                    self._hand_over(answers)
        except Exception as error:
            self._slots.close()
            self._failed(error)
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _hand_over(self, answers: Sequence[Answer]) -> None:
        """Waits until the answers before these were taken."""
        with self._changed:
            self._changed.wait_for(lambda: self._answers is None)
            self._answers = answers
            self._changed.notify_all()

    def _run_publishing(self) -> None:
        ended = False
        while not ended:
            with self._changed:
                self._changed.wait_for(lambda: self._answers is not None or self._woken or self._ended, LOOK_AGAIN)
                answers, self._answers, self._woken = self._answers, None, False
                ended = self._ended and answers is None
                self._changed.notify_all()
            try:
                for answer in answers or ():
                    self._publish(answer)
                self._look_after(ended)
            except Exception as error:  # goes on, so that the inference thread is never left waiting
                self._failed(error)
