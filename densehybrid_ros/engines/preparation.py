"""Engines become ready: made one at a time, in a thread beside the one that answers."""

from __future__ import annotations

import threading
import time

from densehybrid_ros.engines.key import Origin, Shape, key_of
from densehybrid_ros.engines.making import Maker, Opened, in_words

MOST_OPEN = 8
"""Each takes the memory of the weights and of what the network computes."""
UNUSED = 60.0
"""s after which one is closed where another is needed."""
PATIENCE = 5.0
"""s for the thread to end: it may be in the runtime, under which Python must not end."""


class Preparation:
    """Thread-safe. Holds no reference to who asks, so that a build ends when nobody does any more."""

    def __init__(self, origin: Origin, maker: Maker) -> None:
        self.trouble = ""
        """Why no more engines are prepared."""
        self.maker = maker
        self._origin = origin
        self._ready: dict[Shape, Opened] = {}
        self._used: dict[Shape, float] = {}
        """Steady time, s."""
        self._lock = threading.RLock()  # a finalizer may run `close` in any thread, anywhere
        self._thread: threading.Thread | None = None

    @property
    def at_work(self) -> str:
        """What is being done, as "building onnxruntime 1024x512"."""
        return self.maker.builds.at_work

    def session(self, shape: Shape) -> Opened | None:
        """The engine of that shape, if it is ready."""
        with self._lock:
            found = self._ready.get(shape)
            if found is not None:
                self._used[shape] = time.monotonic()
            return found

    def begin(self, shape: Shape, insist: bool = False) -> None:
        """Prepares an engine, unless another one is at work, or none can be had.

        Args:
            insist: also where one that has just been used has to be closed for it.
        """
        builds = self.maker.builds
        with self._lock:
            busy = self._thread is not None and self._thread.is_alive()
            if busy or builds.stopped or self.trouble or shape in self._ready or not self._has_room(insist):
                return
            builds.at_work = f"opening {self.maker.name} {shape}"
            self._thread = threading.Thread(target=self._prepare, args=(shape,), name="engine", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Returns when nothing is prepared any more."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def give_up(self, error: Exception) -> None:
        """No engine is used any more, for what one failed with."""
        with self._lock:
            self.trouble = self.trouble or f"{self.maker.name} failed: {in_words(error)}"
            self._ready.clear()

    def close(self) -> None:
        """Ends a build, and prepares nothing more."""
        self.maker.builds.stop()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE)

    def _has_room(self, insist: bool) -> bool:
        """Closes what is not used any more, where there are many."""
        if len(self._ready) < MOST_OPEN:
            return True
        oldest = min(self._ready, key=self._used.__getitem__)
        if not insist and time.monotonic() - self._used[oldest] < UNUSED:
            return False
        del self._ready[oldest], self._used[oldest]
        return True

    def _prepare(self, shape: Shape) -> None:
        builds = self.maker.builds
        try:
            session = self.maker.made(key_of(self._origin, shape))
        except Exception as error:  # runtimes, the exporter and the disk fail in many ways, and torch in none
            with self._lock:
                self.trouble = self.trouble or ("" if builds.stopped else in_words(error))
        else:
            with self._lock:
                self._ready[shape], self._used[shape] = session, time.monotonic()
        finally:
            builds.at_work = ""
