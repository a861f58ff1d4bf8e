"""Files are there whole or not at all."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import write_whole, written_whole


def test_a_file_takes_the_place_of_the_old_one_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    write_whole(path, "öld")
    with written_whole(path, durable=True) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text(encoding="utf-8") == "öld"
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["file.txt"]


def write_and_fail(path: Path, error: BaseException) -> None:
    with written_whole(path) as file:
        file.write(b"half")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, ValueError])
def test_a_block_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"old")
    with pytest.raises(error):
        write_and_fail(path, error())
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_a_full_disk_is_a_setup_error_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"old")
    with pytest.raises(SetupError, match="No space left on device"):
        write_and_fail(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_what_cannot_be_written_is_a_setup_error_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "inside.txt", tmp_path / "folder"):
        with pytest.raises(SetupError, match=f"{path.name} cannot be written"):
            write_whole(path, b"contents")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_killed_process_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"old")
    code = f"""
import os, signal
from pathlib import Path
from densehybrid_ros.files import written_whole
with written_whole(Path({str(path)!r})) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    write_whole(path, b"new")
    assert os.listdir(tmp_path) == ["file.txt"]


def test_writers_of_one_file_do_not_disturb_each_other_where_it_is_shared(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    code = f"""
from pathlib import Path
from densehybrid_ros.files import written_whole
with written_whole(Path({str(path)!r}), shared=True) as file:
    file.write(b"other")
"""
    root = Path(__file__).resolve().parents[1]
    with written_whole(path, shared=True) as file:
        subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=60)
        assert path.read_bytes() == b"other"
        file.write(b"own")
    assert path.read_bytes() == b"own"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_only_one_module_renames_files() -> None:
    root = Path(__file__).resolve().parents[1]
    bags = root / "densehybrid_ros" / "playback" / "packing" / "bag_writer.py"  # rosbags writes into a folder
    sources = [path for room in ("densehybrid_ros", "models", "training") for path in (root / room).rglob("*.py")]
    found = [path for path in sources if "os.replace" in path.read_text() or ".replace(path)" in path.read_text()]
    assert found == [root / "densehybrid_ros" / "files.py", bags]
