"""What is pasted: cut-outs from negatives in the ADE20K layout, of made shapes, and of inliers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.errors import SetupError
from densehybrid_ros.labels import IGNORE
from densehybrid_ros.pictures import read_labels, read_rgb
from densehybrid_ros.training.datasets.pairs import pair_files

MIN_AREA = 300
"""Pixels; smaller segments carry no texture worth pasting."""
LARGEST_WINDOW = 512
"""px; of larger pictures only a window is looked at for a segment."""

KEPT = 256
"""Pictures that each process keeps decoded."""


@dataclass(frozen=True)
class CutOut:
    """A part of a picture with its outline."""

    image: NDArray[np.uint8]
    """(h, w, 3) RGB."""
    alpha: NDArray[np.float32]
    """(h, w), 0..1."""
    labels: NDArray[np.uint8] | None = None
    """(h, w) trainIds where it is an inlier that keeps its class; None for a negative."""


class NegativeSet:
    """Pictures with segments, in the ADE20K layout: id 0 = other, every other id one segment."""

    def __init__(self, root: Path, split: str = "training") -> None:
        self.pairs = pair_files(root / "images" / split, root / "annotations" / split)
        self._cache: dict[int, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = {}

    def read(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """RGB and segment ids; the last ones are kept decoded, which small sets are whole."""
        if index not in self._cache:
            while len(self._cache) >= KEPT:
                self._cache.pop(next(iter(self._cache)))
            image_path, label_path = self.pairs[index]
            image, segments = read_rgb(image_path), read_labels(label_path)
            if image.shape[:2] != segments.shape:
                raise SetupError(f"{image_path} and its annotation {label_path} differ in size")
            self._cache[index] = image, segments
        return self._cache[index]

    def random_picture(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return self.read(int(rng.integers(len(self.pairs))))


def natural_cutout(negatives: NegativeSet, rng: np.random.Generator) -> CutOut:
    """One connected segment, or two or three that touch; things rather than stuff: little of it lies on the border."""
    for _ in range(10):
        image, segments = negatives.random_picture(rng)
        mask = _random_segment(segments, rng)
        for _ in range(int(rng.choice([0, 1, 2], p=[0.55, 0.3, 0.15]))):
            mask = _with_neighbour(mask, segments, rng)
        if MIN_AREA <= mask.sum() <= 0.5 * mask.size and (_border_share(mask) < 0.15 or rng.random() < 0.15):
            return cut_out(image, mask)
    return made_cutout(negatives, rng)


def made_cutout(negatives: NegativeSet, rng: np.random.Generator) -> CutOut:
    """A made outline (box, ellipse, polygon, sticks) filled with a piece of a negative, a colour or a pattern."""
    size = 96
    mask = _made_outline(size, rng)
    kind = rng.random()
    if kind < 0.5:
        picture, _ = negatives.random_picture(rng)
        side = int(rng.integers(24, min(picture.shape[:2]) // 2))
        top, left = (int(rng.integers(0, extent - side)) for extent in picture.shape[:2])
        texture = cv2.resize(
            picture[top : top + side, left : left + side], (size, size), interpolation=cv2.INTER_LINEAR
        )
    else:
        texture = np.tile(rng.uniform(10, 245, 3).astype(np.float32), (size, size, 1))
        if kind < 0.8:
            texture = _patterned(texture, rng)
        light = rng.uniform(0.55, 1.3, (2, 2)).astype(np.float32)
        texture = texture * cv2.resize(light, (size, size), interpolation=cv2.INTER_LINEAR)[..., None]
        texture = texture + cv2.GaussianBlur(rng.normal(0, 14, (size, size, 3)), (0, 0), float(rng.uniform(0.5, 2)))
    return cut_out(np.clip(texture, 0, 255).astype(np.uint8), mask)


def inlier_cutout(
    image: NDArray[np.uint8], truth: NDArray[np.uint8], classes: int, rng: np.random.Generator
) -> CutOut | None:
    """A connected part of a labelled frame that keeps its class; None where the drawn class gives no fit part."""
    step = max(1, max(truth.shape) // LARGEST_WINDOW)
    present = [label for label in present_ids(truth[::step, ::step]) if label < classes]
    if not present:
        return None
    label = int(rng.choice(present))
    if step > 1:
        image, truth = _window_of_class(image, truth, label, step, rng)
    mask = (truth == label).astype(np.uint8)
    if rng.random() < 0.5:
        # a window of stuff (road, tree, wall) as wide as things are, so that size does not tell either
        mask = mask & _window(mask.shape, rng)
    count, components, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    fit = [index for index in range(1, count) if statistics[index, cv2.CC_STAT_AREA] >= MIN_AREA // 2]
    if not fit:
        return None
    mask = components == int(rng.choice(fit))
    if mask.sum() > 0.35 * mask.size:
        return None
    labels = np.where(mask, np.uint8(label), np.uint8(IGNORE)).astype(np.uint8)
    return cut_out(image, mask, labels)


def released_patch(negatives: NegativeSet, rng: np.random.Generator, side: int = 192) -> CutOut:
    """The hard-edged negative of the authors' released code: short side 384, crop `side`; crops of less than 384 px are
    taken after a jitter of the scale of 0.5–2.

    Its mask is, with p = 0.5, a rectangle with sides from range(16, min(H, W), 8), else the pixels of two ids.
    """
    image, segments = negatives.random_picture(rng)
    jitter = rng.uniform(0.5, 2) if side < 384 else 1.0
    scale = max(384 * jitter, side) / min(segments.shape)
    size = (max(side, round(segments.shape[1] * scale)), max(side, round(segments.shape[0] * scale)))
    image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    segments = cv2.resize(segments, size, interpolation=cv2.INTER_NEAREST)
    top, left = (int(rng.integers(0, extent - side + 1)) for extent in segments.shape)
    image, segments = image[top : top + side, left : left + side], segments[top : top + side, left : left + side]
    mask = np.zeros((side, side), np.float32)
    if rng.random() < 0.5:
        height, width = (int(rng.choice(np.arange(16, side, 8))) for _ in range(2))
        row, column = int(rng.integers(0, side - height + 1)), int(rng.integers(0, side - width + 1))
        mask[row : row + height, column : column + width] = 1
    else:
        ids = present_ids(segments)
        mask = np.isin(segments, rng.choice(ids, min(2, ids.size), replace=False)).astype(np.float32)
    return CutOut(image.astype(np.uint8, copy=False), mask)


def cut_out(image: NDArray[np.uint8], mask: NDArray[np.generic], labels: NDArray[np.uint8] | None = None) -> CutOut:
    """The masked part with a margin of 4 px for the soft edge."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, bottom = max(rows[0] - 4, 0), rows[-1] + 5
    left, right = max(columns[0] - 4, 0), columns[-1] + 5
    window = np.s_[top:bottom, left:right]
    return CutOut(image[window], mask[window].astype(np.float32), None if labels is None else labels[window])


def present_ids(labels: NDArray[np.uint8]) -> NDArray[np.intp]:
    """The ids in a label map, rising; twenty times quicker than np.unique."""
    return np.flatnonzero(cv2.calcHist([np.ascontiguousarray(labels)], [0], None, [256], [0, 256]).ravel())


def _window_of_class(
    image: NDArray[np.uint8], truth: NDArray[np.uint8], label: int, step: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The part of a large picture about a random pixel of a class, out of which a segment is cut."""
    coarse = truth[::step, ::step]
    row, column = divmod(int(rng.choice(np.flatnonzero(coarse == label))), coarse.shape[1])
    top, left = max(0, row * step - LARGEST_WINDOW // 2), max(0, column * step - LARGEST_WINDOW // 2)
    window = np.s_[top : top + LARGEST_WINDOW, left : left + LARGEST_WINDOW]
    return np.ascontiguousarray(image[window]), np.ascontiguousarray(truth[window])


def _random_segment(segments: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.bool_]:
    ids = present_ids(segments)
    chosen = (segments == rng.choice(ids[ids > 0])).astype(np.uint8)
    _, components, statistics, _ = cv2.connectedComponentsWithStats(chosen, connectivity=4)
    return components == statistics[1:, cv2.CC_STAT_AREA].argmax() + 1


def _with_neighbour(
    mask: NDArray[np.bool_], segments: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.bool_]:
    ring = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool) & ~mask
    touching = present_ids(segments[ring][None])
    touching = touching[touching > 0]
    if not touching.size:
        return mask
    grown = mask | (segments == rng.choice(touching))
    return grown if grown.mean() < 0.35 else mask


def _border_share(mask: NDArray[np.bool_]) -> float:
    """Share of the outline's bounding box perimeter that lies on the picture's border."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    perimeter = 2 * (rows[-1] - rows[0] + columns[-1] - columns[0] + 2)
    return float((mask[0].sum() + mask[-1].sum() + mask[:, 0].sum() + mask[:, -1].sum()) / perimeter)


def _window(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A random smooth blob, as a 0/1 mask."""
    height, width = shape
    window = np.zeros((height, width), np.uint8)
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    radii = rng.uniform(10, 90) * rng.uniform(0.5, 1.0, angles.size)
    centre = rng.uniform((0, 0), (width, height))
    points = centre + np.stack([np.cos(angles) * radii, np.sin(angles) * radii * rng.uniform(0.4, 1.6)], 1)
    cv2.fillPoly(window, [points.astype(np.int32)], (1,))
    return window


def _made_outline(size: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    mask = np.zeros((size, size), np.uint8)
    middle, reach = size / 2, size * 0.42
    kind = rng.integers(4)
    if kind == 0:
        aspect = float(np.exp(rng.uniform(-1.2, 1.2)))
        half = reach * np.array([min(1.0, aspect), min(1.0, 1 / aspect)])
        box = ((middle, middle), (2 * half[0], 2 * half[1]), float(rng.normal(0, 8)))
        cv2.fillPoly(mask, [cv2.boxPoints(box).astype(np.int32)], (1,))
    elif kind == 1:
        axes = (int(reach * rng.uniform(0.3, 1)), int(reach * rng.uniform(0.3, 1)))
        cv2.ellipse(mask, (int(middle), int(middle)), axes, float(rng.uniform(0, 180)), 0, 360, (1,), -1)
    elif kind == 2:
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(5, 14)))
        radii = reach * rng.uniform(0.35, 1.0, angles.size)
        points = middle + np.stack([np.cos(angles) * radii, np.sin(angles) * radii], 1)
        cv2.fillPoly(mask, [points.astype(np.int32)], (1,))
    else:
        for _ in range(rng.integers(2, 6)):
            ends = (middle + rng.uniform(-reach, reach, (2, 2))).astype(np.int32)
            cv2.line(mask, ends[0].tolist(), ends[1].tolist(), (1,), int(rng.integers(3, 16)))
    if not mask.any():
        mask[size // 4 : -size // 4, size // 4 : -size // 4] = 1
    return mask.astype(bool)


def _patterned(texture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Stripes, checks or slats of a second colour."""
    size = texture.shape[0]
    rows, columns = np.mgrid[0:size, 0:size]
    period = rng.uniform(6, 30)
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    wave = np.sin(2 * np.pi * (rows * np.sin(angle) + columns * np.cos(angle)) / period)
    if rng.random() < 0.4:
        wave = wave * np.sin(2 * np.pi * (columns * np.sin(angle) - rows * np.cos(angle)) / period)
    second = rng.uniform(0, 255, 3).astype(np.float32)
    return np.where((wave > rng.uniform(-0.5, 0.5))[..., None], second, texture).astype(np.float32)
