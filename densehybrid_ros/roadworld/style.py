"""What one drive looks like: light, weather, layout and colours, all drawn from the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]
"""Linear-ish RGB, 0..1."""

LIGHTS = ("noon", "low_sun", "overcast", "dusk", "night")
WEATHERS = ("dry", "wet", "fog", "rain", "snow")


@dataclass(frozen=True)
class Style:
    """The look of one drive."""

    light: str
    weather: str
    rural: bool
    road_width: float
    """m, kerb to kerb."""
    pavement_width: float
    """m; 0 = grass verge beside the road."""
    ambient: Colour
    """Light that reaches everything."""
    haze: Colour
    fog_density: float
    """1/m."""
    sky_top: Colour
    sky_bottom: Colour
    cloudiness: float
    shadow: float
    """Darkness of cast shadows, 0..1."""
    sun: tuple[float, float]
    """Shadow length per metre of height, to the right and forward."""
    asphalt: Colour
    asphalt_contrast: float
    pavement: Colour
    grass: Colour
    marks: str
    """dashed, double, edge, or none."""
    mark_strength: float
    wetness: float
    bend: tuple[float, float, float, float]
    """Amplitude (m) and wave number (1/m) of the two sines of the road's centre line."""
    bareness: float
    """Share of trees without leaves."""
    density: float
    """Of things along the road."""

    def centre(self, distance: float) -> float:
        """Sideways position of the road's centre line, m, `distance` metres along."""
        a, k, b, m = self.bend
        return float(a * np.sin(k * distance) + b * np.sin(m * distance))


def draw_style(rng: np.random.Generator) -> Style:
    """A plausible combination of everything."""
    light = str(rng.choice(LIGHTS, p=[0.28, 0.24, 0.26, 0.1, 0.12]))
    weather = str(rng.choice(WEATHERS, p=[0.5, 0.2, 0.12, 0.1, 0.08]))
    rural = bool(rng.random() < 0.4)
    ambient, top, bottom = _light_colours(light, rng)
    dull = weather in ("fog", "rain", "snow") or light == "overcast"
    grey = float(np.clip(rng.normal(0.36, 0.11), 0.14, 0.62))
    if dull:
        mean = float(np.mean(bottom))
        top = bottom = _mixed(bottom, (mean, mean, mean), 0.8)
    fog = {"fog": rng.uniform(0.015, 0.05), "rain": 0.01, "snow": rng.uniform(0.008, 0.025)}.get(weather, 0.002)
    long_shadow = light == "low_sun"
    reach = rng.uniform(1.5, 4.0) if long_shadow else rng.uniform(0.3, 1.0)
    direction = rng.uniform(0, 2 * np.pi)
    return Style(
        light=light,
        weather=weather,
        rural=rural,
        road_width=float(rng.uniform(5.0, 7.5) if rural else rng.uniform(6.0, 11.0)),
        pavement_width=0.0 if rural and rng.random() < 0.8 else float(rng.uniform(1.5, 4.0)),
        ambient=ambient,
        haze=bottom,
        fog_density=float(fog),
        sky_top=top,
        sky_bottom=bottom,
        cloudiness=float(rng.uniform(0.0, 1.0)),
        shadow=float(0.0 if dull or light in ("night", "dusk") else rng.uniform(0.4, 0.75)),
        sun=(float(reach * np.cos(direction)), float(reach * np.sin(direction))),
        asphalt=_tinted(grey, rng, 0.04),
        asphalt_contrast=float(rng.uniform(0.03, 0.13)),
        pavement=_tinted(float(np.clip(rng.normal(0.5, 0.1), 0.3, 0.75)), rng, 0.07),
        grass=(float(rng.uniform(0.2, 0.45)), float(rng.uniform(0.3, 0.5)), float(rng.uniform(0.1, 0.25))),
        marks=str(rng.choice(["dashed", "double", "edge", "none"], p=[0.45, 0.15, 0.25, 0.15])),
        mark_strength=float(rng.uniform(0.3, 1.0)),
        wetness={"wet": float(rng.uniform(0.25, 0.6)), "rain": float(rng.uniform(0.3, 0.6))}.get(weather, 0.0),
        bend=(
            float(rng.uniform(0, 5)),
            float(rng.uniform(0.008, 0.02)),
            float(rng.uniform(0, 2)),
            float(rng.uniform(0.02, 0.04)),
        ),
        bareness=float(rng.choice([0.0, 0.2, 0.9])),
        density=float(rng.uniform(0.5, 1.4)),
    )


def _light_colours(light: str, rng: np.random.Generator) -> tuple[Colour, Colour, Colour]:
    """Ambient light, and sky at the zenith and the horizon."""
    if light == "noon":
        level = rng.uniform(0.95, 1.2)
        return (level, level, level * 0.97), (0.25, 0.45, rng.uniform(0.75, 0.95)), (0.75, 0.85, 0.95)
    if light == "low_sun":
        level = rng.uniform(0.8, 1.05)
        return (level * 1.1, level, level * rng.uniform(0.7, 0.9)), (0.35, 0.5, 0.8), (0.98, 0.88, 0.7)
    if light == "overcast":
        level = rng.uniform(0.7, 1.0)
        grey = rng.uniform(0.6, 0.95)
        return (level * 0.97, level, level * 1.03), (0.85 * grey, 0.85 * grey, 0.85 * grey), (grey, grey, grey)
    if light == "dusk":
        level = rng.uniform(0.3, 0.5)
        return (level * 1.1, level * 0.9, level), (0.12, 0.15, 0.32), (0.65, 0.4, 0.35)
    level = rng.uniform(0.1, 0.2)
    return (level, level, level * 1.1), (0.01, 0.01, 0.03), (0.05, 0.05, 0.08)


def _tinted(level: float, rng: np.random.Generator, amount: float) -> Colour:
    red, green, blue = (float(level * (1 + rng.normal(0, amount))) for _ in range(3))
    return red, green, blue


def _mixed(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (float(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
