"""MCAP without its index: record after record, as far as the file is whole. For files that rosbags refuses.

Format: https://mcap.dev/spec. Every record is one byte that says what it is, 8 bytes of length, and its contents.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from densehybrid_ros.playback.bag_files import MCAP_START
from densehybrid_ros.playback.bags.recorded import Recorded, one_line
from densehybrid_ros.playback.bags.unpacking import CHUNKS, LARGEST_UNPACKED
from densehybrid_ros.playback.bags.zstd import whole_part

SCHEMA, CHANNEL, MESSAGE, CHUNK, CHUNK_INDEX, DATA_END = 0x03, 0x04, 0x05, 0x06, 0x08, 0x0F
LAST_KIND = DATA_END
"""Records of higher kinds are private to their writers, from 0x80 on."""
PRIVATE = 0x80
RECORD = struct.Struct("<BQ")
MESSAGE_START = struct.Struct("<HIQQ")
CHUNK_START = struct.Struct("<QQQI")
FOOTER_SIZE = 37
"""Bytes of the last record and the magic behind it."""


class Remains:
    """What can be read of a file, and what was lost when it has been."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.topics: dict[int, tuple[str, str]] = {}
        """Name and kind by channel."""
        self.foreign: dict[str, str] = {}
        """Encoding of the topics that are no CDR."""
        self.lost_bytes = self.lost_chunks = 0
        self.faults: list[str] = []
        self._kinds: dict[int, str] = {}

    def messages(self) -> Iterator[Recorded]:
        """By time within every chunk, else as they lie in the file."""
        size = self.path.stat().st_size
        with self.path.open("rb") as file:
            starts = _chunk_starts(file, size)
            file.seek(len(MCAP_START))
            while (position := file.tell()) < size:
                yield from self._stretch(file, size)
                # behind bytes that are no record, the index says where the next one begins
                if file.tell() < size:
                    behind = bisect_right(starts, file.tell())
                    target = starts[behind] if behind < len(starts) else size
                    self.lost_bytes += target - file.tell()
                    file.seek(target)
                assert file.tell() > position

    def loss(self) -> str:
        """What could not be read; "" = nothing."""
        chunks = f"{self.lost_chunks} chunks ({self.faults[0]})" if self.lost_chunks else ""
        rest = f"{self.lost_bytes} of {self.path.stat().st_size} bytes" if self.lost_bytes else ""
        return " and ".join(filter(None, (chunks, rest)))

    def _stretch(self, file: BinaryIO, size: int) -> Iterator[Recorded]:
        """Records up to the end, or to what is none; the file stands there then."""
        while True:
            position = file.tell()
            head = file.read(RECORD.size)
            kind, length = RECORD.unpack(head) if len(head) == RECORD.size else (0, 0)
            fits = file.tell() + length <= size
            if kind == DATA_END and fits:
                file.seek(size)
                return
            if kind == 0 or LAST_KIND < kind < PRIVATE or (not fits and kind != CHUNK):
                file.seek(position)
                return
            yield from self._record(kind, file.read(min(length, size)), fits)

    def _record(self, kind: int, content: bytes, is_whole: bool) -> Iterator[Recorded]:
        try:
            if kind == CHUNK:
                yield from self._chunk(content, is_whole)
            elif kind == SCHEMA:
                self._kinds[struct.unpack_from("<H", content)[0]] = _kind_name(_texts(content[2:], 1)[0])
            elif kind == CHANNEL:
                self._channel(content)
            elif kind == MESSAGE:
                yield from self._message(content)
        except (struct.error, UnicodeDecodeError) as error:
            self._note_chunk(one_line(error))

    def _channel(self, content: bytes) -> None:
        channel, schema = struct.unpack_from("<HH", content)
        topic, encoding = _texts(content[4:], 2)
        if encoding == "cdr":
            self.topics[channel] = topic, self._kinds.get(schema, "")
        else:
            self.foreign[topic] = encoding

    def _message(self, content: bytes) -> Iterator[Recorded]:
        channel, _, time, _ = MESSAGE_START.unpack_from(content)
        if channel in self.topics:
            yield Recorded(*self.topics[channel], time, content[MESSAGE_START.size :])

    def _chunk(self, content: bytes, is_whole: bool) -> Iterator[Recorded]:
        try:
            records = _unpacked_chunk(content, is_whole)
        except Exception as error:  # of three libraries for compression
            self._note_chunk(one_line(error))
            return
        messages: list[Recorded] = []
        try:
            for kind, record in _records(records):
                if kind != CHUNK:  # none holds another one
                    messages += self._record(kind, record, True)
        except EOFError:
            is_whole = False
        yield from sorted(messages, key=lambda message: message.time)
        if not is_whole:
            self._note_chunk("cut off")

    def _note_chunk(self, fault: str) -> None:
        self.lost_chunks += 1
        self.faults.append(fault)


def _records(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and contents.

    Raises:
        EOFError: the last one is not whole.
    """
    position = 0
    while position < len(content):
        begin = position + RECORD.size
        kind, length = RECORD.unpack_from(content, position) if begin <= len(content) else (0, len(content))
        position = begin + length
        if position > len(content):
            raise EOFError
        yield kind, content[begin:position]


def _unpacked_chunk(content: bytes, is_whole: bool) -> bytes:
    """The records of a chunk; of one that is cut off as many bytes as are there.

    Raises:
        ValueError: its bytes are not what was written.
    """
    _, _, size, checksum = CHUNK_START.unpack_from(content)
    (compression,) = _texts(content[CHUNK_START.size :], 1)
    data = content[CHUNK_START.size + 4 + len(compression) + 8 :]
    if not is_whole:
        return {"": lambda: data, "zstd": lambda: whole_part(data)}.get(compression, bytes)()
    if size > LARGEST_UNPACKED:
        raise ValueError(f"it claims {size} bytes")
    records = CHUNKS[compression](data, size)
    if len(records) != size or (checksum and crc32(records) != checksum):
        raise ValueError("checksum mismatch")
    return records


def _chunk_starts(file: BinaryIO, size: int) -> list[int]:
    """Where the index at the end of the file says that chunks begin; [] where there is none."""
    if size < FOOTER_SIZE:
        return []
    file.seek(size - FOOTER_SIZE)
    footer = file.read(FOOTER_SIZE)
    begin = struct.unpack_from("<Q", footer, RECORD.size)[0]
    if not footer.endswith(MCAP_START) or not 0 < begin < size:
        return []
    file.seek(begin)
    starts: list[int] = []
    with suppress(EOFError, struct.error):  # the magic follows
        for kind, record in _records(file.read(size - begin)):
            starts += struct.unpack_from("<Q", record, 16) if kind == CHUNK_INDEX else ()
    return sorted(start for start in starts if start < size)


def _texts(content: bytes, count: int) -> list[str]:
    """The first texts, each behind 4 bytes of length."""
    found, position = [], 0
    for _ in range(count):
        (length,) = struct.unpack_from("<I", content, position)
        found.append(content[position + 4 : position + 4 + length].decode())
        position += 4 + length
    return found


def _kind_name(name: str) -> str:
    """As rosbag2 writes it; other writers leave the middle out."""
    package, _, kind = name.partition("/")
    return name if "/" in kind else f"{package}/msg/{kind}"
