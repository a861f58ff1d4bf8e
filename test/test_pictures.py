"""Pictures as cameras and Pillow write them: cut off, with a thumbnail, turned, empty; label maps with a palette."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from densehybrid_ros.errors import SetupError
from densehybrid_ros.formats.picture_headers import claimed_size, png_is_whole
from densehybrid_ros.pictures import (
    LARGEST_PICTURE,
    natural_order,
    picture_files,
    pictures_in,
    read_labels,
    read_rgb,
    sizes_differ,
)


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
        with pytest.raises(SetupError, match=rf"a\.jpg is cut off or broken: {length} bytes"):
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
        with pytest.raises(SetupError, match=rf"a\.png is cut off or broken: {len(whole) - 300} bytes"):
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
        (np.zeros((8, 8), np.uint16), "16 bits in 1 channel"),
        (np.zeros((8, 8, 3), np.uint8), "8 bits in 3 channels"),
    ):
        cv2.imwrite(str(path), pixels)
        with pytest.raises(SetupError, match=rf"{found}; wanted 8 bits in one channel"):
            read_labels(path)


def test_hidden_files_are_no_pictures_and_numbers_count_as_numbers() -> None:
    names = ["b10.png", "b2.PNG", "a.webp", "._a.png", ".hidden.jpg", "notes.txt", "10.png", "9.png"]
    found = picture_files(map(Path, names))
    assert [path.name for path in found] == ["10.png", "9.png", "a.webp", "b10.png", "b2.PNG"]
    by_number = [path.name for path in sorted(found, key=natural_order)]
    assert by_number == ["9.png", "10.png", "a.webp", "b2.PNG", "b10.png"]


def png_of(size: tuple[int, int], bits: int, kind: int, rows: bytes) -> bytes:
    """Width and height, bits of a sample, colour type, and the rows with their filter bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", *size, bits, kind, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_of_grey_labels_with_few_bits_the_samples_are_read(tmp_path: Path, bits: int) -> None:
    """As png optimisers write them; OpenCV spreads them over 0..255: of 4 bits, 3 becomes 51."""
    samples = np.random.default_rng(bits).integers(0, 1 << bits, (6, 16)).astype(np.uint8)
    rows = np.packbits(np.unpackbits(samples[..., None], axis=2)[..., 8 - bits :].reshape(6, -1), axis=1)
    (tmp_path / "a.png").write_bytes(png_of((16, 6), bits, 0, b"".join(b"\0" + row.tobytes() for row in rows)))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), samples)
    assert read_rgb(tmp_path / "a.png").max() == 255


@pytest.mark.parametrize("read", [read_rgb, read_labels])
def test_a_picture_that_claims_a_hundred_thousand_rows_is_named_and_not_decoded(tmp_path: Path, read: object) -> None:
    assert callable(read)
    (tmp_path / "a.png").write_bytes(png_of((100_000, 100_000), 8, 0, bytes(100)))
    with pytest.raises(SetupError, match=rf"a\.png claims 100000x100000 pixels, more than {LARGEST_PICTURE}"):
        read(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(png_of((20_000, 20_000), 8, 0, bytes(100)))  # OpenCV would take it
    with pytest.raises(SetupError, match="claims 20000x20000"):
        read(tmp_path / "b.png")


@pytest.mark.parametrize("ending", [".png", ".jpg", ".bmp", ".webp"])
def test_the_claimed_size_is_that_of_the_picture(tmp_path: Path, ending: str) -> None:
    cv2.imwrite(str(tmp_path / f"a{ending}"), np.zeros((31, 57, 3), np.uint8))
    content = (tmp_path / f"a{ending}").read_bytes()
    assert claimed_size(content) == (57, 31)
    for length in range(80):
        claimed_size(content[:length])  # whatever is cut off, nothing is read behind the end
    assert claimed_size(b"RIFF and more") is None


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_png_with_a_length_beyond_its_end_is_refused_before_memory_is_taken_for_it(
    tmp_path: Path, gradient: np.ndarray, place: int
) -> None:
    """OpenCV 5 would take as much as the length says: 3 GB, for ten seconds."""
    content = bytearray(cv2.imencode(".png", gradient)[1].tobytes())
    starts = [content.index(kind) - 4 for kind in (b"IHDR", b"IDAT", b"IEND")]
    content[starts[place] : starts[place] + 4] = struct.pack(">I", 0xB697FB49)
    assert not png_is_whole(content)
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(SetupError, match="is cut off or broken"):
        read_rgb(tmp_path / "a.png")


@pytest.mark.parametrize("options", [[], [cv2.IMWRITE_WEBP_QUALITY, 101]])
def test_a_webp_that_claims_more_than_there_is_memory_for_is_not_decoded(tmp_path: Path, options: list[int]) -> None:
    content = bytearray(cv2.imencode(".webp", np.zeros((31, 57, 3), np.uint8), options)[1].tobytes())
    assert claimed_size(content) == (57, 31)
    lossless = content[12:16] == b"VP8L"
    largest = struct.pack("<I", 0x3FFF | 0x3FFF << 14) if lossless else struct.pack("<HH", 0x3FFF, 0x3FFF)
    start = 21 if lossless else 26
    content[start : start + 4] = largest
    (tmp_path / "a.webp").write_bytes(content)
    with pytest.raises(SetupError, match=r"claims 1638[34]x1638[34] pixels"):
        read_rgb(tmp_path / "a.webp")


@pytest.mark.parametrize("ending", [".tiff", ".ppm", ".gif"])
def test_other_formats_are_no_pictures_whatever_they_are_named(tmp_path: Path, ending: str) -> None:
    """Their decoders have no bounds: a TIFF of a kilobyte may fill the memory."""
    picture = cv2.imencode(ending, np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    (tmp_path / "a.png").write_bytes(picture)
    with pytest.raises(SetupError, match="no PNG, JPEG, WebP or BMP"):
        read_rgb(tmp_path / "a.png")


def test_an_array_is_refused_by_its_header_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, picture=np.zeros((30, 40, 3), np.uint8))
    assert read_rgb(path).shape == (30, 40, 3)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("picture.npy", "w") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (20_000, 20_000, 3)}
        )
        for _ in range(1200):
            file.write(bytes(1_000_000))
    assert path.stat().st_size < 2_000_000
    with pytest.raises(SetupError, match=r"a\.npz cannot be read as an \.npz with one array \(1200000\d+ bytes, more"):
        read_rgb(path)


@pytest.mark.parametrize(
    "header", ["(" * 900, "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "-" * 9000 + "1"]
)
def test_an_array_with_a_header_that_is_none_is_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "a.npz"
    text = header.encode().ljust(9216) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("picture.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)
    with pytest.raises(SetupError, match=r"cannot be read as an \.npz"):
        read_rgb(path)


def test_what_drivers_and_disks_append_to_a_picture_is_passed_over(tmp_path: Path, gradient: np.ndarray) -> None:
    for ending in (".jpg", ".png"):
        path = tmp_path / f"a{ending}"
        cv2.imwrite(str(path), gradient)
        plain = read_rgb(path)
        path.write_bytes(path.read_bytes() + bytes(5000))
        np.testing.assert_array_equal(read_rgb(path), plain)


def test_a_pointer_of_git_lfs_is_called_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 734\n")
    for read in (read_rgb, read_labels):
        with pytest.raises(SetupError, match=r"a\.jpg is a Git LFS pointer.*git lfs pull"):
            read(path)


def test_labels_that_follow_an_orientation_are_told_from_labels_of_another_picture(
    tmp_path: Path, gradient: np.ndarray
) -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    exif = image.Exif()
    exif[0x0112] = 6
    path, labels = tmp_path / "a.jpg", tmp_path / "a.png"
    jpeg_of(path, gradient, exif=exif)
    turned = sizes_differ(path, read_rgb(path), labels, np.zeros((192, 128)))
    assert turned.startswith(f"{path} is 192x128, its labels 128x192 ({labels})")
    assert "orientation" in turned
    assert "orientation" not in sizes_differ(path, read_rgb(path), labels, np.zeros((64, 64)))


def test_a_folder_gives_its_pictures_in_natural_order_or_says_that_it_may_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("f10.png", "f2.png", "._f1.png", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in pictures_in(tmp_path)] == ["f2.png", "f10.png"]

    def forbidden(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", forbidden)
    with pytest.raises(SetupError, match="cannot be read: Permission denied"):
        pictures_in(tmp_path)
