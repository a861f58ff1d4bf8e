"""Files of tensors as people have them: safetensors, and what torch.save wrote. Reading never runs what is in them."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import GIT_LFS_POINTER

FOREIGN = re.compile(r"GLOBAL ([\w.]+)")
"""In torch's message: what a pickle wants to have imported."""
PLAIN = frozenset(
    {torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8, torch.bool}
)
WRAPPERS = ("module.", "_orig_mod.", "model.", "net.")
"""What DistributedDataParallel, torch.compile and training frameworks put before the names of a network's tensors."""


def read_safetensors(path: Path, what: str) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Metadata and tensors.

    Args:
        what: the file's part for the reader, as "weights file".

    Raises:
        SetupError: no such file, or no safetensors.
    """
    refuse_what_is_no_file_of_tensors(path, what)
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys()  # no mapping: it cannot be gone through by itself
            return file.metadata() or {}, {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise SetupError(
            f"{what} {path} cannot be read as safetensors ({error}); it is truncated, altered or of another "
            "format; copy it anew, or convert pickled checkpoints first"
        ) from error


def read_pickled(path: Path, what: str, inert: Sequence[Any] = ()) -> Any:
    """What torch.save wrote: tensors, plain values, and what is in `inert`.

    Raises:
        SetupError: no such file, with more in it, or damaged.
    """
    refuse_what_is_no_file_of_tensors(path, what)
    try:
        return pickled(path, inert)
    except ValueError as error:
        raise SetupError(f"{what} {path} {error}; copy it anew, or get its state_dict alone") from error


def pickled(path: Path, inert: Sequence[Any] = ()) -> Any:
    """As `read_pickled`, of a file that is there.

    Raises:
        ValueError: with the reason, in our words: torch's advise to load without its protection, with codes for
            terminals in between.
    """
    try:
        with torch.serialization.safe_globals(list(inert)):
            refuse_packed(path)
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = FOREIGN.search(str(error))
        more = f", {found[1]} for one," if found else ""
        raise ValueError(f"holds more than tensors{more} and is not opened, as that could run code") from error
    except Exception as error:  # a damaged file can make torch's reader fail in any way
        known = "weights_only" in str(error)
        reason = "a TorchScript archive, or of an old format" if known else first_line(error)
        raise ValueError(f"cannot be read ({reason})") from error


def refuse_packed(path: Path) -> None:
    """torch.save packs nothing: an archive that unpacks to more than it has is to fill the memory.

    Raises:
        ValueError: it does.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(each.file_size for each in archive.infolist())
    if unpacked > path.stat().st_size:
        raise ValueError(f"an archive of {path.stat().st_size} bytes that unpacks to {unpacked}")


def refuse_what_is_no_file_of_tensors(path: Path, what: str) -> None:
    """
    Raises:
        SetupError: there is no file, or a pointer to one that Git LFS has not brought.
    """
    if not path.is_file():
        raise SetupError(f"{what} {path} does not exist")
    with path.open("rb") as file:
        if file.read(len(GIT_LFS_POINTER)) == GIT_LFS_POINTER:
            raise SetupError(f"{what} {path} is a Git LFS pointer, not the file; run `git lfs pull` in its clone")


def unwrapped(tensors: Mapping[str, Tensor], expected: Collection[str]) -> dict[str, Tensor]:
    """The tensors by the names in `expected`, without what wrappers put before them, once or more often.

    A name that leads to none of them, or to one that is taken, stays whole, so that it can be reported.
    """
    renamed = {name: value for name, value in tensors.items() if name in expected}
    for name, value in tensors.items():
        inner = _without_wrappers(name, expected)
        renamed[name if inner in renamed else inner] = value
    return renamed


def _without_wrappers(name: str, expected: Collection[str]) -> str:
    inner = name
    while inner not in expected:
        wrapper = next((each for each in WRAPPERS if inner.startswith(each)), "")
        if not wrapper:
            return name
        inner = inner.removeprefix(wrapper)
    return inner


def is_plain(value: Tensor) -> bool:
    """Whether it lies on the CPU as numbers that can be computed with: no sparse, quantised, nested or complex one."""
    plain = value.layout == torch.strided and not value.is_quantized
    return plain and not value.is_nested and value.device.type == "cpu" and value.dtype in PLAIN


def first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
