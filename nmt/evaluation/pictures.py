"""Bar charts and curves as SVG, drawn by hand: a few shapes need no plotting library, and text in them stays text.

Colours are classes (`series0`, `series1` …, `axis`, `whisker`) that the page which holds a picture defines; a picture
in a file of its own (`file`) brings them along.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 720, 260
_LEFT, _TOP, _BOTTOM = 44, 12, 44  # margins, in the same units
NUM_COLOURS = 6  # series beyond take them up again
_COLOURS = ("#1f6feb", "#d1570a", "#2a7d4f", "#8250df", "#b35900", "#57606a")
_STYLE = "text{font:13px sans-serif;fill:#444}.axis{stroke:#ddd}polyline{fill:none!important;stroke-width:2}" + "".join(
    f".series{k}{{fill:{colour};stroke:{colour}}}" for k, colour in enumerate(_COLOURS)
)
_GROUND = '<rect width="100%" height="100%" fill="#fff"/>'


@dataclass(frozen=True)
class Series:
    """Bars of one colour. A value of None has no bar; margins, where there are any, are drawn as whiskers."""

    name: str
    values: Sequence[float | None]
    margins: Sequence[float] = ()


def bars(title: str, labels: Sequence[str], series: Sequence[Series], unit: str) -> str:
    """An SVG element with groups of bars from 0 up.

    Args:
        title: for those who cannot see it.
        labels: one for each group, below it; it may hold a line break.
        series: each with one value for each group.
        unit: what the values are, at the end of what a bar says when pointed at.
    """
    tops = [value + _margin(one, k) for one in series for k, value in enumerate(one.values) if value is not None]
    scale = _Scale(max(tops, default=0.0))
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">']
    for mark in scale.marks():
        y = scale.y(mark)
        parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{mark:g}</text>')
    slot = (_WIDTH - _LEFT) / max(len(labels), 1)
    width = min(slot * 0.8 / max(len(series), 1), 48)
    for k, label in enumerate(labels):
        middle = _LEFT + slot * (k + 0.5)
        for n, one in enumerate(series):
            value = one.values[k]
            if value is not None:
                x = middle + (n - len(series) / 2) * width
                said = f"{one.name}, {label}: {value:.4g} {unit}".replace("\n", ", ")
                parts.append(_bar(scale, x, width, n, value, _margin(one, k), said))
        for row, line in enumerate(label.split("\n")):
            y = _HEIGHT - _BOTTOM + 16 + 15 * row
            parts.append(f'<text x="{middle:.1f}" y="{y}" text-anchor="middle">{escape(line)}</text>')
    return "".join([*parts, "</svg>"])


@dataclass(frozen=True)
class Curve:
    """Points (x, y) joined in the order of x."""

    name: str
    points: Sequence[tuple[float, float]]


def curves(title: str, series: Sequence[Curve], unit: str) -> str:
    """An SVG element with curves above one horizontal axis from 0 up.

    Args:
        title: above the picture.
        series: at least one with a point.
        unit: what x counts.
    """
    points = [point for one in series for point in one.points]
    right = max(max(x for x, _ in points), 1e-9)
    low, high = min(y for _, y in points), max(y for _, y in points)
    room = max(high - low, abs(high) / 100, 1e-3) / 10
    low, high = (0.0 if 0 <= low < 3 * room else low - room), high + room
    across = _WIDTH - _LEFT - 12
    depth = _HEIGHT - 2 * _TOP - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        return _LEFT + across * x / right, 2 * _TOP + depth * (high - y) / (high - low)

    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">']
    parts.append(f'<text x="{_LEFT}" y="14">{escape(title)}</text>')
    for n in range(5):
        value = low + (high - low) * n / 4
        y = place(0, value)[1]
        parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_LEFT + across}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
        x = _LEFT + across * n / 4
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{right * n / 4:,.0f}</text>')
    parts.append(f'<text x="{_LEFT + across}" y="{_HEIGHT - 8}" text-anchor="end">{escape(unit)}</text>')
    for n, one in enumerate(series):
        colour = f"series{n % NUM_COLOURS}"
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in one.points))
        parts.append(f'<polyline class="{colour}" points="{path}"><title>{escape(one.name)}</title></polyline>')
        x = _LEFT + 110 * n
        parts.append(f'<rect class="{colour}" x="{x}" y="{_HEIGHT - 18}" width="10" height="10"/>')
        parts.append(f'<text x="{x + 14}" y="{_HEIGHT - 8}">{escape(one.name)}</text>')
    return "".join([*parts, "</svg>"])


def file(pictures: Sequence[str]) -> str:
    """A whole SVG file with pictures one below the other."""
    placed = [
        picture.replace("<svg ", f'<svg x="0" y="{_HEIGHT * n}" width="{_WIDTH}" height="{_HEIGHT}" ', 1)
        for n, picture in enumerate(pictures)
    ]
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT * len(pictures)}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{_STYLE}</style>{_GROUND}{"".join(placed)}</svg>\n'


class _Scale:
    """The vertical axis: round marks up to the first one that nothing exceeds."""

    def __init__(self, top: float):
        rough = max(top, 1e-9) / 4
        power = 10.0 ** math.floor(math.log10(rough))
        self._step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough)
        self._top = self._step * max(1, math.ceil(top / self._step))

    def y(self, value: float) -> float:
        """Where a value lies."""
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - min(max(value, 0.0), self._top) / self._top)

    def marks(self) -> list[float]:
        """The values that are written beside the axis."""
        return [self._step * n for n in range(round(self._top / self._step) + 1)]


def _bar(scale: _Scale, x: float, width: float, number: int, value: float, margin: float, said: str) -> str:
    y, bottom = scale.y(value), scale.y(0)
    parts = [
        f"<g><title>{escape(said)}</title>",
        f'<rect class="series{number % NUM_COLOURS}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{bottom - y:.1f}"/>',
    ]
    if margin > 0:
        middle = x + width / 2
        parts.append(
            f'<line class="whisker" x1="{middle:.1f}" x2="{middle:.1f}" y1="{scale.y(value + margin):.1f}" '
            f'y2="{scale.y(value - margin):.1f}"/>'
        )
    return "".join([*parts, "</g>"])


def _margin(series: Series, k: int) -> float:
    """The margin of a value; 0 where there is none or it is not known."""
    margin = series.margins[k] if series.margins else 0.0
    return 0.0 if math.isnan(margin) else margin
