"""Roadworld as a LostAndFound folder: what is written is what was rendered, and a stopped run goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from densehybrid_ros.cli import main
from densehybrid_ros.drives import render
from densehybrid_ros.drives.files import read_camera, read_disparity
from densehybrid_ros.drives.layout import find_frames
from densehybrid_ros.drives.render import render_lostandfound
from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import lostandfound_truth
from densehybrid_ros.pictures import decode_png, read_labels
from densehybrid_ros.roadworld import Roadworld

SIZE = (64, 48)


def no_warning(text: str) -> None:
    raise AssertionError(text)


def test_files_hold_what_was_rendered(tmp_path: Path) -> None:
    render_lostandfound(tmp_path, "test", [20_000, 20_001], 2, *SIZE, first_frame=4, frame_step=3)
    frames = find_frames(tmp_path, "test", no_warning)
    assert [frame.name for frame in frames] == [
        "01_Roadworld_020000_000004",
        "01_Roadworld_020000_000007",
        "02_Roadworld_020001_000004",
        "02_Roadworld_020001_000007",
    ]
    assert {frame.sequence for frame in frames} == {"01_Roadworld", "02_Roadworld"}
    truth = Roadworld(20_001, *SIZE).frame(7)
    assert truth.right is not None
    files = frames[3]
    assert None not in vars(files).values()
    assert files.right
    np.testing.assert_array_equal(decode_png(files.left.read_bytes(), files.left)[..., ::-1], truth.left)
    np.testing.assert_array_equal(decode_png(files.right.read_bytes(), files.right)[..., ::-1], truth.right)
    assert files.disparity
    assert files.camera
    assert files.label_ids
    assert files.label_train_ids
    assert files.timestamp
    np.testing.assert_allclose(read_disparity(files.disparity), np.minimum(truth.disparity, 65_535 / 256), atol=1 / 500)
    camera = read_camera(files.camera)
    assert (camera.fx, camera.cy, camera.pitch) == (truth.camera.fx, truth.camera.cy, 0)
    assert (camera.baseline, camera.height_above_road) == (truth.camera.baseline, truth.camera.height_above_road)
    anomaly = lostandfound_truth(read_labels(files.label_train_ids))
    np.testing.assert_array_equal(anomaly == 1, truth.anomaly)
    np.testing.assert_array_equal(anomaly == 0, truth.labels == 3)
    label_ids = read_labels(files.label_ids)
    np.testing.assert_array_equal(label_ids >= 2, truth.anomaly)
    assert label_ids.max() <= 30
    assert int(files.timestamp.read_text()) == 700_000_000


def test_a_stopped_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    render_lostandfound(whole, "test", [5], 3, *SIZE)

    def fail_at_second(path: Path, picture: np.ndarray) -> None:
        if path.name.endswith("000001_rightImg8bit.png"):
            raise KeyboardInterrupt
        original(path, picture)

    original = render.write_picture
    with monkeypatch.context() as patch:
        patch.setattr(render, "write_picture", fail_at_second)
        with pytest.raises(KeyboardInterrupt):
            render_lostandfound(stopped, "test", [5], 3, *SIZE)
    (first, *_) = stopped.rglob("*000000_leftImg8bit.png")
    written = first.stat().st_mtime_ns
    render_lostandfound(stopped, "test", [5], 3, *SIZE)
    assert first.stat().st_mtime_ns == written
    names = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(stopped) for path in stopped.rglob("*") if path.is_file())
    assert all((whole / name).read_bytes() == (stopped / name).read_bytes() for name in names)


def test_frames_of_another_size_are_refused(tmp_path: Path) -> None:
    render_lostandfound(tmp_path, "test", [5], 1, *SIZE)
    with pytest.raises(SetupError, match=r"is 64x48, not 80x48"):
        render_lostandfound(tmp_path, "test", [5], 1, 80, 48)
    with pytest.raises(SetupError, match="0 drives"):
        render_lostandfound(tmp_path, "test", [], 1, *SIZE)


def test_the_command_writes_drives_that_no_training_sees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--layout", "lostandfound", "--split", "test", "--drives", "1", "--frames", "2", "--size", "64", "48"]
    main(["render-roadworld", str(tmp_path), *options])
    assert [frame.name[-13:] for frame in find_frames(tmp_path, "test", no_warning)] == [
        "020000_000000",
        "020000_000001",
    ]
    with pytest.raises(SystemExit):
        main(["render-roadworld", str(tmp_path), *options[:-2], "8", "8"])
    assert "at least 32x32" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--layout", "lostandfound", "--val", "4"], "--val belongs to --layout camvid, not to lostandfound"),
        (["--drives", "2"], "--drives belongs to --layout lostandfound, not to camvid"),
    ],
)
def test_an_option_of_the_other_layout_is_refused(
    options: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["render-roadworld", str(tmp_path / "out"), *options])
    assert text in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
