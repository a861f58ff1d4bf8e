"""The folder of engines: where it is, and what stays in it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from densehybrid_ros.engines import cache
from densehybrid_ros.engines.cache import cache_folder, cached, folder_to_build_in, remove_oldest


def written(folder: Path, name: str, age: float, size: int = 1) -> Path:
    """A file that was used `age` s ago."""
    path = folder / name
    path.write_bytes(bytes(size))
    used = time.time() - age
    os.utime(path, (used, used))
    return path


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_folder_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "densehybrid_ros" / "engines"
    monkeypatch.setenv("HOME", "/home/driver")
    for unusable in ("", "relative/path"):
        monkeypatch.setenv("XDG_CACHE_HOME", unusable)
        assert cache_folder() == Path("/home/driver/.cache/densehybrid_ros/engines")


def test_the_sixteen_newest_used_stay(tmp_path: Path) -> None:
    for number in range(18):
        written(tmp_path, f"{number}.onnx", age=number)
    remove_oldest(tmp_path)
    assert names(tmp_path) == {f"{number}.onnx" for number in range(16)}


def test_the_files_stay_within_the_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_BYTES", 100)
    for number, size in enumerate((60, 40, 1)):
        written(tmp_path, f"{number}.onnx", age=number, size=size)
    remove_oldest(tmp_path)
    assert names(tmp_path) == {"0.onnx", "1.onnx"}


def test_what_was_read_counts_as_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_FILES", 1)
    old = written(tmp_path, "old.onnx", age=50)
    written(tmp_path, "new.onnx", age=5)
    assert cached(old) == bytes(1)
    remove_oldest(tmp_path)
    assert names(tmp_path) == {"old.onnx"}


def test_parts_that_killed_processes_left_go_and_those_at_work_stay(tmp_path: Path) -> None:
    written(tmp_path, ".engine.12.part.onnx", age=4000)
    written(tmp_path, ".engine.13.part.onnx", age=10)
    written(tmp_path, "notes.txt", age=9999)
    remove_oldest(tmp_path)
    assert names(tmp_path) == {".engine.13.part.onnx", "notes.txt"}


def test_folders_of_tensorrt_are_counted_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_BYTES", 100)
    written(tmp_path, "network.onnx", age=5, size=100)
    for number, (name, size) in enumerate((("new", 60), ("old", 60), (".killed.12.part", 1))):
        folder = tmp_path / f"{name}.tensorrt"
        folder.mkdir()
        (folder / "fp16.engine").write_bytes(bytes(size))
        used = time.time() - 2000 * number
        os.utime(folder, (used, used))
    remove_oldest(tmp_path)
    assert names(tmp_path) == {"network.onnx", "new.tensorrt"}


def test_nothing_is_read_where_nothing_is(tmp_path: Path) -> None:
    assert cached(tmp_path / "none.onnx") is None
    assert cached(tmp_path) is None
    remove_oldest(tmp_path / "none")


def test_a_folder_that_cannot_be_written_is_replaced_for_as_long_as_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with folder_to_build_in() as (folder, reason):
        assert folder.is_dir()
        assert "cannot be written" in reason
    assert not folder.exists()


def test_a_user_without_a_home_gets_a_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    with folder_to_build_in() as (folder, reason):
        assert folder.is_dir()
        assert "home" in reason
