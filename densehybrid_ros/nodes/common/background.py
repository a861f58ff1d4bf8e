"""Slow work in a thread of its own, so that the executor goes on answering."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from types import coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def in_background(work: Callable[[], Result], done: Callable[[], object]) -> Future[Result]:
    """Begins `work`; `done` is called in its thread after it. The process can end while it goes on.

    Args:
        done: wakes whoever awaits the result, as an executor's `wake`.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:  # raised again where the result is taken
            future.set_exception(error)
        done()

    # not an executor of concurrent.futures: Python waits for its threads at the end
    threading.Thread(target=run, name="background", daemon=True).start()
    return future


@coroutine
def finished(future: Future[Any]) -> Generator[None, None, None]:
    """To be awaited in a task of rclpy, which looks again whenever the executor is woken."""
    while not future.done():
        yield
