"""Curves and histograms as SVG, without any library. Colours come from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from densehybrid_ros.training.reports.elements import Markup, element

WIDTH, HEIGHT = 360, 260
LEFT, RIGHT, TOP, BOTTOM = 54, 20, 12, 44
"""Margins of a chart, in its own units."""
SWATCH = 32
"""Length of a line in a legend: two of the longest dashes."""
COLOURS = 8
"""Of the style sheet; with more lines they come again, with other dashes up to 32 lines."""
DASHES = ("", " dashed", " dotted", " long")
"""Of every four lines one after the other, for those who see no colours."""


@dataclass(frozen=True)
class Axis:
    """From values to places on a chart."""

    title: str
    low: float
    high: float
    ticks: tuple[float, ...]
    logarithmic: bool = False
    text: Callable[[float], str] = "{:g}".format

    def share(self, value: float) -> float:
        """0 at the low end, 1 at the high end; what lies beyond is at the end."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.logarithmic:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return (at - low) / (high - low)


PERCENT = (0, 0.2, 0.4, 0.6, 0.8, 1)


def percent_axis(title: str) -> Axis:
    return Axis(title, 0, 1, PERCENT, text=percent_label)


def logarithmic_percent_axis(title: str, low: float) -> Axis:
    """From `low`, a power of ten, to 100 %."""
    decades = round(-math.log10(low))
    return Axis(title, low, 1, tuple(10.0**-power for power in range(decades, -1, -1)), True, percent_label)


def percent_label(share: float) -> str:
    return f"{100 * share:g} %"


def score_axis(low: float, high: float) -> Axis:
    """With about five ticks at round numbers."""
    step = 10 ** math.floor(math.log10((high - low) / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 6)
    first = math.ceil(low / step)
    ticks = tuple(round(place * step, 10) for place in range(first, math.floor(high / step) + 1))
    return Axis("score, higher = more anomalous", low, high, ticks)


@dataclass(frozen=True)
class Series:
    """One line."""

    name: str
    number: int
    """Of its colour; the same in every chart of a report."""
    x: Sequence[float]
    y: Sequence[float]

    @property
    def style(self) -> str:
        """Class names of the style sheet."""
        group = self.number // 4
        shift = 4 * (group // len(DASHES))  # else the 17th line would look like the first
        return f"series c{(self.number + shift) % COLOURS}{DASHES[group % len(DASHES)]}"


def swatch(line: Series) -> Markup:
    """A piece of it, for a legend."""
    piece = element("line", x1=0, y1=4, x2=SWATCH, y2=4, class_=line.style)
    return element("svg", piece, viewBox=f"0 0 {SWATCH} 8", class_="swatch", aria_hidden="true")


def line_chart(label: str, x: Axis, y: Axis, lines: Sequence[Series], diagonal: bool = False) -> Markup:
    """`label` is read to those who do not see it; the diagonal is where both axes say the same."""
    corners = {"x1": LEFT, "y1": HEIGHT - BOTTOM, "x2": WIDTH - RIGHT, "y2": TOP}
    under = [element("line", class_="diagonal", **corners)] if diagonal else []
    return _chart(label, x, y, [*under, *(_polyline(x, y, each) for each in lines)])


def histogram_chart(
    label: str, edges: Sequence[float], shares: Mapping[str, Sequence[float]], threshold: float | None
) -> Markup:
    """Shares of each kind of pixel by score; the kinds are classes of the style sheet.

    Args:
        edges: (N + 1,).
        shares: kind → (N,), 0..1.
        threshold: drawn as a line.
    """
    x = score_axis(edges[0], edges[-1])
    highest = max(max(each) for each in shares.values())
    top = _rounded_up(highest)
    y = Axis("share of its kind", 0, top, tuple(top * part for part in (0, 0.25, 0.5, 0.75, 1)), text=percent_label)
    drawn = [_steps(x, y, edges, each, kind) for kind, each in shares.items()]
    if threshold is not None:
        drawn.append(_threshold_line(x, threshold))
    return _chart(label, x, y, drawn)


def _rounded_up(value: float) -> float:
    """To 1, 2 or 4 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return round(power * next(factor for factor in (1, 2, 4, 10) if value <= power * factor * (1 + 1e-9)), 12)


def _chart(label: str, x: Axis, y: Axis, drawn: Sequence[Markup]) -> Markup:
    view = f"0 0 {WIDTH} {HEIGHT}"
    return element("svg", _frame(x, y), *drawn, class_="chart", viewBox=view, role="img", aria_label=label)


def _across(axis: Axis, value: float) -> float:
    return LEFT + axis.share(value) * (WIDTH - LEFT - RIGHT)


def _up(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - TOP - BOTTOM)


def _frame(x: Axis, y: Axis) -> Markup:
    parts: list[Markup] = []
    for tick in x.ticks:
        at = _across(x, tick)
        parts.append(element("line", class_="grid", x1=at, x2=at, y1=TOP, y2=HEIGHT - BOTTOM))
        parts.append(element("text", x.text(tick), x=at, y=HEIGHT - BOTTOM + 17, text_anchor="middle"))
    for tick in y.ticks:
        at = _up(y, tick)
        parts.append(element("line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=at, y2=at))
        parts.append(element("text", y.text(tick), x=LEFT - 5, y=at + 3.5, text_anchor="end"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(element("text", x.title, x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 8, text_anchor="middle"))
    turned = f"rotate(-90 10 {middle:g})"
    parts.append(element("text", y.title, x=10, y=middle, text_anchor="middle", transform=turned))
    return element("g", *parts, class_="axes")


def _polyline(x: Axis, y: Axis, line: Series) -> Markup:
    points = " ".join(f"{_across(x, a):.1f},{_up(y, b):.1f}" for a, b in zip(line.x, line.y, strict=True))
    return element("polyline", element("title", line.name), class_=line.style, data_series=line.number, points=points)


def _steps(x: Axis, y: Axis, edges: Sequence[float], shares: Sequence[float], kind: str) -> Markup:
    """A filled outline of the bins."""
    bottom = _up(y, 0)
    tops = [
        f"{_across(x, edge):.1f},{_up(y, share):.1f}"
        for low, high, share in zip(edges, edges[1:], shares, strict=False)
        for edge in (low, high)
    ]
    points = " ".join([f"{_across(x, edges[0]):.1f},{bottom:.1f}", *tops, f"{_across(x, edges[-1]):.1f},{bottom:.1f}"])
    return element("polygon", element("title", kind), class_=f"bins {kind}", points=points)


def _threshold_line(x: Axis, threshold: float) -> Markup:
    at = _across(x, threshold)
    line = element("line", class_="threshold", x1=at, x2=at, y1=TOP, y2=HEIGHT - BOTTOM)
    return element("g", element("title", f"threshold {threshold:g}"), line)
