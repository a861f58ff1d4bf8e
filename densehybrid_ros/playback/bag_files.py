"""Which files are bags, by name or content. Knows no rosbags, which is needed for bags alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from densehybrid_ros.errors import SetupError
from densehybrid_ros.packages import missing_package
from densehybrid_ros.pictures import natural_order, picture_files

METADATA = "metadata.yaml"
ENDINGS = (".mcap", ".db3", ".bag")
PACKED = (".zstd", ".zst")
MCAP_START, SQLITE_START, ROS1_START, ZSTD_START = (
    b"\x89MCAP0\r\n",
    b"SQLite format 3\0",
    b"#ROSBAG V2.0\n",
    b"\x28\xb5\x2f\xfd",
)


def is_bag(path: Path) -> bool:
    """Whether a file or folder is to be read as a bag: by its name, also where it is broken, or by its first bytes.

    Raises:
        OSError: it cannot be read.
    """
    if path.is_dir():
        return (path / METADATA).is_file() or (bool(bag_files(path)) and not picture_files(path.iterdir()))
    return _has_bag_name(path) or first_bytes(path).startswith((MCAP_START, SQLITE_START, ROS1_START))


def bag_files(folder: Path) -> list[Path]:
    """By name, numbers as numbers. Hidden ones, such as macOS' `._…` beside unpacked archives, are none."""
    found = (path for path in folder.iterdir() if _has_bag_name(path) and not path.name.startswith("."))
    return sorted((path for path in found if path.is_file()), key=natural_order)


def first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(16)


def unpacked_name(path: Path) -> str:
    """Without the ending of a file that zstd has packed."""
    return path.stem if path.suffix.lower() in PACKED else path.name


def _has_bag_name(path: Path) -> bool:
    return unpacked_name(path).lower().endswith(ENDINGS)


@contextmanager
def needs_rosbags() -> Iterator[None]:
    """Around imports of what uses rosbags, an extra: all else does without it.

    Raises:
        SetupError: it is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise SetupError(f"bags are read and written with rosbags: {missing_package(error)}") from error
