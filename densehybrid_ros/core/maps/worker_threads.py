"""Threads of Python's, each of which runs torch on one core.

Torch shares every single operation among its own threads, which spin while they wait for the slowest: where other work
has one of the cores, short operations take up to 60 times as long. Here whole pieces of work are shared.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import torch

Work = TypeVar("Work")


def in_worker_threads(do: Callable[[Work], None], pieces: Iterable[Work]) -> None:
    """Does every piece, on as many cores as torch may use in this thread; inference mode is on where it is on here.

    Raises:
        Exception: the first that `do` raised.
    """
    inference = torch.is_inference_mode_enabled()

    def one(piece: Work) -> None:
        with torch.inference_mode(inference):
            do(piece)

    for _ in _workers(torch.get_num_threads()).map(one, pieces):
        pass


@lru_cache(maxsize=2)
def _workers(count: int) -> ThreadPoolExecutor:
    """So many threads, already started."""
    pool = ThreadPoolExecutor(count, thread_name_prefix="strips")
    all_started = threading.Barrier(count + 1)

    def start() -> None:
        torch.get_num_threads()  # the first call in a thread sets the number, too
        torch.set_num_threads(1)
        all_started.wait()

    for _ in range(count):
        pool.submit(start)
    all_started.wait()
    torch.set_num_threads(count)  # the number is each thread's own, but new threads take over the one set last
    return pool
