"""The process that makes an engine's file or folder, seen from the one that needs it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the other process imports this module before it watches whether this one ends
    from densehybrid_ros.engines.key import Key, TensorrtKey

NICENESS = 5
"""A quarter of a core beside work that fills all. With 19 an engine takes minutes where it is needed most."""


UNAVAILABLE = 3
"""Status of the process where Unavailable was raised in it."""


class BuildFailed(RuntimeError):
    """With the reason."""


class Stopped(BuildFailed):
    """Nobody needs it any more."""


class Unavailable(RuntimeError):
    """What an engine would run by cannot be had on this machine, with the reason."""


class Build:
    """A build that goes on. It ends with this process, however that ends."""

    def __init__(self, source: Path, out: Path, key: Key | TensorrtKey) -> None:
        """
        Args:
            source: weights, of which an ONNX file is made, or that, of which TensorRT makes its folder.

        Raises:
            OSError: no process can be started.
        """
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(_import_path()), "OMP_NUM_THREADS": "1"}
        arguments = [str(source.resolve()), str(out.resolve()), key.text]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "densehybrid_ros.engines.build", *arguments],
            env=environment,
            cwd=out.parent,  # Python imports from it, too; there is nothing to import
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        with suppress(OSError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, self._process.pid, NICENESS)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self) -> None:
        """Returns when the file is there.

        Raises:
            BuildFailed: the process failed, or was ended.
            Unavailable: what it would have made engines with is not here.
        """
        with self._process as process:
            assert process.stderr is not None
            said = process.stderr.read().decode(errors="replace").strip()
            status = process.wait()
        if status < 0:
            raise BuildFailed(f"its build was ended by signal {-status}")
        if status == UNAVAILABLE:
            raise Unavailable(said.splitlines()[-1])
        if status:
            raise BuildFailed(f"its build failed: {said.splitlines()[-1] if said else f'status {status}'}")

    def stop(self) -> None:
        """Ends it, if it goes on."""
        self._process.kill()


class Builds:
    """One after the other, until they are stopped. Thread-safe."""

    def __init__(self) -> None:
        self.at_work = ""
        """What is being done, as "building onnxruntime 1024x512"."""
        self.stopped = False
        self._lock = threading.RLock()  # a finalizer may run `stop` in any thread, anywhere
        self._build: Build | None = None

    def run(self, what: str, source: Path, out: Path, key: Key | TensorrtKey) -> None:
        """Returns when `out` is there.

        Args:
            what: is built, as "onnxruntime 1024x512".

        Raises:
            BuildFailed, Unavailable: as `Build.wait`.
        """
        self.at_work = f"building {what}"
        with self._lock:
            if self.stopped:
                raise Stopped("closed")
            self._build = begun = Build(source, out, key)
        try:
            begun.wait()
        finally:
            self._build = None

    def stop(self) -> None:
        """Ends the one that goes on, and begins no more."""
        with self._lock:
            self.stopped = True
            if self._build is not None:
                self._build.stop()


def _import_path() -> list[str]:
    """Where this process imports from, so that the other one finds the same."""
    return [os.path.abspath(entry) for entry in sys.path if entry]
