"""Newest-wins slots and the two threads, without ROS messages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from densehybrid_ros.nodes.common.latest import NewestWins
from densehybrid_ros.nodes.segmenter.pipeline import Pipeline


def test_the_newest_of_each_camera_is_taken_and_the_older_one_comes_back() -> None:
    slots: NewestWins[str, int] = NewestWins()
    older = [slots.put(camera, item) for camera, item in (("front", 1), ("left", 2), ("front", 3), ("front", 4))]
    assert older == [None, None, 1, 3]
    assert slots.take() == [2, 4]
    assert slots.put("left", 5) is None
    slots.close()
    assert slots.put("left", 6) == 6
    assert slots.take() == []
    assert slots.rest() == [5]
    assert slots.rest() == []


def test_every_item_is_published_or_comes_back_however_fast_they_come() -> None:
    published: list[int] = []

    def infer(items: Sequence[int]) -> None:
        time.sleep(0.002)

    pipeline: Pipeline[int] = Pipeline(infer, published.append)
    back = []
    for item in range(500):
        back.append(pipeline.put(item % 3, item))
        time.sleep(0.0005)
    dropped = [item for item in back if item is not None] + pipeline.stop()
    assert sorted(dropped + published) == list(range(500))
    assert published
    assert not pipeline.fault.done()
    for camera in range(3):
        of_camera = [item for item in published if item % 3 == camera]
        assert len(of_camera) > 2
        assert of_camera == sorted(of_camera)


def test_inference_goes_on_while_publishing_lasts() -> None:
    begun: list[int] = []
    release = threading.Event()

    def publish(item: int) -> None:
        release.wait(10)

    pipeline: Pipeline[int] = Pipeline(begun.extend, publish)
    pipeline.put("camera", 1)
    wait_for(lambda: begun == [1])
    pipeline.put("camera", 2)
    wait_for(lambda: begun == [1, 2])
    release.set()
    pipeline.stop()


def test_after_a_fatal_fault_its_items_are_published_and_later_ones_come_back() -> None:
    published: list[int] = []
    fault = RuntimeError("the device is lost")
    pipeline: Pipeline[int] = Pipeline(lambda items: fault if 2 in items else None, published.append)
    for item in (1, 2):
        pipeline.put("camera", item)
        wait_for(lambda item=item: item in published)
    assert pipeline.fault.exception(10) is fault
    assert pipeline.put("camera", 3) == 3
    assert pipeline.stop() == []
    assert published == [1, 2]


@pytest.mark.parametrize("where", ["infer", "publish"])
def test_what_a_thread_raises_is_the_fault_and_stop_does_not_hang(where: str) -> None:
    def infer(items: Sequence[int]) -> None:
        if where == "infer":
            raise RuntimeError("infer")

    def publish(item: int) -> None:
        raise RuntimeError("publish")

    pipeline: Pipeline[int] = Pipeline(infer, publish)
    pipeline.put("camera", 1)
    assert str(pipeline.fault.exception(10)) == where
    back = pipeline.put("camera", 2)
    assert (back, pipeline.stop()) in ((None, [2]), (2, []), (None, []))
    assert str(pipeline.fault.exception()) == where


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)
