"""sqlite3: with SQL where the file is whole, else row by row."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from densehybrid_ros.errors import SetupError
from densehybrid_ros.playback.bag_files import SQLITE_START
from densehybrid_ros.playback.bags.recorded import Progress, Recorded, RecordedTopic, Storage, Warn, one_line

Topics = dict[int, tuple[str, str]]
"""Name and kind by id."""
SMALLEST_ROW = 16
"""Bytes of a message with what stands around it."""
LARGEST_VALUE = 1 << 30
"""Bytes of a message."""
DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError, MemoryError, OverflowError)
"""What sqlite3 raises over damaged bytes: its own errors are worded with them, and sizes are believed."""


def _topics(path: Path, warn: Warn) -> list[RecordedTopic]:
    with closing(_connection(path)) as database:
        topics = _topics_by_id(database, path)
        foreign = [name for name, kind in topics.values() if not kind]
        try:
            counts = dict(database.execute("SELECT topic_id, count(*) FROM messages GROUP BY topic_id"))
        except DAMAGE:
            counts = dict.fromkeys(topics, -1)
    if foreign:
        warn(f"{path}: {', '.join(foreign)} are not serialised as cdr and are left out")
    return [RecordedTopic(name, kind, counts.get(key, 0)) for key, (name, kind) in topics.items() if kind]


def _topics_by_id(database: sqlite3.Connection, path: Path) -> Topics:
    try:
        rows = database.execute("SELECT id, name, type, serialization_format FROM topics").fetchall()
    except DAMAGE as error:
        remedy = f"try: sqlite3 {path} .recover | sqlite3 recovered.db3"
        raise SetupError(f"{path} cannot be read as a rosbag2: {one_line(error)}; {remedy}") from error
    return {key: (str(name), str(kind) if encoding == "cdr" else "") for key, name, kind, encoding in rows}


def _messages(path: Path, names: Collection[str], warn: Warn) -> Iterator[Recorded]:
    with closing(_connection(path)) as database:
        topics = {key: each for key, each in _topics_by_id(database, path).items() if each[0] in names and each[1]}
        progress = Progress()
        marks = ", ".join("?" * len(topics))
        query = f"SELECT topic_id, timestamp, data FROM messages WHERE topic_id IN ({marks}) ORDER BY timestamp"
        try:
            for row in database.execute(query, list(topics)):
                yield progress.note(_message(topics, row))
            return
        except DAMAGE as error:
            reason = one_line(error)
        yield from _remaining(database, path, topics, progress, reason, warn)


def _message(topics: Topics, row: tuple[int, Any, Any]) -> Recorded:
    """Of topic id, time and data; in a damaged file these may be of any type."""
    key, time, data = row
    if isinstance(time, int) and isinstance(data, bytes):
        return Recorded(*topics[key], time, data)
    return Recorded(*topics[key], time if isinstance(time, int) else 0, b"", "its row is damaged")


def _remaining(
    database: sqlite3.Connection, path: Path, topics: Topics, progress: Progress, reason: str, warn: Warn
) -> Iterator[Recorded]:
    """The rows behind `progress` that can be read, one by one."""
    try:
        (last,) = database.execute("SELECT max(id) FROM messages").fetchone()
    except DAMAGE:
        warn(f"{path} is damaged ({reason}): the rest is lost; try: sqlite3 {path} .recover | sqlite3 recovered.db3")
        return
    lost = 0
    # a damaged number may be anything: no more rows are looked for than the file has room for
    last = min(last if isinstance(last, int) else 0, path.stat().st_size // SMALLEST_ROW)
    for row in range(1, last + 1):
        try:
            found = database.execute("SELECT topic_id, timestamp, data FROM messages WHERE id = ?", (row,)).fetchone()
        except DAMAGE:
            lost += 1
            continue
        if found and found[0] in topics and progress.is_behind(message := _message(topics, found)):
            yield message
    warn(f"{path} is damaged ({reason}): {lost} of {last} messages are lost")


def _connection(path: Path) -> sqlite3.Connection:
    """Read-only; the journal that a recorder which was killed has left is taken into account where SQLite can."""
    address = f"file:{quote(str(path.absolute()))}"
    journals = [path.with_name(path.name + ending) for ending in ("-wal", "-journal")]
    left = any(journal.exists() and journal.stat().st_size for journal in journals)
    reason = ""
    for options in ("mode=ro", "immutable=1") if left else ("immutable=1",):
        database = sqlite3.connect(f"{address}?{options}", uri=True, check_same_thread=False)
        try:
            _refuse_what_computes(database)
        except DAMAGE as error:
            reason = one_line(error)
            database.close()
            continue
        return database
    raise SetupError(f"{path} cannot be read as a rosbag2: {reason}; copy it again, or check its rights")


def _refuse_what_computes(database: sqlite3.Connection) -> None:
    """A database can hold queries in place of tables, and columns that are computed: without end, of any size.

    Raises:
        sqlite3.DatabaseError: this one does, or it is damaged.
    """
    if sys.version_info >= (3, 11):
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_VALUE)
    database.execute("PRAGMA trusted_schema = OFF")
    for name in ("topics", "messages"):
        kinds = database.execute("SELECT type FROM sqlite_master WHERE name = ? COLLATE NOCASE", (name,)).fetchall()
        columns = database.execute(f"PRAGMA table_xinfo({name})").fetchall()
        if any(kind != "table" for (kind,) in kinds) or any(column[-1] for column in columns):
            raise sqlite3.DatabaseError(f"its {name} are no plain table")


SQLITE = Storage(SQLITE_START, _topics, _messages)
