"""The tuner's page in a real browser, before two cameras, over real DDS. The tests share one stack, in their order."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("selenium", reason="selenium is not installed; ./test.sh brings it")
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from densehybrid_ros.convert.images import array_from_image, image_message
from densehybrid_ros.topics import IMAGE, OPEN_SET

if TYPE_CHECKING:
    from conftest import Process

pytestmark = pytest.mark.alone  # within how many frames a mask changes
CAMERAS = ("front", "left")
PERIOD = 0.5
"""s between two images of a camera: a step of the network must fit between, on a busy machine too."""
PATIENCE = 60.0
UNKNOWN = 11
"""Of the made weights."""
DESKTOP, PHONE = (1400, 900), (400, 800)
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip


class Cameras:
    """Two cameras in a thread of their own, and the masks that are published of the first."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        """Stamps, ns."""
        self.masks: list[tuple[int, float]] = []
        """Stamp, and the share of unknown pixels."""
        self._node = rclpy.create_node("cameras")
        quality = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
        self._outlets = {name: self._node.create_publisher(Image, IMAGE.of(name), quality) for name in CAMERAS}
        self._node.create_subscription(Image, f"/{OPEN_SET.under('densehybrid', CAMERAS[0])}", self._heard, quality)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._ends = threading.Event()
        rng = np.random.default_rng(5)
        self._wide = cv2.resize(rng.integers(0, 256, (12, 60, 3), dtype=np.uint8), (960, 192))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        self._ends.set()
        self._thread.join()
        self._executor.shutdown()
        self._node.destroy_node()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ends.is_set():
            if time.monotonic() >= due:
                self._send()
                due += PERIOD
            self._executor.spin_once(timeout_sec=0.02)

    def _send(self) -> None:
        header = Header(frame_id="camera", stamp=self._node.get_clock().now().to_msg())
        for shift, outlet in enumerate(self._outlets.values()):
            left = (len(self.sent) * 16 + 200 * shift) % 640
            outlet.publish(image_message(np.ascontiguousarray(self._wide[:, left : left + 320]), "rgb8", header))
        self.sent.append(header.stamp.sec * 10**9 + header.stamp.nanosec)

    def _heard(self, message: Image) -> None:
        stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        self.masks.append((stamp, float((array_from_image(message) == UNKNOWN).mean())))

    def frames_until(self, share: float, sent_before: int) -> int:
        """How many frames were published of those sent since then, up to the first with that share of unknown pixels.

        Args:
            sent_before: frames that had been sent then.
        """
        wait_until(lambda: any(mask == share for _, mask in self._since(sent_before)), f"masks of {share:.0%}")
        return [mask for _, mask in self._since(sent_before)].index(share) + 1

    def _since(self, sent_before: int) -> list[tuple[int, float]]:
        return [each for each in self.masks if each[0] > self.sent[sent_before - 1]]


@dataclass
class Stack:
    """All that runs."""

    cameras: Cameras
    start: Callable[..., Process]
    weights: Path
    tuner: Process
    segmenter: Process
    browser: Any = None

    def started_segmenter(self) -> Process:
        return self.start("segmenter", f"model_path:={self.weights}", "cameras:=['front','left']")

    def find(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.find(selector).text

    def stamps(self) -> dict[str, str]:
        """Of the pictures as they are painted now, by camera."""
        script = (
            "return Object.fromEntries([...document.querySelectorAll('figure')]"
            ".map(f => [f.dataset.camera, f.querySelector('canvas').dataset.stamp || '']))"
        )
        return self.browser.execute_script(script)

    def pixels(self, camera: str) -> str:
        """What its canvas shows, as a text."""
        return self.browser.execute_script(
            f"return document.querySelector('[data-camera={camera}] canvas').toDataURL()"
        )

    def resize(self, size: tuple[int, int]) -> None:
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def wait_until(condition: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE} s for {what}"
        time.sleep(0.05)


def typed(field: WebElement, text: str) -> None:
    """In the place of what stands there."""
    field.send_keys(Keys.CONTROL + "a" + Keys.NULL)
    field.send_keys(text, Keys.ENTER)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no Chromium with its driver is installed; on Debian: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield made
    made.quit()


@pytest.fixture(scope="module")
def whole_stack(
    context: None, start_shared: Callable[..., Process], random_weights: Path, browser: Any
) -> Iterator[Stack]:
    cameras = Cameras()
    tuner = start_shared("tuner", "port:=0")
    stack = Stack(cameras, start_shared, random_weights, tuner, tuner, browser)
    stack.segmenter = stack.started_segmenter()
    stack.resize(DESKTOP)
    yield stack
    cameras.close()


@pytest.fixture
def stack(whole_stack: Stack) -> Iterator[Stack]:
    """The stack; at the end, nothing was thrown and nothing complained of in the console."""
    yield whole_stack
    assert [each for each in whole_stack.browser.get_log("browser") if each["level"] != "INFO"] == []


def test_the_page_opens_and_the_pictures_of_both_cameras_move(stack: Stack) -> None:
    stack.tuner.wait_for_output("tuning /densehybrid at http")
    stack.browser.get(re.findall(r"http://\S+", stack.tuner.output)[0])
    wait_until(lambda: set(stack.stamps()) == set(CAMERAS) and all(stack.stamps().values()), "both pictures")
    first, seen = stack.stamps(), {camera: stack.pixels(camera) for camera in CAMERAS}
    wait_until(lambda: all(stack.stamps()[camera] > first[camera] for camera in CAMERAS), "later pictures")
    assert all(stack.pixels(camera) != seen[camera] for camera in CAMERAS)
    assert seen["front"] != seen["left"]
    wait_until(lambda: "last" in stack.text("#counted"), "a histogram")
    assert stack.text("#node") == "/densehybrid"
    assert stack.text("#found").endswith("%")


def test_the_slider_changes_the_published_masks_within_two_frames(stack: Stack) -> None:
    slider = stack.find("#slider")
    wait_until(slider.is_enabled, "the slider")
    for key, share in ((Keys.HOME, 1.0), (Keys.END, 0.0)):
        wait_until(lambda wanted=share: stack.cameras.masks[-1][1] != wanted, "other masks than those that are to come")
        before = len(stack.cameras.sent)
        slider.send_keys(key)
        assert stack.cameras.frames_until(share, before) <= 2
    # the curve of the made weights ends with 0.2 and 0.001
    wait_until(
        lambda: (stack.text("#found"), stack.text("#known")) == ("20.0 %", "0.10 %"), "what the calibration says"
    )


def test_a_refusal_is_shown_with_its_reason(stack: Stack) -> None:
    field = stack.find("#parameter-overlay_alpha")
    typed(field, "2")
    refusal = ".parameter[data-name=overlay_alpha] .refusal"
    wait_until(lambda: "1.0" in stack.text(refusal), "the reason")
    typed(field, "0.5")
    wait_until(lambda: not stack.text(refusal), "its end")
    score = stack.find("#score")
    score.send_keys("entropy")
    wait_until(lambda: stack.find("#score").get_property("value") == "entropy", "the other score")
    typed(stack.find("#target_tpr"), "0.9")
    wait_until(lambda: "no calibration of score 'entropy'" in stack.text("#threshold-refusal"), "the reason")
    score.send_keys("hybrid")
    wait_until(lambda: stack.find("#score").get_property("value") == "hybrid", "the first score")


def test_a_paused_page_steps_back_and_goes_on(stack: Stack) -> None:
    wait_until(lambda: "of the last" in stack.text("#counted") or "last" in stack.text("#counted"), "some frames")
    stack.find("#pause").click()
    wait_until(lambda: stack.text("#place").startswith("0 of") and stack.find("#back").is_enabled(), "the pause")
    paused = stack.stamps()["front"]
    stack.find("#back").click()
    wait_until(lambda: stack.stamps()["front"] < paused, "an earlier frame")
    assert stack.text("#place").startswith("1 of")
    stack.find("button[data-view=heat]").click()
    wait_until(lambda: stack.find("#legend .scale").is_displayed(), "the scale")
    time.sleep(2 * PERIOD)
    assert stack.stamps()["front"] < paused
    stack.find("#pause").click()
    wait_until(lambda: stack.stamps()["front"] > paused, "live pictures")
    stack.find("button[data-view=overlay]").click()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everything_has_its_place(stack: Stack, size: tuple[int, int], tmp_path: Path) -> None:
    stack.resize(size)
    wait_until(lambda: stack.browser.execute_script("return innerWidth") == size[0], "the size")
    assert stack.browser.execute_script("return document.documentElement.scrollWidth") <= size[0]
    script = """
    const boxes = [...document.querySelectorAll("section, button, #slider, #histogram, .figures div, figure")]
      .filter(e => e.checkVisibility()).map(e => [e.id || e.className || e.textContent, e.getBoundingClientRect()]);
    return boxes.filter(([, b]) => b.left < 0 || b.right > innerWidth + 1 || b.width < 8).map(([name]) => name);
    """
    assert stack.browser.execute_script(script) == []
    script = """
    const boxes = [...document.querySelectorAll("section")].map(e => [e.id, e.getBoundingClientRect()]);
    return boxes.flatMap(([a, p]) => boxes.filter(([b, q]) => a < b && p.left < q.right - 1 && q.left < p.right - 1
      && p.top < q.bottom - 1 && q.top < p.bottom - 1).map(([b]) => `${a} ${b}`));
    """
    assert stack.browser.execute_script(script) == []
    assert stack.browser.save_screenshot(str(tmp_path / "page.png"))
    stack.resize(DESKTOP)


def test_the_page_finds_a_segmenter_that_was_started_anew(stack: Stack) -> None:
    stack.segmenter.stop()
    wait_until(lambda: stack.text("#level").lower() == "stale", "the end to be noticed")
    assert not stack.find("#slider").is_enabled()
    assert "it is not running" in stack.text("#message")
    before = stack.stamps()
    stack.segmenter = stack.started_segmenter()
    wait_until(lambda: all(stack.stamps()[camera] > before[camera] for camera in CAMERAS), "pictures anew")
    wait_until(stack.find("#slider").is_enabled, "the parameters anew")
    wait_until(lambda: stack.find("#threshold").get_property("value") == "0.25", "the threshold of the start")
