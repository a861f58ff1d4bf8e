"""python benchmarks/false_alarms.py CITYSCAPES --weights A B [--out DIR]: what weights take for unknown, and is not.

Pictures of Cityscapes with its labelIds, in which the ids of things that may be unknown (static, dynamic) are left out:
whatever else is beyond the threshold stored with the weights is a false alarm. Printed are, for each kind of thing and
each weights, the share of its pixels, and how many connected false alarms of 50 pixels and more of the network's size
there are in a picture. `--out` writes the worst pictures of the first weights, one below the other for each weights.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.core.drawing.draw import overlay
from densehybrid_ros.core.segmenter import Segmenter
from densehybrid_ros.metrics.table import markdown_lines
from densehybrid_ros.pictures import read_labels, read_rgb, write_picture
from densehybrid_ros.progress import progress_bar
from densehybrid_ros.training.datasets import labelled_set

KINDS = {1: "ego vehicle", 6: "ground", 7: "road", 8: "sidewalk", 9: "parking", 10: "rail track", 17: "pole"}
KINDS |= {19: "traffic light", 20: "traffic sign", 21: "vegetation", 22: "terrain", 23: "sky", 11: "building"}
KINDS |= {12: "wall", 13: "fence", 24: "person", 25: "rider", 26: "car", 27: "truck", 28: "bus", 31: "train"}
KINDS |= {32: "motorcycle", 33: "bicycle"}
MAY_BE_UNKNOWN = (4, 5)
"""Static and dynamic."""
LEAST_PIXELS = 50
MARGIN = 9
"""px about what may be unknown, whose edges nobody has labelled exactly."""


@dataclass
class Alarms:
    """Of one weights, over pictures."""

    seen: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    flagged: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    regions: int = 0
    area: list[int] = field(default_factory=list[int])
    """Pixels of each picture."""

    def add(self, alarm: NDArray[np.bool_], ids: NDArray[np.uint8]) -> None:
        """Alarms (H, W), and labelIds of the same shape."""
        self.seen += np.bincount(ids.ravel(), minlength=256)
        self.flagged += np.bincount(ids[alarm], minlength=256)
        self.area.append(int(alarm.sum()))
        sizes = cv2.connectedComponentsWithStats(alarm.astype(np.uint8), connectivity=8)[2][1:, cv2.CC_STAT_AREA]
        self.regions += int((sizes >= LEAST_PIXELS).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--split", default="val")
    parser.add_argument("--weights", nargs="+", required=True)
    parser.add_argument("--score", default="hybrid")
    parser.add_argument("--stride", type=int, default=1, help="every n-th picture")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--worst", type=int, default=6)
    arguments = parser.parse_args()
    segmenters = [Segmenter.load(path) for path in arguments.weights]
    pairs = labelled_set("cityscapes", arguments.root, arguments.split).pairs[:: arguments.stride]
    counts = [Alarms() for _ in segmenters]
    for picture, labels in progress_bar(pairs, unit="picture", leave=False):
        image, ids = read_rgb(picture), read_labels(labels)
        for segmenter, count in zip(segmenters, counts, strict=True):
            count.add(*alarms(segmenter, image, ids, arguments.score))
    print("\n".join(table(arguments.weights, counts)))
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        for index in np.argsort(counts[0].area)[::-1][: arguments.worst]:
            picture = pairs[index][0]
            shown = drawn(segmenters, read_rgb(picture), arguments.score)
            write_picture(arguments.out / f"{picture.stem}.jpg", cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))


def alarms(
    segmenter: Segmenter, image: NDArray[np.uint8], ids: NDArray[np.uint8], score: str
) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
    """Where an alarm is false, and the labelIds, both of the network's size."""
    open_set = segmenter.batch([image], score=score, parts=("open_set",), at_network_size=True).scenes[0].open_set
    size = (open_set.shape[1], open_set.shape[0])
    small = cv2.resize(ids, size, interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    unknown = np.isin(small, MAY_BE_UNKNOWN).astype(np.uint8)
    near = cv2.dilate(unknown, np.ones((MARGIN, MARGIN), np.uint8)) > 0
    return (open_set == segmenter.classes) & ~near, small


def table(weights: list[str], counts: list[Alarms]) -> list[str]:
    """A row for each kind, in Markdown."""
    rows = [("false alarms a picture", *(f"{count.regions / len(count.area):.1f}" for count in counts))]
    for kind, name in KINDS.items():
        if counts[0].seen[kind]:
            shares = [100 * count.flagged[kind] / count.seen[kind] for count in counts]
            rows.append((name, *(f"{share:.2f} %" for share in shares)))
    return markdown_lines([("", *(Path(path).stem for path in weights)), *rows])


def drawn(segmenters: list[Segmenter], image: NDArray[np.uint8], score: str) -> NDArray[np.uint8]:
    """What each of them sees, one below the other."""
    size = (1024, 1024 * image.shape[0] // image.shape[1])
    shown = [overlay(image, segmenter(image, score=score), segmenter.info.palette, 0.35) for segmenter in segmenters]
    return np.concatenate([cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in shown]).astype(np.uint8)


if __name__ == "__main__":
    main()
