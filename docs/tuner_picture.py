"""python docs/tuner_picture.py [--size 1400x1180] [--out docs/images/tuner.jpg]: the picture of docs/tuner.md.

Runs ./demo.sh --view, opens its page in Chromium, waits until an obstacle and a full histogram are there, and saves
what the page shows. Needs chromium and chromedriver, and selenium.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from selenium import webdriver

from densehybrid_ros.pictures import write_picture

OUT = Path(__file__).with_name("images") / "tuner.jpg"
QUALITY = 70
PATIENCE = 300.0
"""s"""
READY = """
const rows = document.querySelectorAll("#obstacle-rows tr").length;
const frames = Number(document.querySelector("#counted").textContent.match(/[0-9]+/)?.[0] ?? 0);
return rows >= arguments[0] && frames >= arguments[1];
"""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1400x1180", help="width and height, px")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--input", default="roadworld", help="as of the demo")
    parser.add_argument("--obstacles", type=int, default=2, help="wait for a frame with so many")
    parser.add_argument("--frames", type=int, default=15, help="wait for so many in the histogram")
    parser.add_argument("--run", default="", help="a script to run in the page before")
    arguments = parser.parse_args(argv)
    width, height = map(int, arguments.size.split("x"))
    with _demo(arguments.input) as url, _browser(width, height) as browser:
        browser.get(url)
        _wait_until_ready(browser, arguments.obstacles, arguments.frames)
        if arguments.run:
            browser.execute_script(arguments.run)
            time.sleep(2.0)
        shown = cv2.imdecode(np.frombuffer(browser.get_screenshot_as_png(), np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    write_picture(arguments.out, shown, QUALITY)


@contextmanager
def _demo(name: str) -> Iterator[str]:
    """The address of its page."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "densehybrid_ros.demo", "--view", "--input", name, "--out", folder]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            yield next(line.split()[-1] for line in process.stdout if "http://" in line)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


@contextmanager
def _browser(width: int, height: int) -> Iterator[Any]:
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        sys.exit("chromium and chromedriver are needed; on Debian: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for option in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(option)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        yield browser
    finally:
        browser.quit()


def _wait_until_ready(browser: Any, obstacles: int, frames: int) -> None:
    end = time.monotonic() + PATIENCE
    while not browser.execute_script(READY, obstacles, frames):
        if time.monotonic() > end:
            sys.exit(f"no frame with {obstacles} obstacles came within {PATIENCE:g} s")
        time.sleep(0.2)


if __name__ == "__main__":
    main()
