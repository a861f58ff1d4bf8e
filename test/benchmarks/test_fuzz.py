"""The fuzz run in its short version, and that it finds what it looks for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("rosbags", reason="rosbags is not installed")
FUZZ = Path(__file__).resolve().parents[2] / "benchmarks" / "fuzz.py"
SECONDS = 0.3
"""For each target."""
SCRIPT = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[1])
import fuzz
from densehybrid_ros.errors import SetupError
from fuzzing.target import Target

def read(path):
    data = path.read_bytes()
    first = data[0] if data else 0
    if first == 1:
        return None
    if first == 2:
        raise IndexError("not for users")
    if first == 3:
        time.sleep(60)
    if first == 4:
        return b"1" * (80 << 20)
    if first == 5:
        os.kill(os.getpid(), signal.SIGSEGV)
    if first == 6:
        raise MemoryError
    raise SetupError("refused")

fuzz.SLOW, fuzz.LARGE = 2.0, 50.0  # the machine may be busy
changed = lambda data, random: bytes([random.choice([0, 1, 2, 4, 6, 7] * 12 + [5] * 3 + [3])])
fuzz.TARGETS = {"toy": Target(".toy", lambda folder: [b"\\x01"], read, changed)}
sys.exit(fuzz.main(["--only", "toy", "--inputs", "100", "--keep", sys.argv[2], "--json", sys.argv[3]]))
"""


def test_a_crash_a_signal_a_long_wait_and_much_memory_are_found_and_their_inputs_kept(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    command = [sys.executable, "-c", SCRIPT, str(FUZZ.parent), str(tmp_path / "kept"), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    (report,) = json.loads(out.read_text())
    first = {what.split(" ")[0].rstrip(":"): Path(path).read_bytes()[0] for what, path in report["crashes"].items()}
    assert first == {"IndexError": 2, "TooLong": 3, "large": 4, "signal": 5, "MemoryError": 6}
    assert report["inputs"] > 40
    assert report["read"] > 3
    assert report["refused"] > 3


def test_no_reader_crashes_on_a_few_faulty_files(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    # a network as ONNX and a flow take longer to make than the others to read
    options = ["--without", "engine", "flow", "--keep", str(tmp_path / "kept"), "--json", str(out)]
    command = [sys.executable, str(FUZZ), "--seconds", str(SECONDS), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    reports = json.loads(out.read_text())
    assert len(reports) > 15
    assert all(report["inputs"] for report in reports)
