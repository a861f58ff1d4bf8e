"""Folders of drives: which frames there are, what belongs to them, what is missing, what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from densehybrid_ros.drives.layout import find_frames
from densehybrid_ros.errors import SetupError


def no_warning(text: str) -> None:
    raise AssertionError(text)


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def lostandfound(root: Path) -> Path:
    for name in ("02_Street/02_Street_000000_000020", "01_Street/01_Street_000001_000010"):
        touch(
            root,
            f"leftImg8bit/test/{name}_leftImg8bit.png",
            f"rightImg8bit/test/{name}_rightImg8bit.png",
            f"gtCoarse/test/{name}_gtCoarse_labelIds.png",
            f"gtCoarse/test/{name}_gtCoarse_labelTrainIds.png",
            f"gtCoarse/test/{name}_gtCoarse_color.png",
            f"disparity/test/{name}_disparity.png",
            f"camera/test/{name}_camera.json",
            f"timestamp/test/{name}_timestamp.txt",
        )
    return root


def test_frames_of_lostandfound_are_found_by_sequence_with_all_their_files(tmp_path: Path) -> None:
    frames = find_frames(lostandfound(tmp_path), "test", no_warning)
    assert [(frame.sequence, frame.name) for frame in frames] == [
        ("01_Street", "01_Street_000001_000010"),
        ("02_Street", "02_Street_000000_000020"),
    ]
    files = [value for value in vars(frames[0]).values() if isinstance(value, Path)]
    assert len(set(files)) == 7
    assert all(path.is_file() and path.name.startswith(frames[0].name) for path in files)
    assert frames[0].label_ids is not None
    assert frames[0].label_ids.name.endswith("_gtCoarse_labelIds.png")


def test_frames_of_cityscapes_take_the_fine_labels_and_lack_what_is_not_there(tmp_path: Path) -> None:
    name = "val/frankfurt/frankfurt_000000_000294"
    touch(
        tmp_path,
        f"leftImg8bit/{name}_leftImg8bit.png",
        f"gtFine/{name}_gtFine_labelIds.png",
        f"gtCoarse/{name}_gtCoarse_labelIds.png",
        "leftImg8bit/val/frankfurt/._frankfurt_000000_000294_leftImg8bit.png",
    )
    (frame,) = find_frames(tmp_path, "val", no_warning)
    assert frame.label_ids is not None
    assert frame.label_ids.parts[-4] == "gtFine"
    assert (frame.right, frame.camera, frame.disparity, frame.label_train_ids, frame.timestamp) == (None,) * 5


def test_every_missing_file_is_named_once(tmp_path: Path) -> None:
    root = lostandfound(tmp_path)
    touch(
        root,
        "leftImg8bit/test/01_Street/01_Street_000001_000020_leftImg8bit.png",
        "disparity/test/01_Street/01_Street_000001_000020_disparity.png",
        "disparity/test/01_Street/01_Street_000001_000030_disparity.png",
    )
    told: list[str] = []
    frames = find_frames(root, "test", told.append)
    assert [frame.name[-6:] for frame in frames] == ["000010", "000020", "000020"]
    suffixes = ("right", "gtCoarse_labelIds", "gtCoarse_labelTrainIds", "camera", "timestamp", "leftImg8bit")
    assert len(told) == len(suffixes)
    assert all(sum(suffix in text for text in told) == 1 for suffix in suffixes)
    assert "01_Street_000001_000030_leftImg8bit.png is missing" in " ".join(told)


def test_sequences_can_be_chosen(tmp_path: Path) -> None:
    root = lostandfound(tmp_path)
    assert [frame.sequence for frame in find_frames(root, "test", no_warning, ["02_Street"])] == ["02_Street"]
    with pytest.raises(SetupError, match=r"no sequence 03_Street; it has 01_Street, 02_Street"):
        find_frames(root, "test", no_warning, ["03_Street"])


def test_what_is_no_drive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="give the folder that holds leftImg8bit"):
        find_frames(tmp_path, "test", no_warning)
    (tmp_path / "leftImg8bit" / "train" / "01_Street").mkdir(parents=True)
    with pytest.raises(SetupError, match=r"no leftImg8bit/test; it has train"):
        find_frames(tmp_path, "test", no_warning)
    with pytest.raises(SetupError, match="holds no picture"):
        find_frames(tmp_path, "train", no_warning)


def test_neither_torch_nor_ros_nor_rosbags_is_imported() -> None:
    modules = ("layout", "files", "render")
    code = "import sys\n" + "".join(f"import densehybrid_ros.drives.{module}\n" for module in modules)
    code += "print([name for name in ('torch', 'rclpy', 'sensor_msgs', 'rosbags') if name in sys.modules])"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "[]", done.stderr
