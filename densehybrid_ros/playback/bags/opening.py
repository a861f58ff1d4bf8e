"""Which files make up a bag: whatever their names end in, zipped with zstd, and without their metadata."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any
from weakref import finalize

from densehybrid_ros.errors import SetupError
from densehybrid_ros.formats.yaml_files import read_yaml
from densehybrid_ros.playback.bag_files import ENDINGS, METADATA, ZSTD_START, bag_files, first_bytes, unpacked_name
from densehybrid_ros.playback.bags.mcap import MCAP
from densehybrid_ros.playback.bags.recorded import Recorded, RecordedTopic, Storage, Warn, one_line
from densehybrid_ros.playback.bags.ros1 import ROS1
from densehybrid_ros.playback.bags.sqlite import SQLITE
from densehybrid_ros.playback.bags.unpacking import bound_rosbags
from densehybrid_ros.playback.bags.zstd import unpack_file, unpacked

STORAGES = (MCAP, SQLITE, ROS1)
bound_rosbags()


class Workplace:
    """A folder for unpacked files, gone with the bag or with the process."""

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="bag_"))
        finalize(self, rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True)
class Bag:
    """A bag that can be read any number of times."""

    path: Path
    files: list[tuple[Path, Storage]]
    topics: dict[str, str]
    """Kind by name, of the topics that hold messages."""
    counts: dict[str, int]
    """Messages in the files, by topic; −1 = not known."""
    noted: dict[str, int]
    """How many messages the metadata speak of, by topic; {} = there are none."""
    warn: Warn
    workplace: Workplace | None

    def messages(self, topics: Collection[str]) -> Iterator[Recorded]:
        """By time, file after file.

        Raises:
            SetupError: a file cannot be read any more.
        """
        try:
            for path, storage in self.files:
                for message in storage.messages(path, topics, self.warn):
                    # in a damaged index one connection can stand for another
                    if message.topic in topics and message.kind == self.topics.get(message.topic):
                        yield _unpacked(message)
        except OSError as error:
            raise SetupError(f"{self.path} cannot be read: {one_line(error)}; check the disk and its rights") from error


def open_bag(path: Path, warn: Warn) -> Bag:
    """The bag at `path`: a file of one of STORAGES, as it is or with zstd around it, or a folder of them.

    Raises:
        SetupError: nothing there can be read.
    """
    names, noted = _files(path, warn) if path.is_dir() else ([path], {})
    files: list[tuple[Path, Storage]] = []
    topics: dict[str, str] = {}
    counts: dict[str, int] = {}
    problems: list[SetupError] = []
    workplace = _workplace(names)
    warn = _of_given_files(warn, names, workplace)
    for name in names:
        try:
            opened, found = _opened(name, workplace.path if workplace else None, warn)
        except SetupError as error:
            problems.append(SetupError(_with_given_names(str(error), names, workplace)))
            continue
        files.append(opened)
        for each in found:
            topics |= {each.name: each.kind} if each.count else {}
            counts[each.name] = -1 if each.count < 0 else counts.get(each.name, 0) + each.count
    if not files:
        raise problems[0]
    for problem in problems:
        warn(f"{problem}; the other files of the bag are played")
    return Bag(path, files, topics, counts, noted, warn, workplace)


def _workplace(names: list[Path]) -> Workplace | None:
    """For unpacked files, if there are any packed ones."""
    if not any(unpacked_name(name) != name.name or _start(name).startswith(ZSTD_START) for name in names):
        return None
    try:
        return Workplace()
    except OSError as error:
        raise SetupError(f"there is no place to unpack a bag: {one_line(error)}; set TMPDIR to a folder") from error


def _of_given_files(warn: Warn, names: list[Path], workplace: Workplace | None) -> Warn:
    return lambda text: warn(_with_given_names(text, names, workplace))


def _with_given_names(text: str, names: list[Path], workplace: Workplace | None) -> str:
    """Names of files as the user knows them, rather than of what was unpacked."""
    return text.replace(str(workplace.path), str(names[0].parent)) if workplace else text


def _opened(path: Path, workplace: Path | None, warn: Warn) -> tuple[tuple[Path, Storage], list[RecordedTopic]]:
    if _start(path).startswith(ZSTD_START) and workplace is not None:
        inner = workplace / unpacked_name(path)
        unpack_file(path, inner, warn)
        path = inner
    start = _start(path)
    storage = next((each for each in STORAGES if start.startswith(each.start)), None)
    if storage is None:
        found = f"it begins with {start[:8]!r}" if start else "it is empty"
        raise SetupError(f"{path} is no bag (MCAP, sqlite3 or ROS 1): {found}; record or copy it again")
    return (path, storage), storage.topics(path, warn)


def _unpacked(message: Recorded) -> Recorded:
    """Of a bag that was compressed message by message."""
    if not message.data.startswith(ZSTD_START):
        return message
    try:
        return replace(message, data=unpacked(message.data))
    except ValueError as error:
        return replace(message, data=b"", fault=str(error))


def _start(path: Path) -> bytes:
    try:
        return first_bytes(path)
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {one_line(error)}; check the file and its rights") from error


def _files(folder: Path, warn: Warn) -> tuple[list[Path], dict[str, int]]:
    """The files of a bag's folder in the order of recording, and how many messages of each topic they should hold."""
    present, metadata = bag_files(folder), _metadata(folder, warn)
    # by the name alone: no file elsewhere is read, whatever path it is named by
    listed = [folder / Path(name).name for name in _list(metadata, "relative_file_paths") if isinstance(name, str)]
    if missing := [path.name for path in listed if path not in present]:
        warn(f"{folder} lacks {', '.join(missing)}, which its {METADATA} names: what is there is played")
    if not present:
        raise SetupError(f"{folder} holds no bag file ({', '.join(ENDINGS)}), only {METADATA}; copy the whole folder")
    if not listed:
        _refuse_several(folder, present)
    return [path for path in listed if path in present] or present, _noted(metadata)


def _noted(metadata: dict[str, Any]) -> dict[str, int]:
    """Messages by topic, of what has that form."""
    noted: dict[str, int] = {}
    for each in _list(metadata, "topics_with_message_count"):
        topic = each.get("topic_metadata") if isinstance(each, dict) else None
        name = topic.get("name") if isinstance(topic, dict) else None
        if isinstance(name, str) and isinstance(each.get("message_count"), int):
            noted[name] = each["message_count"]
    return noted


def _list(metadata: dict[str, Any], name: str) -> list[Any]:
    found = metadata.get(name)
    return found if isinstance(found, list) else []


def _metadata(folder: Path, warn: Warn) -> dict[str, Any]:
    """{} where there is none that can be read: everything stands in the files, too."""
    path = folder / METADATA
    if not path.is_file():
        warn(f"{folder} has no {METADATA}, as after a crash of the recorder: its files are played by name")
        return {}
    try:
        content = read_yaml(path)["rosbag2_bagfile_information"]
        return content if isinstance(content, dict) else {}
    except (OSError, ValueError, TypeError, KeyError) as error:
        warn(f"{path} is broken ({one_line(error)}): the files beside it are played by name")
        return {}


def _refuse_several(folder: Path, present: list[Path]) -> None:
    if len({_recording(path) for path in present}) > 1:
        names = ", ".join(path.name for path in present)
        raise SetupError(f"{folder} holds several bags ({names}) and no {METADATA} that lists them; give one of them")


def _recording(path: Path) -> str:
    """What the files of one recording have in common: they differ in the number at the end of their names."""
    return path.name.partition(".")[0].rstrip("0123456789").rstrip("_")
