"""The process that makes an engine's file, seen from the one that needs it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from densehybrid_ros.engines.key import Key

NICENESS = 5
"""A quarter of a core beside work that fills all. With 19 an engine takes minutes where it is needed most."""


class BuildFailed(RuntimeError):
    """With the reason."""


class Build:
    """A build that goes on. It ends with this process, however that ends."""

    def __init__(self, weights: Path, out: Path, key: Key) -> None:
        """
        Raises:
            OSError: no process can be started.
        """
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(_import_path()), "OMP_NUM_THREADS": "1"}
        arguments = [str(weights.resolve()), str(out.resolve()), key.text]
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
        """
        with self._process as process:
            assert process.stderr is not None
            said = process.stderr.read().decode(errors="replace").strip()
            status = process.wait()
        if status < 0:
            raise BuildFailed(f"its build was ended by signal {-status}")
        if status:
            raise BuildFailed(f"its build failed: {said.splitlines()[-1] if said else f'status {status}'}")

    def stop(self) -> None:
        """Ends it, if it goes on."""
        self._process.kill()


def _import_path() -> list[str]:
    """Where this process imports from, so that the other one finds the same."""
    return [os.path.abspath(entry) for entry in sys.path if entry]
