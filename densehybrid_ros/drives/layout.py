"""Which files belong to which frame of a drive: one layout for LostAndFound, Cityscapes and whatever is arranged so.

`{kind}/{split}/{sequence}/{name}_{kind}.{ext}`, where a sequence is a street or a city.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from densehybrid_ros.errors import SetupError
from densehybrid_ros.pictures import natural_order

LEFT, LEFT_SUFFIX = "leftImg8bit", "_leftImg8bit.png"
OTHER_FILES: dict[str, tuple[tuple[str, str], ...]] = {
    "right": (("rightImg8bit", "_rightImg8bit.png"),),
    "camera": (("camera", "_camera.json"),),
    "disparity": (("disparity", "_disparity.png"),),
    "label_ids": (("gtFine", "_gtFine_labelIds.png"), ("gtCoarse", "_gtCoarse_labelIds.png")),
    "label_train_ids": (("gtFine", "_gtFine_labelTrainIds.png"), ("gtCoarse", "_gtCoarse_labelTrainIds.png")),
    "timestamp": (("timestamp", "_timestamp.txt"),),
}
"""Field of DriveFrame → (folder, end of the file name); of several folders the first that has the split counts."""


@dataclass(frozen=True)
class DriveFrame:
    """The files of one frame; what the drive does not have is None."""

    sequence: str
    """Folder of the street or city, as in `01_Hanns_Klemm_Str_45`."""
    name: str
    """As in `01_Hanns_Klemm_Str_45_000000_000270`."""
    left: Path
    right: Path | None
    camera: Path | None
    disparity: Path | None
    label_ids: Path | None
    label_train_ids: Path | None
    timestamp: Path | None
    """Text file with the time of the picture, ns."""


def find_frames(root: Path, split: str, warn: Callable[[str], None], chosen: Collection[str] = ()) -> list[DriveFrame]:
    """The frames of a split, by sequence and then by name.

    Args:
        root: the folder that holds `leftImg8bit`.
        split: `train`, `val` or `test`.
        warn: told once of every file that a frame lacks and another frame of its sequence has.
        chosen: sequences to look at; none = all.

    Raises:
        SetupError: there is no such split or chosen sequence, or no picture in it.
    """
    pictures = root / LEFT / split
    if not split or not pictures.is_dir():
        raise SetupError(f"{root} has no {LEFT}/{split}; {_splits_at(root)}")
    sequences = _in_order(entry.name for entry in pictures.iterdir() if entry.is_dir())
    if unknown := sorted(set(chosen) - set(sequences)):
        raise SetupError(f"{pictures} has no sequence {', '.join(unknown)}; it has {', '.join(sequences) or 'none'}")
    sequences = [sequence for sequence in sequences if not chosen or sequence in chosen]
    frames = [frame for sequence in sequences for frame in _sequence_frames(root, split, sequence, warn)]
    if not frames:
        raise SetupError(f"{pictures} holds no picture; wanted {{sequence}}/{{name}}{LEFT_SUFFIX}")
    return frames


def _splits_at(root: Path) -> str:
    """What to do instead, for the user."""
    folder = root / LEFT
    if not folder.is_dir():
        return f"give the folder that holds {LEFT}"
    splits = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    return f"it has {', '.join(splits)}" if splits else f"{folder} is empty"


def _sequence_frames(root: Path, split: str, sequence: str, warn: Callable[[str], None]) -> list[DriveFrame]:
    lefts = _files_by_name(root / LEFT / split / sequence, LEFT_SUFFIX)
    others: dict[str, dict[str, Path]] = {}
    for kind, places in OTHER_FILES.items():
        folder, suffix = next(((f, s) for f, s in places if (root / f / split).is_dir()), places[0])
        others[kind] = _files_by_name(root / folder / split / sequence, suffix)
        if others[kind]:
            for name in sorted(lefts.keys() - others[kind].keys()):
                warn(f"{root / folder / split / sequence / (name + suffix)} is missing; other frames have theirs")
    if lefts:
        for name in sorted(set().union(*others.values()) - lefts.keys()):
            left = root / LEFT / split / sequence / (name + LEFT_SUFFIX)
            warn(f"{left} is missing, though other files of the frame are there; the frame is left out")
    return [
        DriveFrame(sequence, name, lefts[name], **{kind: files.get(name) for kind, files in others.items()})
        for name in _in_order(lefts)
    ]


def _files_by_name(folder: Path, suffix: str) -> dict[str, Path]:
    """Frame name → file. Hidden files, such as macOS' `._…` beside unpacked archives, are none."""
    if not folder.is_dir():
        return {}
    files = (entry for entry in folder.iterdir() if not entry.name.startswith(".") and _ends(entry.name, suffix))
    return {entry.name[: -len(suffix)]: entry for entry in files}


def _ends(name: str, suffix: str) -> bool:
    """Whether a name ends so; `.PNG` is a `.png`."""
    return name.lower().endswith(suffix.lower())


def _in_order(names: Iterable[str]) -> list[str]:
    """Numbers count as numbers: a drive's frame2 comes before its frame10."""
    return sorted(names, key=lambda name: natural_order(Path(name)))
