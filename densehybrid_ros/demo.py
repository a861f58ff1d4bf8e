"""./demo.sh [--input PATH] [--frames N] [--out DIR] [--view]: player, segmenter and recorder as processes over DDS.

Leaves DIR (default demo_output) with overlays, a video and summary.json. By default the player waits for the answer
to each frame, so that every frame is segmented however slow the machine is; with --rate it plays like a camera, and
frames that the node cannot keep up with are dropped and counted. With --view the tuner shows it all in a browser, and
the input is played on, without a recorder, until Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from densehybrid_ros.dds.isolation import isolated_environment
from densehybrid_ros.errors import USER_ERROR, SetupError
from densehybrid_ros.files import make_folder
from densehybrid_ros.options import settings_of
from densehybrid_ros.playback.played import LONGEST_PAUSE, BagTopics
from densehybrid_ros.stopping import ended_at_once, ended_quietly
from densehybrid_ros.topics import OPEN_SET, SEGMENTER

ROADWORLD_FRAMES, MOST_FRAMES = 40, 200
"""Frames of the default drive, and the most of any other input where --frames is not given."""
START_PATIENCE = 120.0
"""s for the nodes to find each other."""
GRACE = 2.0
"""s for the last answers to arrive."""
STOP_PATIENCE = 2.0
"""s for all nodes to end when the demo is stopped."""
LOCALHOST, TUNER_PORT = "127.0.0.1", 8787
"""Where the page of --view is; another port where that one is taken."""


class OneLineParser(argparse.ArgumentParser):
    """argparse without the usage before an error: one line says it all."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"demo: {message}; ./demo.sh -h lists the options\n")


def main(argv: list[str] | None = None) -> None:
    parser = OneLineParser(prog="./demo.sh", description=__doc__)
    parser.add_argument("--input", default="roadworld", help="folder of pictures, video, bag, or roadworld[:SEED]")
    parser.add_argument("--frames", type=int, help="play at most so many")
    parser.add_argument("--out", type=Path, default=Path("demo_output"))
    parser.add_argument("--rate", type=float, default=0.0, help="Hz; play like a camera instead of waiting for answers")
    parser.add_argument("--view", action="store_true", help="show it in a browser, and play on until Ctrl-C")
    parser.add_argument("--weights", default="", help="a .safetensors file; without it the bundled weights")
    for entry in settings_of(BagTopics):
        parser.add_argument(f"--{entry.name.replace('_', '-')}", default="", metavar="TOPIC", help=entry.description)
    arguments = parser.parse_args(argv)
    topics = BagTopics(**{entry.name: getattr(arguments, entry.name) for entry in settings_of(BagTopics)})
    with ended_quietly(STOP_PATIENCE):
        try:
            run_demo(
                arguments.input,
                arguments.frames,
                arguments.out,
                arguments.rate,
                arguments.weights,
                topics,
                arguments.view,
            )
        except SetupError as error:
            print(f"demo: {error}", file=sys.stderr)
            sys.exit(USER_ERROR)


def run_demo(
    name: str, frames: int | None, out: Path, rate: float, weights: str, topics: BagTopics, view: bool
) -> None:
    """Plays `name` through the node and prints the summary; with `view` it plays on until it is stopped.

    Raises:
        SetupError: unusable input, or one of the processes failed.
    """
    with ended_at_once():
        from densehybrid_ros.models.checkpoint import BUNDLED, load_weights
        from densehybrid_ros.playback.sources import open_source
    if frames is not None and frames < 1:
        raise SetupError(f"--frames is {frames}; give at least 1")
    source = open_source(name, lambda text: None, topics=topics)
    # refused here rather than by a node that nobody waits for
    _, info = load_weights(Path(weights) if weights else BUNDLED)
    if frames is None:
        frames = ROADWORLD_FRAMES if name.startswith("roadworld") else MOST_FRAMES
    _clear(out)
    print(f"playing {source.description}, at most {frames} frames", flush=True)  # before what the nodes say
    player = [
        "input:=" + json.dumps(name),
        f"wait_timeout:={START_PATIENCE}",
        f"rate:={rate}",
        *(f"{topic}:={json.dumps(value)}" for topic, value in asdict(topics).items()),
    ]
    if not rate:
        player.append(f"lockstep:={OPEN_SET.under(SEGMENTER)}")
    segmenting = [f"camera_timeout:={LONGEST_PAUSE}", *([f"model_path:={weights}"] if weights else [])]
    recorded = [f"out:={out}", f"classes:={json.dumps(info.classes)}"]
    environment = isolated_environment()
    with contextlib.ExitStack() as stack:
        tuner = stack.enter_context(_shown(environment)) if view else None
        recorder = stack.enter_context(_node("recorder", recorded, environment))
        segmenter = stack.enter_context(_node("segmenter", segmenting, environment))
        once = [*player, f"frames:={frames}", "wait_for_subscribers:=2"]
        playing = stack.enter_context(_node("player", once, environment))
        shown = [] if tuner is None else [tuner]
        stack.callback(_ask_to_stop, recorder, segmenter, playing, *shown)
        _wait(playing, others=(segmenter, recorder, *shown))
        time.sleep(GRACE)
        _stop(recorder)
        if recorder.returncode != 0:
            raise SetupError(f"the recorder ended with status {recorder.returncode}; its message stands above")
        _tell(out)
        if tuner is not None:
            print("playing on; Ctrl-C ends it", flush=True)
            for_ever = [*player, "loop:=true", "wait_for_subscribers:=1"]
            playing = stack.enter_context(_node("player", for_ever, environment))
            stack.callback(_ask_to_stop, tuner, segmenter, playing)
            _wait(playing, others=(segmenter, tuner))


def _tell(out: Path) -> None:
    """Prints what the recorder has found.

    Raises:
        SetupError: it has found nothing.
    """
    from densehybrid_ros.metrics.summary import summary_table

    summary = json.loads((out / "summary.json").read_text())
    if summary["frames_out"] == 0:
        raise SetupError("not one frame was answered; the node's message stands above")
    print(f"\n{summary_table(summary)}\n")
    print(f"overlays   {out / 'overlays'}\nvideo      {out / 'overlay.mp4'}")
    print(f"summary    {out / 'summary.json'}", flush=True)


@contextlib.contextmanager
def _shown(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The tuner, its page opened where there is a browser with a display."""
    port = _free_port()
    url = f"http://{LOCALHOST}:{port}/"
    with _node("tuner", [f"port:={port}"], environment) as tuner:
        end = time.monotonic() + START_PATIENCE
        while not _is_served(port):
            if tuner.poll() is not None or time.monotonic() > end:
                raise SetupError(f"the tuner does not serve {url}; its message stands above")
            time.sleep(0.1)
        print(f"to look at it, and to tune it: {url}", flush=True)
        if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
            with contextlib.suppress(webbrowser.Error):
                webbrowser.open(url)
        yield tuner


def _free_port() -> int:
    """The tuner's own, else any."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((LOCALHOST, TUNER_PORT))
        except OSError:
            trial.bind((LOCALHOST, 0))
        return trial.getsockname()[1]


def _is_served(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((LOCALHOST, port), timeout=1):
        return True
    return False


def _clear(out: Path) -> None:
    """Makes the folder and removes what an earlier demo left in it, and nothing else."""
    make_folder(out)
    try:
        for name in ("overlay.mp4", "summary.json"):
            (out / name).unlink(missing_ok=True)
        if (out / "overlays").is_dir():
            shutil.rmtree(out / "overlays")
    except OSError as error:
        raise SetupError(f"{error.filename} cannot be removed: {error.strerror}; give another --out") from error


@contextlib.contextmanager
def _node(name: str, parameters: Sequence[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A node as a process of its own, stopped at the end whatever happens."""
    command = [sys.executable, "-m", f"densehybrid_ros.nodes.{name}", "--ros-args", "--log-level", "warn"]
    for parameter in parameters:
        command += ["-p", parameter]
    process = subprocess.Popen(command, env=environment)
    try:
        yield process
    finally:
        _stop(process)


def _wait(playing: subprocess.Popen[bytes], others: Sequence[subprocess.Popen[bytes]]) -> None:
    """Until the player has ended; SetupError where it or another process failed."""
    while playing.poll() is None:
        for other in others:
            if other.poll() is not None:
                raise SetupError(f"a node ended early with status {other.returncode}; its message stands above")
        time.sleep(0.1)
    if playing.returncode != 0:
        raise SetupError(f"the player ended with status {playing.returncode}; its message stands above")


def _ask_to_stop(*processes: subprocess.Popen[bytes]) -> None:
    """All at once, so that they end at the same time."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=90)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
