"""How cut-outs get into a sample, so that the pasting itself tells nothing about what is inlier and what is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from densehybrid_ros.labels import IGNORE, INLIER, OUTLIER
from densehybrid_ros.training.batches.cutouts import CutOut
from densehybrid_ros.training.batches.geometry import FINE
from densehybrid_ros.training.batches.photometric import hue_and_saturation
from densehybrid_ros.training.batches.sample import Sample

SOLID, CLEAR = 0.75, 0.25
"""Alpha from which a pixel is that of what was pasted, and up to which it stays the picture's."""
SMALLEST = 10
"""px; height of the smallest thing that is pasted."""
LARGEST = 0.6
"""Height of the largest thing, in heights of the crop."""
WIDEST = 0.68
"""Its width, in widths of the crop, where it is not taller than that."""

Labels = TypeVar("Labels", NDArray[np.uint8], Tensor)


@dataclass(frozen=True)
class Placement:
    """Where a cut-out goes: its height in px and the position of its bottom centre."""

    height: float
    bottom: float
    centre: float


def random_placement(
    sample: Sample, ground: NDArray[np.bool_], rng: np.random.Generator, largest: float = LARGEST
) -> Placement:
    """Standing on a ground pixel (p = 0.65), the height growing towards the bottom of the picture, or anywhere.

    Args:
        ground: (256,) ids of the classes on which things stand.
        largest: height of the largest, in heights of the crop.
    """
    height, width = sample.labels.shape
    tall = float(np.exp(rng.uniform(np.log(SMALLEST), np.log(largest * height))))
    step = max(1, height // FINE)
    coarse = sample.labels[::step, ::step]
    spots = np.flatnonzero(ground[coarse])
    if spots.size and rng.random() < 0.65:
        row, column = (step * place for place in divmod(int(rng.choice(spots)), coarse.shape[1]))
        return Placement(tall * (0.4 + 0.6 * row / height), row, column)
    return Placement(tall, rng.uniform(0.2, 1.1) * height, rng.uniform(0, width))


def paste_naturally(sample: Sample, cutout: CutOut, placement: Placement, rng: np.random.Generator) -> Sample:
    """Soft alpha edge, colours moved towards the place, soft shadow under it."""
    # a wide and flat segment would otherwise fill the crop
    widest = max(WIDEST * sample.labels.shape[1], placement.height)
    scaled = _transformed(cutout, placement.height, widest, rng)
    top = round(placement.bottom - scaled.alpha.shape[0])
    left = round(placement.centre - scaled.alpha.shape[1] / 2)
    there, here = _overlap(sample.labels.shape, scaled.alpha.shape, top, left)
    alpha = scaled.alpha[here] * _opacity(rng)
    if alpha.size == 0 or alpha.max() < 0.5:
        return sample
    image = sample.image.copy()
    if rng.random() < 0.7:
        _darken_below(image, placement, scaled.alpha.shape, rng)
    place = image[there].astype(np.float32)
    coloured = _towards_place(scaled.image[here], place, alpha, rng)
    image[there] = place + alpha[..., None] * (coloured - place)
    return _labelled(sample, image, there, alpha, None if scaled.labels is None else scaled.labels[here])


def paste_as_released(sample: Sample, cutout: CutOut, rng: np.random.Generator) -> Sample:
    """The authors' pasting: unchanged pixels, hard edges, a random place."""
    height, width = sample.labels.shape
    patch_height, patch_width = cutout.alpha.shape
    top = int(rng.integers(0, max(1, height - patch_height + 1)))
    left = int(rng.integers(0, max(1, width - patch_width + 1)))
    there, here = _overlap(sample.labels.shape, cutout.alpha.shape, top, left)
    mask = cutout.alpha[here] > 0.5
    image = sample.image.copy()
    image[there][mask] = cutout.image[here][mask]
    return _labelled(sample, image, there, mask.astype(np.float32), None)


def _transformed(cutout: CutOut, height: float, widest: float, rng: np.random.Generator) -> CutOut:
    """Scaled to that height, at most so wide, turned, mirrored, with an edge as soft as a lens makes it."""
    inlier = cutout.labels is not None
    angle = rng.normal(0, 4 if inlier else 18)
    scale = min(height / cutout.alpha.shape[0], widest / cutout.alpha.shape[1])
    stretch = float(np.exp(rng.normal(0, 0.05 if inlier else 0.2)))
    centre = np.array([cutout.alpha.shape[1] / 2, cutout.alpha.shape[0] / 2])
    turn = np.deg2rad(angle)
    linear = scale * np.array([[np.cos(turn) * stretch, -np.sin(turn)], [np.sin(turn) * stretch, np.cos(turn)]])
    if rng.random() < 0.5:
        linear[:, 0] *= -1
    half = np.abs(linear) @ centre
    size = (max(4, int(2 * half[0]) + 6), max(4, int(2 * half[1]) + 6))
    matrix = np.concatenate([linear, (np.array(size) / 2 - linear @ centre)[:, None]], 1).astype(np.float32)
    source = cutout.image
    alpha = cutout.alpha
    if scale < 0.7:
        source = cv2.GaussianBlur(source, (0, 0), 0.35 / scale)
        alpha = cv2.GaussianBlur(alpha, (0, 0), 0.35 / scale)
    image = cv2.warpAffine(source, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(alpha, matrix, size, flags=cv2.INTER_LINEAR)
    softness = float(rng.uniform(0.4, 1.4))
    # blurred, then moved inwards, so that little of the cut-out's old background comes along
    alpha = np.clip(cv2.GaussianBlur(alpha, (0, 0), softness) * 1.3 - 0.3, 0, 1)
    labels = None
    if cutout.labels is not None:
        flat = cv2.warpAffine(cutout.labels, matrix, size, flags=cv2.INTER_NEAREST, borderValue=(IGNORE,))
        labels = flat
    elif rng.random() < 0.4:
        image = hue_and_saturation(image, rng)
    return CutOut(image, alpha, labels)


def _opacity(rng: np.random.Generator) -> float:
    """Mostly 1; a little mist now and then."""
    return 1.0 if rng.random() < 0.85 else float(rng.uniform(0.75, 1.0))


def _overlap(
    shape: tuple[int, ...], patch: tuple[int, ...], top: int, left: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Slices into the picture and into the patch where the two meet; empty where they do not."""
    rows = slice(max(top, 0), max(min(top + patch[0], shape[0]), 0))
    columns = slice(max(left, 0), max(min(left + patch[1], shape[1]), 0))
    here = slice(rows.start - top, max(rows.stop - top, 0)), slice(columns.start - left, max(columns.stop - left, 0))
    return (rows, columns), here


def _towards_place(
    cutout: NDArray[np.uint8], place: NDArray[np.float32], alpha: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Mean and deviation of the cut-out moved part of the way to those of the place it covers, per channel."""
    pixels = cutout.astype(np.float32)
    weight = alpha / max(float(alpha.sum()), 1e-6)
    own_mean = np.tensordot(weight, pixels, 2)
    own_deviation = np.sqrt(np.tensordot(weight, (pixels - own_mean) ** 2, 2)) + 4
    place_mean = place.mean((0, 1))
    place_deviation = place.std((0, 1)) + 4
    share = rng.uniform(0, 0.75)
    brightness = rng.normal(0, 18)
    mean = own_mean + share * (place_mean - own_mean) + brightness
    ratio = np.clip((place_deviation / own_deviation) ** (share * 0.5), 0.4, 2.0)
    return np.clip((pixels - own_mean) * ratio + mean, 0, 255)


def _darken_below(
    image: NDArray[np.uint8], placement: Placement, patch: tuple[int, ...], rng: np.random.Generator
) -> None:
    """A soft shadow at the foot, in place: an ellipse, shifted to a random side."""
    height, width = image.shape[:2]
    half_width = patch[1] * rng.uniform(0.35, 0.8)
    half_height = max(1.5, patch[0] * rng.uniform(0.04, 0.2))
    centre_x = placement.centre + rng.normal(0, 0.25) * patch[1]
    centre_y = placement.bottom - 0.5 * half_height
    reach_x, reach_y = int(2 * half_width) + 2, int(2 * half_height) + 2
    rows = np.arange(max(int(centre_y) - reach_y, 0), min(int(centre_y) + reach_y, height))
    columns = np.arange(max(int(centre_x) - reach_x, 0), min(int(centre_x) + reach_x, width))
    if not rows.size or not columns.size:
        return
    distance = ((columns - centre_x) / half_width)[None] ** 2 + ((rows - centre_y) / half_height)[:, None] ** 2
    gain = 1 - rng.uniform(0.2, 0.7) * np.exp(-distance)
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    image[window] = image[window] * gain[..., None]


def _labelled(
    sample: Sample,
    image: NDArray[np.uint8],
    there: tuple[slice, slice],
    alpha: NDArray[np.float32],
    labels: NDArray[np.uint8] | None,
) -> Sample:
    """The sample with the new picture and the labels of what was pasted."""
    semantic, dataset = sample.labels.copy(), sample.dataset_labels.copy()
    label_pasted(semantic[there], dataset[there], alpha, labels)
    return Sample(image, semantic, dataset)


def label_pasted(labels: Labels, dataset_labels: Labels, alpha: Any, own: Any = None) -> None:
    """The one rule for the edge of what is pasted, in place: where its pixels are mixed with the picture's there is no
    label at all, within it an outlier, or the labels that it brings along.

    Args:
        labels, dataset_labels: (h, w) of the place.
        alpha: (h, w) of what was pasted, 0..1.
        own: (h, w) labels of an inlier, 255 = ignore; None for a negative.
    """
    pasted, solid = alpha > CLEAR, alpha >= SOLID
    labels[pasted] = IGNORE
    dataset_labels[pasted] = IGNORE
    if own is None:
        dataset_labels[solid] = OUTLIER
    else:
        labels[solid] = own[solid]
        dataset_labels[solid & (own != IGNORE)] = INLIER
