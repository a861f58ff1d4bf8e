"""The end by SIGINT or SIGTERM: quiet, and soon whatever the process is doing.

Exit status: 0 of a node that could end in order; else that of the signal, 130 or 143 in a shell.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 1.5
"""s that the process has from the signal on; what still goes on then is cut off."""
WATCH = "signals"
"""Name of the thread that watches for them."""
AGAIN = 0.01
"""s until KeyboardInterrupt is raised again where Python dropped it."""
REPEATED = 1.0
"""s in which another signal is the same one: a terminal and a launch file both send it."""


def end_at_once() -> None:
    """From now on the kernel ends the process: for imports, which leave nothing to tidy up, and can be long in C."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def ended_at_once() -> Iterator[None]:
    """As `end_at_once`, for a block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, old in before.items():
        if old is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


class StopRequest:
    """What a signal asks for. Ends the process `grace` s after it, unless `tidying` was called in between.

    Then a second signal does. That works while the main thread is in C code, as in a step of a network: the signal's
    number is read from a pipe by a thread.
    """

    def __init__(self, pipe: int, grace: float) -> None:
        self.number: int | None = None
        """Of the signal; None before it."""
        self._pipe, self._grace = pipe, grace
        self._tidying = threading.Event()
        threading.Thread(target=self._watch, name=WATCH, daemon=True).start()

    def tidying(self) -> None:
        """The end has begun and takes its time."""
        self._tidying.set()

    def _watch(self) -> None:
        first = self._next()
        if first is None:
            return
        self.number = first
        came = time.monotonic()
        second: int | None = first
        if self._tidying.wait(self._grace):
            while (second := self._next()) is not None and time.monotonic() - came < REPEATED:
                pass
        if second is not None:
            _cut_off(second)

    def _next(self) -> int | None:
        """Waits for a signal; None once the pipe is closed."""
        while number := os.read(self._pipe, 1):
            if number[0] in SIGNALS:  # SIGCHLD and others are written, too
                return number[0]
        os.close(self._pipe)
        return None


@contextmanager
def stop_requests(
    handler: Callable[[int, FrameType | None], object], ignored: bool = True, grace: float = GRACE
) -> Iterator[StopRequest]:
    """Takes the signals for a block, in the main thread.

    Args:
        handler: called in the main thread, as soon as that runs Python.
        ignored: also those that the process was started to ignore, as a shell does for what runs in the background.
        grace: s until what goes on is cut off.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    for number, old in before.items():
        if ignored or old is not signal.SIG_IGN:
            signal.signal(number, handler)
    pipe_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    # a forked process would write into our pipe what is meant for it alone
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
    request = StopRequest(reading, grace)
    try:
        yield request
    finally:
        if request.number is None:  # else the process ends, and the deadline holds for that as well
            signal.set_wakeup_fd(pipe_before)
            os.close(writing)
            for number, old in before.items():
                signal.signal(number, old)


@contextmanager
def ended_quietly(grace: float = GRACE) -> Iterator[None]:
    """Runs a command: a signal raises KeyboardInterrupt in it, so that it tidies up, and it ends by SystemExit.

    Python drops what is raised in a destructor or in a weak reference's callback (an import has some), and says so by
    `sys.unraisablehook`. From there it is raised again, a little later.

    Elsewhere than in the main thread, which alone gets signals, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    number = signal.SIGINT

    def interrupt(received: int, frame: FrameType | None) -> None:
        nonlocal number
        number = signal.Signals(received)
        for each in SIGNALS:  # once: a second one would disturb the tidying up
            signal.signal(each, lambda *_: None)
        raise KeyboardInterrupt

    def raised_again(received: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def dropped(what: sys.UnraisableHookArgs) -> None:
        if what.exc_type is not KeyboardInterrupt:
            hook_before(what)
            return
        signal.signal(signal.SIGALRM, raised_again)
        signal.setitimer(signal.ITIMER_REAL, AGAIN)  # a thread could wait for a lock that is held here

    hook_before = sys.unraisablehook
    sys.unraisablehook = dropped
    with stop_requests(interrupt, ignored=False, grace=grace):
        try:
            yield
        except KeyboardInterrupt:
            raise SystemExit(128 + number) from None
        finally:
            sys.unraisablehook = hook_before


def _cut_off(number: int) -> None:
    """Ends the process, whatever its threads do, and the processes that work for it."""
    if "multiprocessing" in sys.modules:  # not imported by all, and not to be in this thread
        for child in sys.modules["multiprocessing"].active_children():
            child.kill()
    os._exit(128 + number)
