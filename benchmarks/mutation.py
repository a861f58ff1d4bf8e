"""Mutation run: small errors are put into core, ranging, metrics and losses, one at a time; which turn no test red?

    python benchmarks/mutation.py --sample 20 [--rooms ranging core] [--files regions.py] [--json REPORT]

Cosmic Ray (requirements/optional.txt) makes the errors in a copy of the tree: operators of comparison, arithmetic and
logic are swapped, constants are off by one, `not` and `-` are dropped, loops are never entered. Places are drawn at
random, then one error at each. The room's tests run up to the first failure, in a fork of a process that has already
loaded torch, OpenCV and pytest, and nothing of ours. What survives is to be looked at: a test is missing, or the error
changes nothing.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
ROOMS = {
    "core": ("densehybrid_ros/core", ["test/core"]),
    "ranging": ("densehybrid_ros/ranging", ["test/ranging", "test/docs"]),
    "metrics": ("densehybrid_ros/metrics", ["test/metrics"]),
    "losses": ("training/losses", ["test/training/losses"]),
}
"""Sources and their tests; the tables of the documentation hold the settings of ranging."""
LOADED = ("cv2", "numpy", "pytest", "sklearn.metrics", "torch")
"""By the process that is forked."""
Place = tuple[Path, tuple[int, int]]
"""File, and line and column in it."""


@dataclass(frozen=True)
class Mutant:
    """One error, and what became of it."""

    room: str
    file: str
    line: int
    error: str
    """The line with the error in it."""
    operator: str
    outcome: str
    """killed, survived or timeout."""


def places_of(files: Sequence[Path]) -> dict[Place, list[tuple[Any, int]]]:
    """Operator and occurrence of every error that Cosmic Ray knows, by its place; annotations are left out."""
    from cosmic_ray.ast import ast_nodes, get_ast_from_path
    from cosmic_ray.plugins import get_operator, operator_names

    operators = [get_operator(name) for name in operator_names()]
    places: dict[Place, list[tuple[Any, int]]] = defaultdict(list)
    for file in files:
        tree, annotated = get_ast_from_path(file), annotation_spans(file)
        for operator in (kind() for kind in operators if not kind.arguments() and kind.__name__ != "NoOp"):
            positions = (start for node in ast_nodes(tree) for start, _ in operator.mutation_positions(node))
            for occurrence, start in enumerate(positions):
                if not any(first <= start < last for first, last in annotated):
                    places[file, start].append((operator, occurrence))
    return places


def annotation_spans(file: Path) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations begin and end: nothing reads them at run time."""
    nodes = ast.walk(ast.parse(file.read_text()))
    found = [getattr(node, name, None) for node in nodes for name in ("annotation", "returns")]
    return [
        ((each.lineno, each.col_offset), (each.end_lineno or 0, each.end_col_offset or 0))
        for each in found
        if isinstance(each, ast.expr)
    ]


def run_in_fork(work: Callable[[], int], timeout: float) -> int | None:
    """What `work` gives in a process of its own, which is killed with all its children after `timeout` s: None."""
    child = os.fork()
    if child == 0:
        os.setsid()
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
            os.dup2(nowhere.fileno(), 2)
        try:
            os._exit(work())
        finally:
            os._exit(3)
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def run_tests(tree: Path, tests: Sequence[str]) -> int:
    """Exit status of pytest over `tests`, in this process."""
    import pytest

    os.chdir(tree)
    sys.path.insert(0, str(tree))
    return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *tests]))


def judged(room: str, tree: Path, place: Place, error: tuple[Any, int], timeout: float) -> Mutant:
    """Puts one error in, runs the room's tests, and takes it out again."""
    from cosmic_ray.mutating import use_mutation

    (file, (line, _)), (operator, occurrence) = place, error
    with use_mutation(file, operator, occurrence) as (before, after):
        status = run_in_fork(lambda: run_tests(tree, ROOMS[room][1]), timeout)
    changed = [new for old, new in zip(before.splitlines(), (after or "").splitlines(), strict=False) if old != new]
    outcome = {None: "timeout", 0: "survived"}.get(status, "killed")
    text = changed[0].strip() if changed else "(a line is gone)"
    return Mutant(room, str(file.relative_to(tree)), line, text, type(operator).__name__, outcome)


def mutants(room: str, tree: Path, names: Sequence[str], sample: int, seed: int, timeout: float) -> Iterator[Mutant]:
    """Judges `sample` errors of a room, at places drawn at random; 0 = one at every place.

    Args:
        names: ends of the paths of the files; none = all.

    Raises:
        SystemExit: the tests fail without any error, or take longer than `timeout` s.
    """
    if run_in_fork(lambda: run_tests(tree, ROOMS[room][1]), timeout) != 0:
        sys.exit(f"the tests in {', '.join(ROOMS[room][1])} fail as they are, or take longer than {timeout:g} s")
    every = sorted((tree / ROOMS[room][0]).glob("**/*.py"))
    files = [file for file in every if not names or str(file).endswith(tuple(names))]
    places = places_of(files)
    draw = random.Random(f"{seed} {room}")
    chosen = draw.sample(sorted(places), min(sample or len(places), len(places)))
    for place in chosen:
        yield judged(room, tree, place, draw.choice(places[place]), timeout)


@contextlib.contextmanager
def copy_of_tree() -> Iterator[Path]:
    """A folder with all files that git knows or would take in."""
    listed = ["git", "-C", str(REPOSITORY), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0")
    with tempfile.TemporaryDirectory() as folder:
        for source in (REPOSITORY / name for name in filter(None, names)):
            target = Path(folder) / source.relative_to(REPOSITORY)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.exists():
                shutil.copy2(source, target, follow_symlinks=False)
        yield Path(folder)


def report(found: Sequence[Mutant]) -> dict[str, Any]:
    """By room: how many errors were killed, survived, or ran too long, and the share that was noticed."""
    rooms: dict[str, Any] = {}
    for room in dict.fromkeys(mutant.room for mutant in found):
        outcomes = [mutant.outcome for mutant in found if mutant.room == room]
        counts = {outcome: outcomes.count(outcome) for outcome in ("killed", "timeout", "survived")}
        rooms[room] = {**counts, "score": round(1 - counts["survived"] / len(outcomes), 3)}
    return rooms


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rooms", nargs="+", choices=ROOMS, default=list(ROOMS))
    parser.add_argument("--files", nargs="+", default=[], metavar="NAME", help="ends of the paths to spoil")
    parser.add_argument("--sample", type=int, default=20, help="errors in each room; 0 = one at every place")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=300.0, help="s for the tests of one room")
    parser.add_argument("--json", type=Path, help="where to write the report")
    arguments = parser.parse_args(argv)
    sys.dont_write_bytecode = True
    os.environ["OMP_NUM_THREADS"] = "1"  # threads that wait for each other take most of the time on a busy machine
    for name in LOADED:
        __import__(name)
    found: list[Mutant] = []
    with copy_of_tree() as tree:
        for room in arguments.rooms:
            for mutant in mutants(room, tree, arguments.files, arguments.sample, arguments.seed, arguments.timeout):
                found.append(mutant)
                print(f"{mutant.outcome:9}{mutant.file}:{mutant.line}  {mutant.error}", flush=True)
    print(json.dumps(report(found), indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps({"rooms": report(found), "mutants": list(map(asdict, found))}, indent=1))


if __name__ == "__main__":
    main()
