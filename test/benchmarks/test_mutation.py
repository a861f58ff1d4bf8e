"""The mutation run on a room of two functions, one of which is tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("cosmic_ray", reason="Cosmic Ray is not installed: pip install -r requirements/optional.txt")
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SOURCE = """from __future__ import annotations

def trebled(x: int | None) -> int | None:
    return None if x is None else x * 3

def doubled(x):
    return x + x
"""
TESTS = """from toy.toy import trebled

def test_it():
    assert trebled(None) is None
    assert trebled(7) == 21
"""
SCRIPT = """
import json, pathlib, sys, time
sys.path.insert(0, sys.argv[1])
import mutation
mutation.ROOMS = {"toy": ("toy", ["tests"])}
tree = pathlib.Path(sys.argv[2])
found = list(mutation.mutants("toy", tree, ["toy.py"], 0, 0, 60.0))
print(json.dumps([[mutant.line, mutant.error, mutant.outcome] for mutant in found]))
print(json.dumps(mutation.report(found)))
assert mutation.run_in_fork(lambda: time.sleep(60), 0.5) is None
"""


def test_what_is_tested_is_killed_and_the_source_stays_as_it_was(tmp_path: Path) -> None:
    for name, text in (("toy/__init__.py", ""), ("toy/toy.py", SOURCE), ("tests/test_toy.py", TESTS)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-c", SCRIPT, str(BENCHMARKS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found, rooms = map(json.loads, done.stdout.splitlines())
    assert {outcome for line, _, outcome in found if line == 4} == {"killed"}
    assert {outcome for line, _, outcome in found if line == 7} == {"survived"}
    assert not [error for line, error, _ in found if line == 3], "an annotation was spoilt"
    outcomes = [outcome for *_, outcome in found]
    counts = {outcome: outcomes.count(outcome) for outcome in ("killed", "timeout", "survived")}
    assert rooms["toy"] == {**counts, "score": round(1 - counts["survived"] / len(outcomes), 3)}
    assert (tmp_path / "toy/toy.py").read_text() == SOURCE
