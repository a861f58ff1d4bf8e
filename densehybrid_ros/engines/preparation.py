"""Engines become ready: opened or built, and checked, one at a time, in a thread beside the one that answers."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

from torch import nn

from densehybrid_ros.engines import opening
from densehybrid_ros.engines.building import Build, BuildFailed
from densehybrid_ros.engines.cache import cache_folder, cached, folder_to_build_in, forget, remove_oldest
from densehybrid_ros.engines.key import KEY, Key, Shape, key_of
from densehybrid_ros.engines.opening import Session, difference_to_torch

MOST_OPEN = 8
"""Each takes the memory of the weights and of what the network computes."""
UNUSED = 60.0
"""s after which one is closed where another is needed."""
PATIENCE = 5.0
"""s for the thread to end: it may be in ONNX Runtime, under which Python must not end."""


class Unfit(RuntimeError):
    """An engine that must not be used, with the reason."""


class Preparation:
    """Thread-safe. Holds no reference to who asks, so that a build ends when nobody does any more."""

    def __init__(self, network: nn.Module, architecture: str, weights: Path, threads: int) -> None:
        """
        Args:
            network: on the CPU, in evaluation mode.
            weights: the file that it was read from.
            threads: of a session.
        """
        self.at_work = ""
        """What is being done, as "building onnxruntime 1024x512"."""
        self.trouble = ""
        """Why no more engines are prepared."""
        self.not_kept = ""
        """Why an engine was not put into the cache."""
        self._network, self._weights, self._threads = network, weights, threads
        self._architecture = architecture
        self._key: Key | None = None
        """Of one shape; those of others differ in that alone."""
        self._ready: dict[Shape, Session] = {}
        self._used: dict[Shape, float] = {}
        """Steady time, s."""
        self._lock = threading.RLock()  # a finalizer may run `close` in any thread, anywhere
        self._thread: threading.Thread | None = None
        self._build: Build | None = None
        self._closed = False

    def session(self, shape: Shape) -> Session | None:
        """The engine of that shape, if it is ready."""
        with self._lock:
            found = self._ready.get(shape)
            if found is not None:
                self._used[shape] = time.monotonic()
            return found

    def begin(self, shape: Shape) -> None:
        """Prepares an engine, unless another one is at work, or none can be had."""
        with self._lock:
            busy = self._thread is not None and self._thread.is_alive()
            if busy or self._closed or self.trouble or shape in self._ready or not self._has_room():
                return
            self.at_work = f"opening onnxruntime {shape}"
            self._thread = threading.Thread(target=self._prepare, args=(shape,), name="engine", daemon=True)
            self._thread.start()

    def give_up(self, error: Exception) -> None:
        """No engine is used any more, for what one failed with."""
        with self._lock:
            self.trouble = self.trouble or f"onnxruntime failed: {_in_words(error)}"
            self._ready.clear()

    def close(self) -> None:
        """Ends a build, and prepares nothing more."""
        with self._lock:
            self._closed = True
            if self._build is not None:
                self._build.stop()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(PATIENCE)

    def _has_room(self) -> bool:
        """Closes what is not used any more, where there are many."""
        if len(self._ready) < MOST_OPEN:
            return True
        oldest = min(self._ready, key=self._used.__getitem__)
        if time.monotonic() - self._used[oldest] < UNUSED:
            return False
        del self._ready[oldest], self._used[oldest]
        return True

    def _prepare(self, shape: Shape) -> None:
        try:
            self._key = self._key or key_of(self._network, self._architecture, shape)
            session = self._made(replace(self._key, shape=shape))
        except Exception as error:  # ONNX Runtime, the exporter and the disk fail in many ways, and torch in none
            with self._lock:
                self.trouble = self.trouble or ("" if self._closed else _in_words(error))
        else:
            with self._lock:
                self._ready[shape], self._used[shape] = session, time.monotonic()
        finally:
            self.at_work = ""

    def _made(self, key: Key) -> Session:
        """Out of the cache, or built."""
        try:
            kept = cache_folder() / key.file_name
        except RuntimeError:  # no home
            return self._built(key)
        contents = cached(kept)
        if contents is not None:
            try:
                return self._checked(contents, key)
            except Exception:  # damaged in any way: a new one shows whether that was it
                forget(kept)
        return self._built(key)

    def _built(self, key: Key) -> Session:
        with folder_to_build_in() as (folder, self.not_kept):
            path = folder / key.file_name
            self._run_build(path, key)
            try:
                session = self._checked(path.read_bytes(), key)
            except Exception:
                forget(path)
                raise
            remove_oldest(folder)
            return session

    def _run_build(self, path: Path, key: Key) -> None:
        self.at_work = f"building onnxruntime {key.shape}"
        with self._lock:
            if self._closed:
                raise Unfit("closed")
            self._build = build = Build(self._weights, path, key)
        try:
            build.wait()
        finally:
            self._build = None

    def _checked(self, contents: bytes, key: Key) -> Session:
        """
        Raises:
            Unfit: it is another engine, or answers otherwise than torch.
            Exception: of ONNX Runtime's: damaged.
        """
        session = Session(contents, self._threads)
        if session.properties.get(KEY) != key.text:
            raise Unfit("its file was made of or with something else")
        difference = difference_to_torch(self._network, session, key.shape)
        if not difference <= opening.TOLERANCE:
            raise Unfit(f"it differs from torch by {difference:g} nats, more than {opening.TOLERANCE:g}")
        return session


def _in_words(error: Exception) -> str:
    """One line."""
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, Unfit | BuildFailed) else f"{type(error).__name__}: {text}"
