"""What a worker of a training says of errors in its side threads."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from multiprocessing import resource_sharer
from multiprocessing.connection import Client, Connection

import cv2
import pytest

pytest.importorskip("lightning_fabric", reason="the training packages are not installed")
from densehybrid_ros.stopping import SIGNALS
from densehybrid_ros.training.run import loop


@pytest.fixture
def sharer(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of the thread from which a worker's tensors are fetched; this process is the worker."""
    threads = cv2.getNumThreads()
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    loop._start_worker(0)
    for number, handler in before.items():
        signal.signal(number, handler)
    read, write = os.pipe()
    resource_sharer.DupFd(read)
    # private to multiprocessing, and the only way to where the thread listens
    address = resource_sharer._resource_sharer._address  # type: ignore[attr-defined]
    yield address
    resource_sharer.stop(timeout=10)
    os.close(read)
    os.close(write)
    cv2.setNumThreads(threads)


def connect(address: str) -> Connection:
    return Client(address, authkey=multiprocessing.current_process().authkey)


def said(capfd: pytest.CaptureFixture[str]) -> str:
    time.sleep(0.3)
    return capfd.readouterr().err


def test_a_worker_is_silent_where_its_parent_ended_while_it_fetched_a_batch(
    sharer: str, capfd: pytest.CaptureFixture[str]
) -> None:
    connect(sharer).close()
    assert said(capfd) == ""


def test_a_worker_tells_of_every_other_error(sharer: str, capfd: pytest.CaptureFixture[str]) -> None:
    with connect(sharer) as connection:
        connection.send((987654, os.getpid()))  # nothing of that number was shared
        assert "KeyError: 987654" in said(capfd)
