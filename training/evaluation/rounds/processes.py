"""Several processes that look at pictures, each with a network of its own; what they find comes back in order.

So that counting is the same whatever their number. No gradients are shared as in training: each works by itself, and no
process group is needed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from multiprocessing.queues import SimpleQueue

import torch

from densehybrid_ros.core.devices import resolve_device
from densehybrid_ros.core.heap import give_back_large_blocks
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.evaluation.rounds.looks import Look, look_at
from densehybrid_ros.training.evaluation.rounds.reading import Reader

Load = Callable[[str], Segmenter]
"""Device → a segmenter on it; can be sent to other processes."""
AHEAD = 2
"""Pictures that each process may be ahead of what has been taken."""


def devices_of(name: str, processes: int) -> list[str]:
    """One for each process: GPUs one after the other, or the CPU for all.

    Raises:
        SetupError: fewer GPUs are there, one is named for several processes, or there are to be none.
    """
    if processes < 1:
        raise SetupError(f"--processes is {processes}; give at least 1")
    device = resolve_device(name)
    if processes == 1 or device.type == "cpu":
        return [name if processes == 1 else "cpu"] * processes
    if name not in ("auto", device.type):
        raise SetupError(f"{processes} processes cannot share {name}; give --device {device.type}")
    if processes > torch.cuda.device_count():
        raise SetupError(f"{processes} GPUs were asked for, {torch.cuda.device_count()} are there")
    return [f"{device.type}:{number}" for number in range(processes)]


class ByProcesses:
    """A pool, ended by `close`, or with the process that made it."""

    def __init__(self, load: Load, reader: Reader, devices: Sequence[str]) -> None:
        """The processes start with the first picture; each takes one of the devices."""
        context = multiprocessing.get_context("spawn")
        free: SimpleQueue[str] = context.SimpleQueue()
        for device in devices:
            free.put(device)
        threads = max(1, torch.get_num_threads() // len(devices))
        self._most = AHEAD * len(devices)
        self._pool = ProcessPoolExecutor(len(devices), context, _begin, (load, reader, free, threads))

    def __call__(self, indices: Sequence[int], scores: Sequence[str], semantic: bool) -> Iterator[Look]:
        """As `Looks`.

        Raises:
            SetupError: one of the processes has ended, or as `Looks`.
        """
        waiting: deque[Future[Look]] = deque()
        try:
            for index in indices:
                waiting.append(self._pool.submit(_look, index, list(scores), semantic))
                if len(waiting) > self._most:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise SetupError(
                "a process that looks at pictures was ended from outside, or could not start; often the memory is "
                "full: give fewer --processes"
            ) from error
        finally:
            for each in waiting:
                each.cancel()

    def close(self) -> None:
        """Pictures that are being looked at are waited for."""
        self._pool.shutdown(cancel_futures=True)


class _Worker:
    """What a process of the pool works with."""

    segmenter: Segmenter | SetupError
    reader: Reader


def _begin(load: Load, reader: Reader, free: SimpleQueue[str], threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the pool
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    give_back_large_blocks()
    torch.set_num_threads(threads)
    _Worker.reader = reader
    try:
        _Worker.segmenter = load(free.get())
    except SetupError as error:  # raised here it would be printed, and its text lost to the parent
        _Worker.segmenter = error


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent
    wait([parent.sentinel])
    os._exit(1)


def _look(index: int, scores: Sequence[str], semantic: bool) -> Look:
    if isinstance(_Worker.segmenter, SetupError):
        raise _Worker.segmenter
    return look_at(_Worker.segmenter, index, _Worker.reader.read(index), scores, semantic)
