"""Photometric change over the whole finished picture, pasted parts included.

It has two tasks: to make up for the single camera of a small data set (night, fog, sodium light, other sensors), and
to leave no statistic by which a pasted part could be told from its surroundings.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def photometric_change(image: Image, rng: np.random.Generator, strength: float = 1.0) -> Image:
    """A random chain of light, atmosphere, colour and sensor effects; (H, W, 3) uint8 → the same.

    `strength` scales the probability of every effect; 0 returns the picture unchanged.
    """
    for probability, effect in EFFECTS:
        if rng.random() < probability * strength:
            image = effect(image, rng)
    return image


def cast_shadows(image: Image, rng: np.random.Generator) -> Image:
    """Soft-edged shadows (or light patches) of random polygons: no obstacle casts them, so none is to be seen."""
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    for _ in range(rng.integers(1, 5)):
        centre = rng.uniform((0, height * 0.3), (width, height))
        reach = rng.uniform(0.05, 0.5) * width
        squeeze = rng.uniform(0.1, 0.6)
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 9)))
        radii = reach * rng.uniform(0.3, 1.0, angles.size)
        points = centre + np.stack([np.cos(angles) * radii, np.sin(angles) * radii * squeeze], 1)
        cv2.fillPoly(mask, [points.astype(np.int32)], (255,))
    soft = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.7, 6)))
    factor = float(rng.uniform(0.35, 0.85) if rng.random() < 0.8 else rng.uniform(1.1, 1.5))
    return lit(image, 1 + (factor - 1) * (soft.astype(np.float32) / 255))


def draw_lines(image: Image, rng: np.random.Generator) -> Image:
    """Faint lines in the lower half: cracks, wires' shadows, worn marks, tyre traces, snow and rain in flight."""
    height, width = image.shape[:2]
    drawn = image.copy()
    colour = int(rng.integers(0, 256))
    short = rng.random() < 0.4
    for _ in range(int(rng.integers(10, 60)) if short else int(rng.integers(1, 6))):
        start = rng.uniform((0, 0 if short else height * 0.4), (width, height))
        reach = rng.uniform(2, 14) if short else rng.uniform(40, 300)
        angle = rng.normal(np.pi / 2, 0.4) if short else rng.uniform(0, np.pi)
        end = start + reach * np.array([np.cos(angle), np.sin(angle)])
        thickness = int(rng.integers(1, 3 if short else 6))
        cv2.line(drawn, _pixel(start), _pixel(end), (colour, colour, colour), thickness, cv2.LINE_AA)
    return cv2.addWeighted(image, 0.5, drawn, 0.5, 0).astype(np.uint8) if rng.random() < 0.6 else drawn


def uneven_light(image: Image, rng: np.random.Generator) -> Image:
    """A smooth field of light: low sun, lamps, head-lights, dirty lens."""
    height, width = image.shape[:2]
    field = rng.uniform(0.55, 1.5, (int(rng.integers(2, 5)), int(rng.integers(2, 5)))).astype(np.float32)
    return lit(image, cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC))


def head_lights(image: Image, rng: np.random.Generator) -> Image:
    """Night: all dark but a warm pool of light low in the picture."""
    height, width = image.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    centre_x, centre_y = rng.uniform(0.3, 0.7) * width, rng.uniform(0.6, 1.0) * height
    radius_x, radius_y = rng.uniform(0.3, 0.8) * width, rng.uniform(0.2, 0.6) * height
    pool = np.exp(-(((columns - centre_x) / radius_x) ** 2) - ((rows - centre_y) / radius_y) ** 2)
    ambient = rng.uniform(0.06, 0.3)
    tint = np.array([1.0, rng.uniform(0.7, 1.0), rng.uniform(0.3, 0.9)], np.float32)
    return to_uint8(image * ((ambient + (rng.uniform(0.5, 1.1) - ambient) * pool)[..., None] * tint))


def fog(image: Image, rng: np.random.Generator) -> Image:
    """Grey veil, thickest at a random height (the horizon) and thinner below it."""
    height = image.shape[0]
    horizon = rng.uniform(0.1, 0.6) * height
    rows = np.arange(height, dtype=np.float32)
    below = np.maximum(rows - horizon, 0) / height
    veil = rng.uniform(0.3, 0.95) * np.exp(-below * rng.uniform(1.5, 8))
    colour = rng.uniform(120, 235) * rng.uniform(0.94, 1.06, 3)
    return to_uint8(image * (1 - veil)[:, None, None] + veil[:, None, None] * colour)


def tone(image: Image, rng: np.random.Generator) -> Image:
    """Exposure, contrast, gamma and white balance, by one look-up table per channel."""
    levels = np.arange(256, dtype=np.float32) / 255
    gamma = np.exp(rng.uniform(-0.45, 0.45))
    exposure = np.exp(rng.uniform(-0.55, 0.4))
    contrast, pivot = np.exp(rng.uniform(-0.4, 0.3)), rng.uniform(0.3, 0.6)
    cast = 0.4 if rng.random() < 0.15 else 0.1
    table = np.empty((1, 256, 3), np.uint8)
    for channel in range(3):
        gain = exposure * np.exp(rng.uniform(-cast, cast))
        curve = (np.clip(levels * gain, 0, None) ** gamma - pivot) * contrast + pivot
        table[0, :, channel] = to_uint8(curve * 255)
    return cv2.LUT(image, table)


def hue_and_saturation(image: Image, rng: np.random.Generator) -> Image:
    """Hue turned by up to 12°, saturation scaled by 0..1.7."""
    levels = np.arange(256)
    hue = (levels + int(rng.integers(-6, 7))) % 180
    saturation = np.clip(levels * rng.uniform(0.0, 1.7), 0, 255)
    table = np.stack([hue, saturation, levels], 1).astype(np.uint8)[None]
    turned = cv2.LUT(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), table)
    return cv2.cvtColor(turned, cv2.COLOR_HSV2RGB)


def blur(image: Image, rng: np.random.Generator) -> Image:
    """Out of focus, in motion, or resampled from fewer pixels."""
    height, width = image.shape[:2]
    kind = rng.integers(3)
    if kind == 0:
        return cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.8)))
    if kind == 1:
        reach = int(rng.integers(3, 8))
        kernel = np.zeros((reach, reach), np.float32)
        angle = rng.uniform(0, np.pi)
        offset = np.array([np.cos(angle), np.sin(angle)]) * reach / 2
        centre = np.array([reach / 2, reach / 2])
        cv2.line(kernel, _pixel(centre - offset), _pixel(centre + offset), (1,), 1)
        return cv2.filter2D(image, -1, kernel / max(kernel.sum(), 1))
    factor = rng.uniform(0.4, 0.9)
    small = cv2.resize(image, (int(width * factor), int(height * factor)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def sharpen(image: Image, rng: np.random.Generator) -> Image:
    """Unsharp mask, as many cameras apply it."""
    smooth = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.7, 2)))
    amount = float(rng.uniform(0.3, 1.5))
    return cv2.addWeighted(image, 1 + amount, smooth, -amount, 0)


def sensor_noise(image: Image, rng: np.random.Generator) -> Image:
    """Gaussian noise, white or (half of the time) of a coarser grain."""
    height, width = image.shape[:2]
    sigma = float(np.exp(rng.uniform(np.log(1.5), np.log(18))))
    grain = 1 if rng.random() < 0.5 else 2
    # OpenCV's generator is thrice as quick as NumPy's, and seeded for every picture
    cv2.setRNGSeed(int(rng.integers(2**31)))
    noise = np.empty((-(-height // grain), -(-width // grain), 3), np.int16)
    cv2.randn(noise, (0, 0, 0), (sigma, sigma, sigma))
    if grain > 1:
        noise = cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.add(image, noise, dtype=cv2.CV_8U)


def jpeg(image: Image, rng: np.random.Generator) -> Image:
    """Compression at quality 20..85."""
    done, coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 86))])
    assert done
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert decoded is not None
    return decoded


EFFECTS = (
    (0.30, cast_shadows),
    (0.15, draw_lines),
    (0.30, uneven_light),
    (0.12, fog),
    (0.85, tone),
    (0.05, head_lights),
    (0.60, hue_and_saturation),
    (0.30, blur),
    (0.15, sharpen),
    (0.50, sensor_noise),
    (0.25, jpeg),
)
"""(probability, effect), in the order in which light, air, lens, sensor and coder act."""


def lit(image: Image, gain: NDArray[np.floating]) -> Image:
    """Every channel times the (H, W) gain."""
    return cv2.multiply(image, cv2.merge([gain, gain, gain]), dtype=cv2.CV_8U)


def to_uint8(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Clipped to 0..255."""
    return np.clip(values, 0, 255).astype(np.uint8)


def _pixel(point: NDArray[np.floating]) -> tuple[int, int]:
    return int(point[0]), int(point[1])
