"""Two threads behind the executor's: one infers, one publishes, so that taking, inferring and publishing overlap."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

from densehybrid_ros.nodes.common.latest import NewestWins

Item = TypeVar("Item")

LOOK_AGAIN = 0.05
"""s after which the publishing thread looks at what waits without being woken."""


class Pipeline(Generic[Item]):
    """put → newest wins → infer → one batch waits at most → publish.

    Only the slots before inference drop: what was begun goes through to `publish`, which must not raise: what can go
    wrong with an item is noted in the item. `look_after` is called in the publishing thread after every batch, after
    every `wake`, and now and then, for what waits for something else; its argument says that the pipeline ends and
    nothing can be waited for any more.
    """

    def __init__(
        self,
        infer: Callable[[Sequence[Item]], Exception | None],
        publish: Callable[[Item], None],
        look_after: Callable[[bool], None] = lambda closing: None,
    ) -> None:
        """
        Args:
            infer: fills in the items; returns a fault after which no more can be inferred.
        """
        self._infer, self._publish, self._look_after = infer, publish, look_after
        self.fault: Future[None] = Future()
        """Ends with the exception for which the work cannot go on, if there ever is one."""
        self._slots: NewestWins[Hashable, Item] = NewestWins()
        self._changed = threading.Condition()
        self._inferred: Sequence[Item] = ()
        self._woken, self._ended = False, False
        self._abandoned = False
        self._threads = [
            threading.Thread(target=self._run_inference, name="inference", daemon=True),
            threading.Thread(target=self._run_publishing, name="publishing", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def put(self, camera: Hashable, item: Item) -> Item | None:
        """Hands over the newest item of a camera; returns the one that is dropped for it, or itself after the end."""
        return self._slots.put(camera, item)

    def wake(self) -> None:
        """Something has come that an item may wait for."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def stop(self, patience: float | None = None) -> list[Item]:
        """Finishes and publishes what is at work, ends both threads, and returns what was never begun.

        Args:
            patience: s to wait for each thread; what is then still at work goes nowhere. None = as long as it takes.
        """
        self._slots.close()
        for thread in self._threads:
            thread.join(patience)
        self._abandoned = any(thread.is_alive() for thread in self._threads)
        return self._slots.rest()

    def _run_inference(self) -> None:
        try:
            while items := self._slots.take():
                fault = self._infer(items)
                self._hand_over(items)
                if fault is not None:
                    raise fault
        except Exception as error:
            self._fail(error)
        finally:
            self._slots.close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _hand_over(self, items: Sequence[Item]) -> None:
        """Waits until those before these were taken."""
        with self._changed:
            self._changed.wait_for(lambda: not self._inferred)
            self._inferred = items
            self._changed.notify_all()

    def _run_publishing(self) -> None:
        ended = False
        while not ended:
            with self._changed:
                self._changed.wait_for(lambda: self._inferred or self._woken or self._ended, LOOK_AGAIN)
                items, self._inferred, self._woken = self._inferred, (), False
                ended = self._ended and not items
                self._changed.notify_all()
            if self._abandoned:
                return
            try:
                for item in items:
                    self._publish(item)
                self._look_after(ended)
            except Exception as error:  # goes on, so that the inference thread is never left waiting
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        with self._changed:
            if not self.fault.done() and not self._abandoned:
                self.fault.set_exception(error)
