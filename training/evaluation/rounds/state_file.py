"""The file of a broken-off run: what was counted of how many pictures, and of which run that is. Data, never code."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import written_whole
from densehybrid_ros.training.evaluation.rounds.records import Packed, unpacked

FORMAT = 1
HEAD = "head"
Key = Mapping[str, Any]
"""JSON-able; states of another key are refused."""


def write_state(path: Path, key: Key, pictures: int, counted: Mapping[str, Any]) -> None:
    """The file, there whole or not at all; `counted` of the first `pictures`.

    Raises:
        SetupError: it cannot be written.
    """
    packed = Packed.of(dict(counted))
    head = json.dumps({"format": FORMAT, "key": key, "pictures": pictures, "counted": packed.tree}).encode()
    with written_whole(path) as file, zipfile.ZipFile(file, "w") as archive:
        parts = {HEAD: [np.frombuffer(head, np.uint8)], **packed.arrays}
        for name, arrays in parts.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                size = sum(each.size for each in arrays)
                np.lib.format.write_array_header_2_0(
                    member, {"descr": arrays[0].dtype.str, "fortran_order": False, "shape": (size,)}
                )
                for each in arrays:  # not all together in memory
                    member.write(each.tobytes())


def read_state(path: Path, key: Key) -> tuple[int, dict[str, Any]]:
    """So many pictures, and what was counted of them; none, and nothing, where there is no file.

    Raises:
        SetupError: it is that of another run, or broken.
    """
    if not path.exists():
        return 0, {}
    try:
        with np.load(path, allow_pickle=False) as file:
            head = json.loads(file[HEAD].tobytes())
            if head["format"] == FORMAT:
                _refuse_others(path, head["key"], key)
                arrays = {name: file[name] for name in file.files if name != HEAD}
                return int(head["pictures"]), unpacked(head["counted"], arrays)
    except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise SetupError(f"{path} is no state of an evaluation, or is broken; delete it to begin anew") from error
    raise SetupError(f"{path} was written by another version of the project; delete it to begin anew")


def _refuse_others(path: Path, found: Key, wanted: Key) -> None:
    now = json.loads(json.dumps(wanted))
    names = [name for name in {**found, **now} if found.get(name) != now.get(name)]
    if names:
        said = "; ".join(f"{name}: {_shown(found.get(name))} there, {_shown(now.get(name))} now" for name in names)
        raise SetupError(f"{path} is the state of another run ({said}); give --resume another folder, or delete it")


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
