"""python benchmarks/kill_training.py [--kills 20] [--steps 150]: a training run that is killed again and again.

Trains a small network on a few drawn frames twice: once without disturbance, and once killed with SIGKILL at random
moments, in the middle of steps, validations and checkpoints, and started again each time; a kill that finds no live run
does not count. At the end, weights and logged losses must be equal in every bit. With --synthetic a flow is trained
along, in bf16. Prints a JSON summary; exit status 1 where anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import yaml

from densehybrid_ros.models.checkpoint import load_weights
from densehybrid_ros.training.flow.config import FLOWS
from densehybrid_ros.training.flow.dense_flow import DenseFlow
from densehybrid_ros.training.flow.flow_file import load_flow, save_flow

RECIPE = {
    "architecture": "ladder_lite0",
    "train": [{"name": "camvid", "root": "frames", "split": "train"}],
    "validation": [{"name": "camvid", "root": "frames", "split": "train"}],
    "batch": 2,
    "crop": [64, 64],
    "average": 0.9,
    "loss": {"likelihood_form": "logistic"},
    "log_every": 1,
    "validate_every": 15,
    "checkpoint_every": 4,
}
LONGEST_LIFE = 3.0
"""s of training before a run is killed."""
PATIENCE = 300.0


@dataclass(frozen=True)
class Outcome:
    """Of the killed run against the whole one."""

    steps_at_kills: list[int]
    """Last step that was logged when each kill came."""
    weights_equal: bool
    logs_equal: bool


def kill_and_compare(kills: int, steps: int, seed: int, folder: Path, synthetic: bool = False) -> Outcome:
    """Works in `folder`.

    Raises:
        RuntimeError: the run ended before all kills were done; more steps are needed.
    """
    _draw_frames(folder / "frames", 4)
    recipe = {**RECIPE, "steps": steps}
    if synthetic:
        _fresh_flow(folder / "flow.safetensors")
        recipe |= {"precision": "bf16", "flow": {"weights": str(folder / "flow.safetensors"), "sides": [16, 32]}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    whole, cut = folder / "whole", folder / "cut"
    process = _start(folder, whole)
    _wait_until_at_work(whole, process)
    begun = time.monotonic()
    assert process.wait(PATIENCE) == 0
    # so that all kills together take about half of the run's time at work
    longest_life = min(LONGEST_LIFE, (time.monotonic() - begun) / kills)
    rng = random.Random(seed)
    killed_at: list[int] = []
    for _ in range(kills):
        process = _start(folder, cut)
        _wait_until_at_work(cut, process)
        time.sleep(rng.uniform(0, longest_life))
        if process.poll() is not None:
            raise RuntimeError(f"the run ended after {len(killed_at)} kills; give more --steps")
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed_at.append(_last_step(cut))
    assert _start(folder, cut).wait(PATIENCE) == 0
    if synthetic:
        flows = [load_flow(each / "flow.safetensors")[0].state_dict() for each in (whole, cut)]
        assert all(torch.equal(flows[0][name], flows[1][name]) for name in flows[0])
    first, second = (load_weights(each / "weights.safetensors")[0].state_dict() for each in (whole, cut))
    equal = all(torch.equal(first[name], second[name]) for name in first)
    return Outcome(killed_at, equal, _losses(whole) == _losses(cut))


def _fresh_flow(path: Path) -> None:
    torch.manual_seed(0)
    flow = DenseFlow(FLOWS["small"]).train()
    flow.log_likelihood(torch.rand(4, 3, 32, 32))  # sets the activation norms
    save_flow(path, flow, "small")


def _draw_frames(root: Path, count: int) -> None:
    """Sky over a road with something unknown on it, in the layout of CamVid."""
    rng = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (root / kind / "train").mkdir(parents=True)
    for number in range(count):
        labels = np.full((96, 128), 3, np.uint8)
        labels[:40] = 0
        labels[60:70, 20 + 10 * number : 40 + 10 * number] = 12
        image = (labels[..., None] * 15 + rng.integers(0, 20, (96, 128, 3))).astype(np.uint8)
        cv2.imwrite(str(root / "images" / "train" / f"{number}.png"), image)
        cv2.imwrite(str(root / "labels" / "train" / f"{number}.png"), labels)


def _start(folder: Path, out: Path) -> subprocess.Popen[bytes]:
    options = ["--data", str(folder), "--out", str(out), "--device", "cpu", "--workers", "0"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (folder / f"{out.name}.txt").open("w") as output:
        command = [sys.executable, "-m", "densehybrid_ros.cli", "train", str(folder / "recipe.yaml"), *options]
        return subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)


def _wait_until_at_work(out: Path, process: subprocess.Popen[bytes]) -> None:
    """Every life begins a new file of events right before its first step."""
    known = set(out.glob("events/*"))
    deadline = time.monotonic() + PATIENCE
    while set(out.glob("events/*")) == known and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


def _last_step(out: Path) -> int:
    lines = (out / "log.jsonl").read_text().splitlines() if (out / "log.jsonl").is_file() else []
    whole = [line for line in lines if line.endswith("}")]  # a kill may leave half a line
    return int(json.loads(whole[-1])["step"]) if whole else 0


def _losses(out: Path) -> list[dict[str, object]]:
    """Everything that was logged but times."""
    records = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in record.items() if name != "seconds_per_step"} for record in records]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--synthetic", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = kill_and_compare(arguments.kills, arguments.steps, arguments.seed, Path(folder), arguments.synthetic)
    print(json.dumps(outcome.__dict__, indent=2))
    sys.exit(not (outcome.weights_equal and outcome.logs_equal))


if __name__ == "__main__":
    main()
