"""Newest-wins slots and the two threads, without ROS messages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from densehybrid_ros.nodes.common.latest import NewestWins
from densehybrid_ros.nodes.segmenter.pipeline import Pipeline


def test_the_newest_of_each_camera_is_taken_and_the_others_are_dropped() -> None:
    dropped: list[int] = []
    slots: NewestWins[str, int] = NewestWins(dropped.append)
    for camera, item in (("front", 1), ("left", 2), ("front", 3), ("front", 4)):
        slots.put(camera, item)
    assert sorted(slots.take()) == [2, 4]
    assert dropped == [1, 3]
    slots.put("left", 5)
    slots.close()
    slots.put("left", 6)
    assert slots.take() == []
    assert dropped == [1, 3, 5, 6]


def test_every_item_is_published_or_dropped_however_fast_they_come() -> None:
    dropped: list[int] = []
    published: list[int] = []

    def infer(items: list[int]) -> list[int]:
        time.sleep(0.002)
        return items

    pipeline: Pipeline[int, int] = Pipeline(infer, published.append, dropped.append, raised)
    for item in range(500):
        pipeline.put(item % 3, item)
        time.sleep(0.0005)
    pipeline.stop()
    assert sorted(dropped + published) == list(range(500))
    assert published
    for camera in range(3):
        of_camera = [item for item in published if item % 3 == camera]
        assert len(of_camera) > 2
        assert of_camera == sorted(of_camera)


def test_inference_goes_on_while_publishing_lasts() -> None:
    begun: list[int] = []
    release = threading.Event()

    def publish(item: int) -> None:
        release.wait(10)

    def infer(items: list[int]) -> list[int]:
        begun.extend(items)
        return items

    pipeline: Pipeline[int, int] = Pipeline(infer, publish, lambda item: None, raised)
    pipeline.put("camera", 1)
    wait_for(lambda: begun == [1])
    pipeline.put("camera", 2)
    wait_for(lambda: begun == [1, 2])
    release.set()
    pipeline.stop()


def test_a_step_that_failed_altogether_publishes_nothing_and_the_next_goes_on() -> None:
    published: list[int] = []
    pipeline: Pipeline[int, int] = Pipeline(lambda items: [] if 1 in items else items, published.append, print, raised)
    pipeline.put("camera", 1)
    time.sleep(0.05)
    pipeline.put("camera", 2)
    wait_for(lambda: published == [2])
    pipeline.stop()


@pytest.mark.parametrize("where", ["infer", "publish"])
def test_a_thread_that_fails_says_so_and_stop_does_not_hang(where: str) -> None:
    failures: list[Exception] = []
    dropped: list[int] = []

    def infer(items: list[int]) -> list[int]:
        if where == "infer":
            raise RuntimeError("infer")
        return items

    def publish(item: int) -> None:
        raise RuntimeError("publish")

    pipeline: Pipeline[int, int] = Pipeline(infer, publish, dropped.append, failures.append)
    pipeline.put("camera", 1)
    wait_for(lambda: len(failures) == 1)
    assert str(failures[0]) == where
    pipeline.put("camera", 2)
    pipeline.stop()
    assert dropped in ([2], [])


def raised(error: Exception) -> None:
    raise AssertionError(error)


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
