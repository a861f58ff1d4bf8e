"""Files are there whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import make_folder, refuse_unwritable, write_whole, written_whole


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


LIMITED = """
import resource, signal, sys
import numpy as np
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from densehybrid_ros.errors import SetupError
folder = Path(sys.argv[1])
try:
    {body}
except SetupError as error:
    print(error)
"""
"""A process in which no file grows beyond 20 kB, as on a disk that is full."""


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("file.txt", "from densehybrid_ros.files import write_whole; write_whole(folder / 'file.txt', 'x' * 99_999)"),
        (
            "weights.safetensors",
            "from densehybrid_ros.models.checkpoint import save_weights, load_weights, BUNDLED; "
            "save_weights(folder / 'weights.safetensors', *load_weights(BUNDLED))",
        ),
        (
            "checkpoint.pt",
            "from densehybrid_ros.training.run.checkpoint import write_checkpoint; import torch; "
            "write_checkpoint(folder / 'checkpoint.pt', {'a': torch.rand(99_999), 'b': torch.rand(99_999)})",
        ),
        (
            "picture.png",
            "from densehybrid_ros.pictures import write_picture; "
            "write_picture(folder / 'picture.png', np.random.default_rng(1).integers(0, 256, (200, 200, 3), np.uint8))",
        ),
    ],
)
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path, name: str, body: str) -> None:
    root = Path(__file__).resolve().parents[1]
    code = LIMITED.format(body=body)
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=root, check=False, timeout=60, capture_output=True, text=True
    )
    place = tmp_path / name
    assert done.stderr == ""
    assert done.stdout == f"{place} cannot be written: File too large; free the disk or give another folder\n"
    assert not list(tmp_path.iterdir())


def write_to_a_full_disk(path: Path) -> None:
    with written_whole(path) as file:
        os.dup2(os.open("/dev/full", os.O_WRONLY), file.fileno())
        try:
            file.write(bytes(99_999))
        finally:
            raise RuntimeError("unexpected position 64 of the archive")


def test_the_first_error_is_the_one_that_is_shown(tmp_path: Path) -> None:
    """An archive's writer fails again, and in another way, as it closes what could not be written."""
    with pytest.raises(SetupError, match="No space left on device"):
        write_to_a_full_disk(tmp_path / "file.bin")
    assert not list(tmp_path.iterdir())


def test_a_line_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    code = LIMITED.format(
        body="from densehybrid_ros.files import Lines; lines = Lines(folder / 'log'); "
        "[lines.add(str(number) * 999) for number in range(99)]"
    )
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=root, check=True, timeout=60, capture_output=True, text=True
    )
    assert "log cannot be written: File too large" in done.stdout
    lines = (tmp_path / "log").read_text().splitlines(keepends=True)
    assert lines == [f"{str(number) * 999}\n" for number in range(len(lines))]
    assert len(lines) > 10


def test_a_place_below_a_file_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match="cannot be written: Not a directory"):
        make_folder(tmp_path / "file" / "folder")
    with pytest.raises(SetupError, match="cannot be written: File exists"):
        refuse_unwritable(tmp_path / "file" / "report.json")
    with pytest.raises(SetupError, match="it is a folder"):
        refuse_unwritable(tmp_path)
    make_folder(tmp_path / "new" / "one")
    assert not list((tmp_path / "new" / "one").iterdir())


def test_nothing_is_written_elsewhere() -> None:
    """By what writes a file under its own name; those that are let through write beside, and rename.

    A member of an archive is no file: what the archive is written into counts.
    """
    root = Path(__file__).resolve().parents[1]
    allowed = {"files.py", "bag_writer.py", "bags/zstd.py", "recorder/video.py"}
    writes = re.compile(
        r"imwrite\(|\.write_(text|bytes)\(|(?<!archive\.)open\(.*\"[wax]b?\"|VideoWriter\(|onnx\.save\(|save_file\("
    )
    sources = [path for room in ("densehybrid_ros", "models", "training") for path in (root / room).rglob("*.py")]
    found = {
        f"{path.relative_to(root)}: {line.strip()}"
        for path in sources
        for line in path.read_text().splitlines()
        if writes.search(line) and "os.devnull" not in line and not str(path).endswith(tuple(allowed))
    }
    assert not found


def test_only_one_module_renames_files() -> None:
    root = Path(__file__).resolve().parents[1]
    bags = root / "densehybrid_ros" / "playback" / "packing" / "bag_writer.py"  # rosbags writes into a folder
    sources = [path for room in ("densehybrid_ros", "models", "training") for path in (root / room).rglob("*.py")]
    found = [path for path in sources if "os.replace" in path.read_text() or ".replace(path)" in path.read_text()]
    assert found == [root / "densehybrid_ros" / "files.py", bags]
