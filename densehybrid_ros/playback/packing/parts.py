"""A bag made sequence by sequence: what a killed run has finished is not done again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any

from tqdm import tqdm

from densehybrid_ros.drives.layout import DriveFrame
from densehybrid_ros.errors import SetupError
from densehybrid_ros.files import write_whole
from densehybrid_ros.playback.packing.bag_writer import new_bag, raw_messages
from densehybrid_ros.playback.packing.bundles import MessageOptions
from densehybrid_ros.playback.packing.messages import frame_messages
from densehybrid_ros.progress import progress_bar

FORMAT = 1
"""To be raised when the same files and options give other messages than before."""


@dataclass(frozen=True)
class Part:
    """One finished sequence."""

    bag: Path
    frames: int
    messages: int
    warnings: list[str]
    """What was left out, and why; told again when the part is used again."""


def parts_folder(out: Path) -> Path:
    return out.with_name(f"{out.name}.parts")


def write_drive(
    frames: list[DriveFrame], stamps: list[int], options: MessageOptions, out: Path, warn: Callable[[str], None]
) -> list[Part]:
    """All frames as one bag file; unfinished work lies in `OUT.parts` until the bag is whole.

    Args:
        frames: sequence after sequence.
        stamps: ns, one per frame, rising.
        options: of the messages.
        out: ends in `.mcap` or `.db3`.
        warn: told of everything that is left out.

    Raises:
        SetupError: no usable frame at all, or something cannot be written.
    """
    folder = parts_folder(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{folder} cannot be made: {error.strerror}; give another place for the bag") from error
    parts: list[Part] = []
    with progress_bar(total=len(frames), desc="convert", unit="frame") as progress:
        for number, (sequence, group) in enumerate(groupby(zip(frames, stamps, strict=True), _sequence_of)):
            members = list(group)
            bag = folder / f"{number:04d}_{sequence}.part.mcap"
            part = _finished_part(bag, _origin(members, options))
            if part is None:
                part = _write_part(bag, members, options, progress)
            else:
                progress.update(len(members))
            for text in part.warnings:
                warn(text)
            parts.append(part)
    if not any(part.frames for part in parts):
        _remove(folder)
        raise SetupError(f"none of {len(frames)} frames can be used; mend the files that are named above")
    _join(parts, out, folder)
    _remove(folder)
    return parts


def _sequence_of(member: tuple[DriveFrame, int]) -> str:
    return member[0].sequence


def _origin(members: list[tuple[DriveFrame, int]], options: MessageOptions) -> dict[str, Any]:
    """What a part is made from: any difference makes it anew."""
    sources = [
        [str(path), *_size_and_time(path)]
        for frame, _ in members
        for path in (getattr(frame, each.name) for each in fields(frame))
        if isinstance(path, Path)
    ]
    stamps = [stamp for _, stamp in members]
    return {"format": FORMAT, "options": asdict(options), "stamps": stamps, "sources": sources}


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:  # a dead link, of which reading it will tell
        return (-1, -1)
    return (status.st_size, status.st_mtime_ns)


def _finished_part(bag: Path, origin: dict[str, Any]) -> Part | None:
    """The part that an earlier run has finished from the same files and options, if any."""
    try:
        note = json.loads(bag.with_suffix(".json").read_bytes())
        if note["origin"] != origin or note["size"] != bag.stat().st_size:
            return None
        return Part(bag, note["frames"], note["messages"], note["warnings"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_part(bag: Path, members: list[tuple[DriveFrame, int]], options: MessageOptions, progress: tqdm[Any]) -> Part:
    note = bag.with_suffix(".json")
    note.unlink(missing_ok=True)  # the note makes the part valid, so it goes first and comes last
    origin = _origin(members, options)
    warnings: list[str] = []
    frame_count = message_count = 0
    with new_bag(bag, bag.with_suffix(".writing")) as opened:
        for frame, stamp in members:
            messages = frame_messages(frame, stamp, options, warnings.append)
            for message in messages:
                opened.write(message)
            frame_count += bool(messages)
            message_count += len(messages)
            progress.update()
    table = {"origin": origin, "size": bag.stat().st_size, "frames": frame_count, "messages": message_count}
    write_whole(note, json.dumps(table | {"warnings": warnings}))
    return Part(bag, frame_count, message_count, warnings)


def _join(parts: list[Part], out: Path, folder: Path) -> None:
    total = sum(part.messages for part in parts)
    with (
        new_bag(out, folder / "join.writing") as joined,
        progress_bar(total=total, desc="join", unit="message") as progress,
    ):
        for part in parts:
            if part.messages == 0:
                continue
            for message in raw_messages(part.bag):
                joined.write(message)
                progress.update()


def _remove(folder: Path) -> None:
    """What this module has put into the folder, also in earlier runs; the folder too, if it is empty then."""
    for entry in (*folder.glob("*.part.mcap"), *folder.glob("*.part.json")):
        entry.unlink(missing_ok=True)
    for entry in folder.glob("*.writing"):
        shutil.rmtree(entry, ignore_errors=True)
    with suppress(OSError):
        folder.rmdir()
