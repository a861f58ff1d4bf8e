"""What the first bytes of a picture say of it, before anything is decoded: its format, its size, whether it is whole.

Decoders believe these numbers: a PNG of 450 bytes with one length changed makes OpenCV 5 take gigabytes of memory
for ten seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack_from

PNG, JPEG, WEBP, BMP = "PNG", "JPEG", "WebP", "BMP"
PNG_START = b"\x89PNG\r\n\x1a\n"
JPEG_START, JPEG_SCAN, JPEG_END = b"\xff\xd8\xff", 0xDA, b"\xff\xd9"
JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of headers with the size; the three others in that range are tables."""
JPEG_ALONE = frozenset(range(0xD0, 0xD9)) | {0x01}
"""Markers without a length behind them."""
Content = bytes | bytearray | memoryview


def format_of(content: Content) -> str:
    """One of the four that are read; "" = another."""
    start = bytes(content[:16])
    if start.startswith(PNG_START):
        return PNG
    if start.startswith(JPEG_START):
        return JPEG
    if start.startswith(b"RIFF") and start[8:15] == b"WEBPVP8":
        return WEBP
    return BMP if start.startswith(b"BM") else ""


def claimed_size(content: Content) -> tuple[int, int] | None:
    """Width and height, px, that the file says it has; None where it does not say, or is of another format."""
    read = {PNG: _png_size, JPEG: _jpeg_size, WEBP: _webp_size, BMP: _bmp_size}.get(format_of(content))
    return read(content) if read and len(content) >= 30 else None


def png_is_whole(content: Content) -> bool:
    """Whether its chunks lie within the file and end with IEND. What is behind may be anything."""
    kinds = [kind for kind, _ in png_chunks(content)]
    return kinds[:1] == [b"IHDR"] and kinds[-1:] == [b"IEND"] and kinds.count(b"IHDR") == 1


def png_chunks(content: Content) -> Iterator[tuple[bytes, Content]]:
    """Kind and data of the parts of a PNG, to its end, or to the first that is not whole."""
    position = len(PNG_START)
    while position + 12 <= len(content):
        (length,) = unpack_from(">I", content, position)
        kind, end = bytes(content[position + 4 : position + 8]), position + 8 + length
        if end + 4 > len(content):
            return
        yield kind, content[position + 8 : end]
        if kind == b"IEND":
            return
        position = end + 4


def jpeg_is_whole(content: bytes) -> bool:
    """Whether the end marker stands behind the start of the pixels.

    Neither the last bytes nor any end marker would tell: cameras append bytes of their own behind it, and the
    thumbnail in the headers has one too. Among the pixels it cannot occur.
    """
    scan = next((position for marker, position in _jpeg_headers(content) if marker == JPEG_SCAN), None)
    return scan is not None and content.find(JPEG_END, scan) >= 0


def _png_size(content: Content) -> tuple[int, int]:
    return unpack_from(">II", content, 16)


def _jpeg_size(content: Content) -> tuple[int, int] | None:
    """From the frame header (SOF), which every JPEG has before its first scan."""
    for marker, position in _jpeg_headers(content):
        if marker in JPEG_FRAMES and position + 9 <= len(content):
            height, width = unpack_from(">HH", content, position + 5)
            return width, height
    return None


def _jpeg_headers(content: Content) -> Iterator[tuple[int, int]]:
    """Marker and place of each part before the pixels, and of the pixels."""
    position = 2
    while position + 4 <= len(content) and content[position] == 0xFF:
        marker = content[position + 1]
        if marker == 0xFF or marker in JPEG_ALONE:
            position += 1 if marker == 0xFF else 2
            continue
        yield marker, position
        if marker == JPEG_SCAN:
            return
        position += 2 + unpack_from(">H", content, position + 2)[0]


def _webp_size(content: Content) -> tuple[int, int] | None:
    """Of a picture with losses, of one without, or of the canvas that all parts lie on."""
    kind = bytes(content[12:16])
    if kind == b"VP8 " and bytes(content[23:26]) == b"\x9d\x01\x2a":
        width, height = unpack_from("<HH", content, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and content[20] == 0x2F:
        (bits,) = unpack_from("<I", content, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        return int.from_bytes(content[24:27], "little") + 1, int.from_bytes(content[27:30], "little") + 1
    return None


def _bmp_size(content: Content) -> tuple[int, int]:
    """OS/2 had 16 bits for each."""
    (header,) = unpack_from("<I", content, 14)
    width, height = unpack_from("<HH" if header == 12 else "<ii", content, 18)
    return abs(width), abs(height)
