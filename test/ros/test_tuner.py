"""The tuner over real DDS, with a page that stands for a browser."""

from __future__ import annotations

import asyncio
import json
import re
import struct
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy", reason="rclpy is not installed")
from densehybrid_ros.convert.images import array_from_image
from densehybrid_ros.topics import ANOMALY, IMAGE, OBSTACLES_JSON, OPEN_SET, SEMANTIC

if TYPE_CHECKING:
    from conftest import Probe, Process
    from sensor_msgs.msg import Image

Start = Callable[..., "Process"]
UNKNOWN = 11
"""Of the made weights."""
URL = re.compile(r"http://\S+")


class Page:
    """A web socket in a thread of its own, and all that has come of it."""

    def __init__(self, url: str) -> None:
        self.messages: list[dict[str, Any]] = []
        self._url, self._loop = url, asyncio.new_event_loop()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._listen()))
        self._thread.start()
        while self._socket is None:
            time.sleep(0.01)

    def say(self, **content: Any) -> None:
        assert self._socket is not None
        asyncio.run_coroutine_threadsafe(self._socket.send_json(content), self._loop).result(10)

    def close(self) -> None:
        if self._thread.is_alive():
            assert self._socket is not None
            asyncio.run_coroutine_threadsafe(self._socket.close(), self._loop).result(10)
            self._thread.join()

    def last(self, kind: str, **fields: Any) -> dict[str, Any] | None:
        return next(
            (
                each
                for each in reversed(self.messages)
                if each["type"] == kind and all(each.get(name) == value for name, value in fields.items())
            ),
            None,
        )

    def parameter(self, name: str) -> Any:
        listed = (self.last("parameters") or {"parameters": []})["parameters"]
        return next((each["value"] for each in listed if each["name"] == name), None)

    async def _listen(self) -> None:
        async with aiohttp.ClientSession() as client, client.ws_connect(self._url + "socket") as self._socket:
            async for message in self._socket:
                if message.type == aiohttp.WSMsgType.BINARY:
                    (length,) = struct.unpack_from("<I", message.data)
                    pixels = cv2.imdecode(np.frombuffer(message.data[4 + length :], np.uint8), cv2.IMREAD_COLOR)
                    self.messages.append({**json.loads(message.data[4 : 4 + length]), "pixels": pixels[..., ::-1]})
                else:
                    self.messages.append(json.loads(message.data))


@pytest.fixture
def open_page() -> Iterator[Callable[[Process], Page]]:
    pages: list[Page] = []

    def begin(tuner: Process) -> Page:
        pages.append(Page(url_of(tuner)))
        return pages[-1]

    yield begin
    for page in pages:
        page.close()


def url_of(tuner: Process) -> str:
    tuner.wait_for_output("tuning /densehybrid at http")
    return URL.findall(tuner.output)[0]


def wait_for(probe: Probe, page: Page, kind: str, **fields: Any) -> dict[str, Any]:
    probe.spin_until(lambda: page.last(kind, **fields) is not None, f"{kind} {fields}")
    found = page.last(kind, **fields)
    assert found is not None
    return found


def ask(probe: Probe, page: Page, name: str, value: Any) -> tuple[bool, str]:
    """What the segmenter says to a change that the page wants."""
    number = len(page.messages) + 10_000
    page.say(type="set", id=number, name=name, value=value)
    result = wait_for(probe, page, "result", id=number)
    return result["done"], result["reason"]


@pytest.mark.alone  # how soon a process ends
def test_nothing_is_listened_to_while_no_page_is_open(
    start: Start, make_probe: Callable[..., Probe], random_weights: Path, open_page: Callable[[Process], Page]
) -> None:
    probe = make_probe(())
    start("segmenter", f"model_path:={random_weights}")
    tuner = start("tuner", "port:=0")
    url_of(tuner)
    names = [f"/{topic.under('densehybrid')}" for topic in (ANOMALY, OPEN_SET, SEMANTIC, OBSTACLES_JSON)]
    probe.spin_until(lambda: all(probe.node.count_publishers(name) for name in names), "the segmenter")
    probe.spin_for(1.5)

    def heard() -> list[int]:
        own = [info.node_name for name in names for info in probe.node.get_subscriptions_info_by_topic(name)]
        images = [info.node_name for info in probe.node.get_subscriptions_info_by_topic(f"/{IMAGE.name}")]
        return [own.count("tuner"), images.count("tuner"), images.count("densehybrid")]

    assert heard() == [0, 0, 0]
    assert "idle" in probe.diagnostics()["message"]
    page = open_page(tuner)
    probe.spin_until(lambda: heard() == [4, 1, 1], "subscriptions")
    page.close()
    probe.spin_until(lambda: heard() == [0, 0, 0], "their end")
    again = open_page(tuner)
    probe.spin_until(lambda: heard() == [4, 1, 1], "subscriptions anew")
    assert wait_for(probe, again, "parameters")
    begun = time.monotonic()
    assert tuner.stop() == 0  # with a page open
    assert time.monotonic() - begun < 4
    assert "Traceback" not in tuner.output


def test_a_page_sees_what_is_published_and_tunes_it(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray, open_page: Callable[[Process], Page]
) -> None:
    start("segmenter", f"model_path:={random_weights}")
    tuner = start("tuner", "port:=0")
    page = open_page(tuner)
    probe.wait_for_node()
    wait_for(probe, page, "state", score="hybrid")
    answers = answers_that_are_shown(probe, page, picture)
    page.say(type="save", camera="", view="picture", format="png", back=0)
    saved = wait_for(probe, page, "file", view="picture")
    np.testing.assert_array_equal(saved["pixels"], picture)
    assert saved["stamp"] == f"{answers['open_set'].header.stamp.sec}.250000000"
    page.say(type="save", camera="", view="classes", format="png", back=0, threshold=1000.0)
    saved = wait_for(probe, page, "file", view="classes")
    palette = np.array((page.last("model") or {})["palette"])
    np.testing.assert_array_equal(saved["pixels"], palette[array_from_image(answers["semantic"])])

    score = array_from_image(answers["anomaly"]).view(np.float32)
    probe.spin_until(lambda: wait_for(probe, page, "state")["cameras"][0]["histogram"]["frames"] > 0, "a histogram")
    counted = wait_for(probe, page, "state")["cameras"][0]["histogram"]
    assert sum(counted["counts"]) == counted["frames"] * score.size
    assert counted["anomalies"][0] == pytest.approx(0.95)
    assert counted["measured_on"] == "nothing"

    for threshold, share in ((-1000.0, 1.0), (1000.0, 0.0)):
        assert ask(probe, page, "threshold", threshold) == (True, "")
        labels = array_from_image(probe.answers(picture)["open_set"])
        assert (labels == UNKNOWN).mean() == share
        probe.spin_until(lambda wanted=threshold: page.parameter("threshold") == wanted, "the parameter")
    done, reason = ask(probe, page, "threshold", 1001)
    assert not done
    assert "-1000.0" in reason
    done, reason = ask(probe, page, "target_tpr", "high")
    assert (done, reason) == (False, "target_tpr must be a number, not 'high'")
    assert ask(probe, page, "no_such_thing", 1)[1] == "the segmenter has no parameter no_such_thing"
    assert "read when the node is configured" in ask(probe, page, "num_threads", 3)[1]

    assert probe.set_parameter("target_tpr", 0.95)[0]  # by somebody else
    probe.spin_until(lambda: page.parameter("threshold") == -2.0, "the threshold that came along")
    assert ask(probe, page, "score", "likelihood") == (True, "")
    probe.answers(picture)

    def anew() -> bool:
        state = wait_for(probe, page, "state")
        histogram = state["cameras"][0]["histogram"]
        return state["score"] == "likelihood" and histogram["frames"] == 1 and histogram["edges"][-1] > 29

    probe.spin_until(anew, "the other score's histogram")
    listed = {each["name"]: each for each in wait_for(probe, page, "parameters")["parameters"]}
    assert listed["score"]["choices"][:3] == ["hybrid", "likelihood", "posterior"]
    assert (listed["overlay_alpha"]["low"], listed["overlay_alpha"]["high"]) == (0.0, 1.0)
    assert (listed["min_hits"]["kind"], listed["cameras"]["kind"], listed["lazy"]["kind"]) == ("int", "list", "bool")
    assert not listed["device"]["live"]
    for second in (500, 502, 504, 10, 12):  # as of a bag that begins anew
        probe.answers(picture, second)
        probe.spin_until(lambda wanted=second: is_shown(page, wanted), f"frame {second}")


def test_a_saved_file_starts_the_segmenter_as_it_was_and_the_page_finds_it(
    start: Start, probe: Probe, random_weights: Path, picture: np.ndarray, open_page: Callable[[Process], Page],
    tmp_path: Path,
) -> None:  # fmt: skip
    segmenter = start("segmenter", f"model_path:={random_weights}", "overlay_alpha:=0.25")
    tuner = start("tuner", "port:=0")
    page = open_page(tuner)
    probe.wait_for_node()
    wait_for(probe, page, "model")
    probe.spin_until(lambda: page.parameter("threshold") == 0.25, "the parameters")
    for name, value in (("threshold", 2), ("min_hits", 3), ("road_gate", False), ("range_wait", 0.125)):
        assert ask(probe, page, name, value) == (True, "")
    with urllib.request.urlopen(url_of(tuner) + "parameters.yaml") as response:
        text = response.read().decode()
    file = tmp_path / "saved.yaml"
    file.write_text(text)
    saved = yaml.safe_load(text)["/**"]["ros__parameters"]
    assert (saved["threshold"], saved["min_hits"], saved["overlay_alpha"]) == (2.0, 3, 0.25)
    segmenter.stop()
    probe.spin_until(lambda: not wait_for(probe, page, "state")["segmenter"]["there"], "the end to be noticed")
    assert ask(probe, page, "threshold", 3) == (False, "the segmenter does not answer; is it running?")
    page.messages.clear()
    again = start("segmenter", arguments=["--ros-args", "--params-file", str(file)])
    probe.wait_for_node()
    wait_for(probe, page, "model")
    probe.spin_until(lambda: page.parameter("threshold") == 2.0, "the parameters anew")
    listed = {each["name"]: each["value"] for each in wait_for(probe, page, "parameters")["parameters"]}
    assert {name: value for name, value in saved.items() if name != "warmup_iterations"}.items() <= listed.items()
    assert "unknown" not in again.output
    answers_that_are_shown(probe, page, picture)


def answers_that_are_shown(probe: Probe, page: Page, picture: np.ndarray) -> dict[str, Image]:
    """Of the first image that reaches the page: one is lost where the segmenter has not found the tuner yet."""
    for _ in range(40):
        answers = probe.answers(picture)
        patience = time.monotonic() + 3
        while time.monotonic() < patience:
            if is_shown(page, answers["open_set"].header.stamp.sec):
                return answers
            probe.spin_for(0.1)
    pytest.fail("none of 40 images reached the page")


def is_shown(page: Page, second: int) -> bool:
    """Asks for the newest picture until it is that one."""
    page.say(type="ready", camera="", view="overlay")
    return page.last("picture", stamp=f"{second}.250000000") is not None


def test_what_cannot_be_served_ends_with_one_line(start: Start) -> None:
    for parameters, reason in (
        (["host:=no such host"], "is no address of this machine"),
        (["port:=70000"], "parameter port cannot be set"),
        (["node:=a b"], "cannot be part of a topic"),
    ):
        tuner = start("tuner", *parameters)
        assert tuner.process.wait(timeout=120) == 2
        assert reason in tuner.output
        assert "Traceback" not in tuner.output
