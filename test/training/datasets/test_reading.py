"""Pictures as cameras and Pillow write them: cut off, with a thumbnail, turned, empty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.training.datasets.pairs import read_rgb


def jpeg_of(path: Path, picture: np.ndarray, **options: object) -> bytes:
    """Written by Pillow, which writes what OpenCV does not."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    image.fromarray(np.tile(picture, (8, 8, 1))).save(path, format="JPEG", **options)
    return path.read_bytes()


@pytest.mark.parametrize("progressive", [False, True])
def test_cut_off_jpegs_are_refused(tmp_path: Path, gradient: np.ndarray, progressive: bool) -> None:
    path = tmp_path / "a.jpg"
    thumbnail = b"\xff\xd8 the thumbnail's own end: \xff\xd9"
    whole = jpeg_of(path, gradient, progressive=progressive, comment=thumbnail, quality=100)
    assert read_rgb(path).shape == (128, 192, 3)
    path.write_bytes(whole + b"\xff\xda bytes that a camera appends")
    assert read_rgb(path).shape == (128, 192, 3)
    for length in (len(whole) // 2, len(whole) - 40, len(whole) - 2):
        path.write_bytes(whole[:length])
        with pytest.raises(SetupError, match=rf"a\.jpg is cut off: {length} bytes"):
            read_rgb(path)
    path.write_bytes(whole[:-40] + bytes(4000))
    with pytest.raises(SetupError, match="cut off"):
        read_rgb(path)


def test_empty_and_absent_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"a\.jpg cannot be read"):
        read_rgb(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").touch()
    with pytest.raises(SetupError, match=r"a\.jpg cannot be read as a picture"):
        read_rgb(tmp_path / "a.jpg")


def test_an_orientation_in_the_file_turns_no_picture(tmp_path: Path, gradient: np.ndarray) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    exif = image.Exif()
    exif[0x0112] = 6
    jpeg_of(tmp_path / "turned.jpg", gradient, exif=exif, quality=100)
    jpeg_of(tmp_path / "plain.jpg", gradient, quality=100)
    assert np.array_equal(read_rgb(tmp_path / "turned.jpg"), read_rgb(tmp_path / "plain.jpg"))
