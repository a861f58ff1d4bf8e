"""Pictures as cameras and Pillow write them: cut off, with a thumbnail, turned, empty; label maps with a palette."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.pictures import natural_order, picture_files, read_labels, read_rgb


@pytest.fixture
def gradient() -> np.ndarray:
    """RGB (16, 24, 3), smooth, so that JPEG keeps it."""
    rows, columns = np.mgrid[0:16, 0:24]
    return np.stack([rows * 10, columns * 8, 0 * rows + 90], -1).astype(np.uint8)


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


def test_colours_are_red_green_blue_and_grey_becomes_three_channels(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 5, 3), (10, 20, 200), np.uint8))  # OpenCV's blue, green, red
    assert read_rgb(tmp_path / "a.png")[0, 0].tolist() == [200, 20, 10]
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 5), 77, np.uint8))
    assert read_rgb(tmp_path / "a.png")[3, 4].tolist() == [77, 77, 77]


def test_an_orientation_in_the_file_turns_no_picture(tmp_path: Path, gradient: np.ndarray) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    exif = image.Exif()
    exif[0x0112] = 6
    jpeg_of(tmp_path / "turned.jpg", gradient, exif=exif, quality=100)
    jpeg_of(tmp_path / "plain.jpg", gradient, quality=100)
    plain = read_rgb(tmp_path / "plain.jpg")
    assert np.array_equal(read_rgb(tmp_path / "turned.jpg"), plain)
    upright = read_rgb(tmp_path / "turned.jpg", upright=True)
    assert np.array_equal(upright, np.rot90(plain, -1)), "6 = turned by a quarter against the clock"


def test_cut_off_and_broken_pngs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8))
    whole = path.read_bytes()
    for read in (read_rgb, read_labels):
        path.write_bytes(whole[:-300])
        with pytest.raises(SetupError, match=rf"a\.png is cut off: {len(whole) - 300} bytes"):
            read(path)
        path.write_bytes(whole[:12] + whole[-12:])
        with pytest.raises(SetupError, match=r"a\.png .*(broken|cannot be read)"):
            read(path)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("transparent", [False, True])
def test_of_a_palette_the_indices_are_read(tmp_path: Path, bits: int, transparent: bool) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    rng = np.random.default_rng(bits)
    indices = rng.integers(0, 1 << bits, (17, 23)).astype(np.uint8)
    picture = image.fromarray(indices)
    picture.putpalette(rng.integers(0, 256, 768).tolist())
    picture.save(tmp_path / "a.png", bits=bits, **({"transparency": 1} if transparent else {}))
    content = (tmp_path / "a.png").read_bytes()
    assert content[24:26] == bytes([bits, 3])
    assert np.array_equal(read_labels(tmp_path / "a.png"), indices)
    for spoilt in (content[:-20], content[:26], content[:24] + b"\x10" + content[25:], content[:60] + content[-12:]):
        (tmp_path / "a.png").write_bytes(spoilt)
        with pytest.raises(SetupError, match=r"a\.png"):
            read_labels(tmp_path / "a.png")


def test_label_pictures_have_8_bits_in_one_channel(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for pixels, found in (
        (np.zeros((8, 8), np.uint16), "16 bits in 1"),
        (np.zeros((8, 8, 3), np.uint8), "8 bits in 3"),
    ):
        cv2.imwrite(str(path), pixels)
        with pytest.raises(SetupError, match=rf"{found} channels; wanted 8 bits in one channel"):
            read_labels(path)


def test_hidden_files_are_no_pictures_and_numbers_count_as_numbers() -> None:
    names = ["b10.png", "b2.PNG", "a.webp", "._a.png", ".hidden.jpg", "notes.txt", "10.png", "9.png"]
    found = picture_files(map(Path, names))
    assert [path.name for path in found] == ["10.png", "9.png", "a.webp", "b10.png", "b2.PNG"]
    by_number = [path.name for path in sorted(found, key=natural_order)]
    assert by_number == ["9.png", "10.png", "a.webp", "b2.PNG", "b10.png"]
