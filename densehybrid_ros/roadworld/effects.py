"""From albedo to a photograph: sky, light, fog, wet mirror, falling rain or snow, lens and sensor."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from densehybrid_ros.camera import Pinhole
from densehybrid_ros.roadworld.noise import fractal_noise, sample_tile
from densehybrid_ros.roadworld.style import Style

Picture = NDArray[np.floating]
"""(H, W, 3) float32; where a Python number is a factor, NumPy's stubs allow for float64."""
"""(H, W, 3), 0..1 and above."""


def sky(style: Style, seed: int, camera: Pinhole) -> Picture:
    """(H, W, 3): gradient and clouds, far away and so the same for both cameras."""
    rows, columns = np.mgrid[0 : camera.height, 0 : camera.width].astype(np.float32)
    height = np.clip((camera.cy - rows) / camera.fy, 0, 2)
    share = np.clip(height * 1.6, 0, 1)[..., None]
    picture = np.array(style.sky_bottom, np.float32) * (1 - share) + np.array(style.sky_top, np.float32) * share
    tile = fractal_noise(256, np.random.default_rng([seed, 6]), 2, 0.55)
    # a flat ceiling of cloud: seen at a distance of 1/height
    distance = 1 / np.maximum(height, 0.04)
    clouds = sample_tile(tile, (columns - camera.cx) / camera.fx * distance * 12, distance * 12)
    cover = np.clip((clouds + 2.4 * style.cloudiness - 1.4) * 0.7, 0, 1) * np.clip(height * 6, 0, 1)
    white = np.array(style.sky_bottom, np.float32) * (0.9 + 0.12 * clouds)[..., None]
    return (picture + 0.85 * cover[..., None] * (white - picture)).astype(np.float32)


def light_up(albedo: Picture, depth: NDArray[np.float32], style: Style, seed: int, camera: Pinhole) -> Picture:
    """Ambient light, and at night and dusk the camera car's head-lights and the pools of street lamps."""
    lit = albedo * np.array(style.ambient, np.float32)
    if style.light not in ("night", "dusk"):
        return lit
    rng = np.random.default_rng([seed, 7])
    columns = (np.arange(camera.width, dtype=np.float32) - camera.cx) / camera.fx
    rows = (np.arange(camera.height, dtype=np.float32) - camera.cy) / camera.fy
    beam = np.exp(-((columns / rng.uniform(0.3, 0.6)) ** 2))[None] * np.exp(-(((rows - 0.12) / 0.25)[:, None] ** 2))
    reach = np.exp(-depth / rng.uniform(12, 30)) * np.clip(depth / 4, 0.3, 1)
    warm = np.array([1.0, rng.uniform(0.8, 0.97), rng.uniform(0.5, 0.9)], np.float32) * rng.uniform(0.6, 1.3)
    lit = lit + albedo * (beam * reach)[..., None] * warm
    sodium = np.array([1.0, 0.62, 0.22], np.float32) * rng.uniform(0.0, 0.7)
    return lit + albedo * np.exp(-depth / 60)[..., None] * sodium


def add_fog(picture: Picture, depth: NDArray[np.float32], covered: NDArray[np.float32], style: Style) -> Picture:
    """Beer–Lambert towards the colour of the haze, over the `covered` (H, W) share of each pixel; the rest is black."""
    through = np.exp(-style.fog_density * np.minimum(depth, 1000))[..., None]
    return (picture * through + np.array(style.haze, np.float32) * (1 - through) * covered[..., None]).astype(
        np.float32
    )


def mirror_wet(picture: Picture, wet: NDArray[np.float32], first_row: int, camera: Pinhole) -> Picture:
    """The scene above the horizon, mirrored and smeared downwards, over wet ground."""
    rows = np.arange(first_row, camera.height)
    above = np.clip(np.round(2 * camera.cy - rows), 0, camera.height - 1).astype(int)
    mirrored = cv2.GaussianBlur(picture[above], (0, 0), sigmaX=2.0, sigmaY=camera.height / 50)
    picture = picture.copy()
    grazing = np.clip(1.2 - (rows - camera.cy) / camera.fy * 1.8, 0.15, 1)[:, None]
    share = (wet * grazing)[..., None]
    picture[first_row:] = picture[first_row:] * (1 - 0.35 * wet[..., None]) * (1 - share) + mirrored * share
    return picture


def add_precipitation(picture: Picture, style: Style, rng: np.random.Generator) -> Picture:
    """Streaks of rain or flakes of snow in the air."""
    if style.weather not in ("rain", "snow"):
        return picture
    height, width = picture.shape[:2]
    layer = np.zeros((height, width), np.float32)
    slant = rng.normal(0, 0.2)
    for _ in range(int(rng.integers(40, 220))):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        reach = rng.uniform(6, 30) if style.weather == "rain" else rng.uniform(0.5, 8)
        end = (round(x + slant * reach), round(y + reach))
        cv2.line(layer, (round(x), round(y)), end, (float(rng.uniform(0.1, 0.6)),), 1, cv2.LINE_AA)
    falling = cv2.GaussianBlur(layer, (0, 0), 0.7)[..., None] * (0.9 * float(np.mean(style.haze)) + 0.1)
    return (picture + falling).astype(np.float32)


def brightness(picture: Picture) -> float:
    """What the exposure goes by."""
    return max(float(np.percentile(picture, 75)), 0.25)


def photograph(picture: Picture, bright: float, style: Style, seed: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Exposure, tone curve, vignette, blur and noise; (H, W, 3) uint8.

    Args:
        bright: brightness of the left picture: both cameras of a pair are exposed alike.
        rng: stream of this frame and view, for the noise; the camera itself is the same over the whole drive.
    """
    camera = np.random.default_rng([seed, 8])
    height, width = picture.shape[:2]
    picture = picture * (camera.uniform(0.5, 0.8) / bright)
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    picture = picture * (1 - camera.uniform(0, 0.3) * (rows**2 + columns**2) / 2)[..., None]
    picture = picture * camera.uniform(0.93, 1.07, 3).astype(np.float32)
    picture = np.clip(picture, 0, 1) ** np.float32(camera.uniform(0.75, 1.1))
    blurred = cv2.GaussianBlur(picture, (0, 0), float(camera.uniform(0.4, 0.9)))
    sigma = camera.uniform(0.004, 0.02) * (2 if style.light == "night" else 1)
    picture = blurred + rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(sigma)
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)
