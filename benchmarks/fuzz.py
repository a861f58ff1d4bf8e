"""Fuzz: files and messages from strangers with faults in them, by the hundred thousand.

    python benchmarks/fuzz.py --inputs 10000 [--seconds 600] [--only weights "bag mcap"] [--seed 1] [--keep DIR]

Every reader gets valid inputs with faults: bytes, text, the tree in JSON or YAML, what an archive or a header holds.
It may read them, or refuse them with the project's own error. All else is a crash: another exception, a signal, more
than SLOW seconds, more than LARGE megabytes for files of some kilobytes. The first input of each kind is kept.
Each reader runs in a process of its own, forked after everything is loaded.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from fuzzing import bags, files, tensors
from fuzzing.target import Target

TARGETS: dict[str, Target] = {**tensors.TARGETS, **files.TARGETS, **bags.TARGETS}
SLOW = 5.0
"""s"""
LARGE = 300.0
"""MB beside what the process had before."""
ROOM = 4 << 30
"""Bytes of addresses that a process may take beyond those that it has: a machine must survive what is looked for."""
RESTARTS = 20
"""After signals, of one target."""
REPOSITORY = Path(__file__).resolve().parents[1]
COUNTERS = struct.Struct("<qqqdd")


class TooLong(BaseException):
    """Not to be caught by who reads."""


@dataclass
class Report:
    """What became of the inputs of one target."""

    target: str
    inputs: int = 0
    read: int = 0
    refused: int = 0
    slowest: float = 0.0
    """s"""
    largest: float = 0.0
    """MB"""
    seconds: float = 0.0
    crashes: dict[str, str] = field(default_factory=dict)
    """What and where, and the file of the first such input."""


class Counters:
    """Seen by the process that waits, also when the one that counts is killed."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, COUNTERS.size)
        self.inputs = self.read = self.refused = 0
        self.slowest = self.largest = 0.0

    def store(self) -> None:
        self._shared[:] = COUNTERS.pack(self.inputs, self.read, self.refused, self.slowest, self.largest)

    def load(self) -> None:
        self.inputs, self.read, self.refused, self.slowest, self.largest = COUNTERS.unpack(self._shared[:])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=10_000, help="for each target")
    parser.add_argument("--seconds", type=float, default=3600.0, help="for each target, at most")
    parser.add_argument("--only", nargs="+", default=[*TARGETS], choices=[*TARGETS], help="targets")
    parser.add_argument("--without", nargs="+", default=[], choices=[*TARGETS], help="targets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=None, help="folder for the inputs that crashed")
    parser.add_argument("--json", type=Path, default=None, help="write the reports there")
    arguments = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    reports: list[Report] = []
    print("| target | inputs | read | refused | crashes | slowest | memory | time |\n|---|---|---|---|---|---|---|---|")
    for name in (name for name in arguments.only if name not in arguments.without):
        with tempfile.TemporaryDirectory(prefix="fuzz_") as folder:
            keep = arguments.keep or Path(tempfile.gettempdir()) / "fuzz_crashes"
            report = fuzzed(name, arguments.inputs, arguments.seconds, arguments.seed, Path(folder), keep)
        print(row(report), flush=True)
        reports.append(report)
    print(
        f"\n{sum(each.inputs for each in reports)} inputs, {sum(len(each.crashes) for each in reports)} kinds of crash"
    )
    for report in reports:
        for what, path in report.crashes.items():
            print(f"{report.target}: {what}\n    {path}")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(report) for report in reports], indent=2))
    return int(any(report.crashes for report in reports))


def row(report: Report) -> str:
    cells = (report.target, report.inputs, report.read, report.refused, len(report.crashes))
    costs = f"{1000 * report.slowest:.0f} ms", f"{report.largest:.0f} MB", f"{report.seconds:.0f} s"
    return f"| {' | '.join(map(str, (*cells, *costs)))} |"


def fuzzed(name: str, inputs: int, seconds: float, seed: int, folder: Path, keep: Path) -> Report:
    """Forks a process for the target, and another one after each that a signal has ended."""
    report, begin = Report(name), time.monotonic()
    log = folder / "crashes.jsonl"
    for start in range(RESTARTS):
        left = seconds - (time.monotonic() - begin)
        if report.inputs >= inputs or left <= 0:
            break
        counters, place = Counters(), folder / f"run{start}"
        place.mkdir()
        child = os.fork()
        if child == 0:
            _in_child(TARGETS[name], inputs - report.inputs, left, f"{seed} {name} {start}", place, log, counters)
        _, status = os.waitpid(child, 0)
        counters.load()
        _add(report, counters)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            raise SystemExit(f"{name}: what is whole was not read, or the reader left; see above")
        if os.WIFSIGNALED(status):
            what = f"signal {signal.Signals(os.WTERMSIG(status)).name}"
            path = place / f"input{TARGETS[name].suffix}"
            _note(log, what, path.read_bytes() if path.is_file() else b"")
    report.seconds = time.monotonic() - begin
    for line in log.read_text().splitlines() if log.is_file() else ():
        crash = json.loads(line)
        report.crashes.setdefault(crash["what"], _kept(bytes.fromhex(crash["input"]), TARGETS[name], keep))
    return report


def _add(report: Report, counters: Counters) -> None:
    report.inputs += counters.inputs
    report.read += counters.read
    report.refused += counters.refused
    report.slowest = max(report.slowest, counters.slowest)
    report.largest = max(report.largest, counters.largest)


def _kept(content: bytes, target: Target, keep: Path) -> str:
    keep.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(target.suffix, "crash_", keep)
    with open(handle, "wb") as file:
        file.write(content)
    return name


def _note(log: Path, what: str, content: bytes) -> None:
    with log.open("a") as file:
        file.write(json.dumps({"what": what, "input": content.hex()}) + "\n")


def _in_child(
    target: Target, inputs: int, seconds: float, seed: str, place: Path, log: Path, counters: Counters
) -> None:
    """Never returns: what the parent has opened must not be closed twice."""
    status, said = 1, open(os.dup(sys.stderr.fileno()), "w")  # noqa: SIM115 - open until the process ends
    try:
        tempfile.tempdir = str(place)
        signal.signal(signal.SIGALRM, _too_long)
        _run(target, inputs, seconds, Random(seed), place, log, counters)
        status = 0
    except BaseException:
        traceback.print_exc(file=said)
    finally:
        said.flush()
        os._exit(status)


def _run(
    target: Target, inputs: int, seconds: float, random: Random, place: Path, log: Path, counters: Counters
) -> None:
    seeds = target.seeds(place)
    path = place / f"input{target.suffix}"
    for seed in seeds:  # what is whole is read: else nothing would be tried
        path.write_bytes(seed)
        target.read(path)
    # what decoders print over damaged files
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    limit = _memory("VmSize") + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    end, known = time.monotonic() + seconds, set[str]()
    before = _memory("VmRSS")
    while counters.inputs < inputs and time.monotonic() < end:
        content = target.change(random.choice(seeds), random)
        path.write_bytes(content)
        Path("/proc/self/clear_refs").write_text("5")  # the highest mark of the memory is that of this input
        begin = time.monotonic()
        what = _outcome(target, path, counters)
        took, grown = time.monotonic() - begin, (_memory("VmHWM") - before) / 2**20
        if not what and took > SLOW:
            what = f"slow: {took:.1f} s"
        if not what and grown > LARGE + len(content) / 2**20:
            what, before = "large: more memory than files of this size need", _memory("VmRSS")
        counters.inputs += 1
        counters.slowest, counters.largest = max(counters.slowest, took), max(counters.largest, grown)
        counters.store()
        if what and what not in known:
            known.add(what)
            _note(log, what, content)


def _outcome(target: Target, path: Path, counters: Counters) -> str:
    """Of a crash what and where; "" else."""
    try:
        with _watched():
            target.read(path)
    except target.refusals:
        counters.refused += 1
        return ""
    except (Exception, TooLong, SystemExit) as error:
        return f"{type(error).__name__} in {_where(error)}: {str(error)[:100]!r}".split(": ")[0]
    counters.read += 1
    return ""


@contextmanager
def _watched() -> Iterator[None]:
    signal.setitimer(signal.ITIMER_REAL, 2 * SLOW)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _too_long(number: int, frame: object) -> None:
    raise TooLong


def _where(error: BaseException) -> str:
    """The innermost line of ours."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        each for each in frames if each.filename.startswith(str(REPOSITORY)) and "/benchmarks/" not in each.filename
    ]
    found = ours[-1] if ours else frames[-1]
    return f"{found.filename.removeprefix(f'{REPOSITORY}/')}:{found.lineno}"


def _memory(name: str) -> int:
    """Bytes, of /proc/self/status."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


if __name__ == "__main__":
    sys.exit(main())
