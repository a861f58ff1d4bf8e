"""python -m densehybrid_ros.engines.build SOURCE OUT KEY: makes what one engine needs on the disk.

By the key the ONNX file OUT of a weights file, or TensorRT's folder OUT of an ONNX file. Started by `building`, which
holds the other end of its standard input: it ends with the process that started it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

from densehybrid_ros.engines.building import UNAVAILABLE, Unavailable
from densehybrid_ros.errors import USER_ERROR, SetupError

LONGEST = 3600
"""s after which a build is given up: it hangs."""


def main(argv: list[str] | None = None) -> None:
    source, out, key = sys.argv[1:] if argv is None else argv
    if argv is None:
        threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
        signal.alarm(LONGEST)
    if "onnx" in json.loads(key):
        # seconds of imports, in which the process must end already when its parent does
        from densehybrid_ros.engines.tensorrt_folder import build_folder

        build_folder(Path(source), Path(out), key)
    else:
        build(Path(source), Path(out), key)


def build(weights: Path, out: Path, wanted: str) -> None:
    """Writes the engine of weights.

    Args:
        wanted: the key that it is to have.

    Raises:
        SetupError: the weights cannot be read, or are not those of the key.
    """
    from densehybrid_ros.engines.key import KEY, Shape, key_of, origin_of
    from densehybrid_ros.engines.onnx_file import write_onnx
    from densehybrid_ros.models.checkpoint import load_network

    network, info = load_network(weights)
    key = key_of(origin_of(network, info.architecture), Shape(**json.loads(wanted)["shape"]))
    if key.text != wanted:
        raise SetupError(f"weights file {weights} or the packages have changed since it was loaded; configure anew")
    write_onnx(network, out, key.shape, key.opset, {KEY: key.text})


def _end_with_parent() -> None:
    """The parent writes nothing: what can be read is the end."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


if __name__ == "__main__":
    try:
        main()
    except (SetupError, Unavailable) as error:
        print(error, file=sys.stderr)
        sys.exit(UNAVAILABLE if isinstance(error, Unavailable) else USER_ERROR)
