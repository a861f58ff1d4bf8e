"""The killed training run in its short version."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.alone  # how long a life may be is measured on a run before, which must not be slower
@pytest.mark.parametrize("options", [[], ["--synthetic"]], ids=["real", "synthetic"])
def test_a_run_that_is_killed_at_random_moments_ends_with_the_same_weights(options: list[str]) -> None:
    command = [
        sys.executable,
        str(REPOSITORY / "benchmarks" / "kill_training.py"),
        "--kills",
        "4",
        "--steps",
        "24",
        *options,
    ]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["weights_equal"]
    assert outcome["logs_equal"]
    assert len(outcome["steps_at_kills"]) == 4
