"""Draws a dot plot as SVG: no dependency, readable without colour, described for those who cannot see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

LEFT, WIDTH, STEP, TOP = 150, 520, 26, 92
STYLE = 'aria-labelledby="title desc" font-family="system-ui, sans-serif" font-size="12" fill="#222"'
COLOURS = ("#0b5d8a", "#b3410e", "#6b4a9e", "#4d4d4d")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the plot: its label and a share, 0 to 1, for each series."""

    label: str
    shares: tuple[float, ...]


def dots(title: str, series: Sequence[str], rows: Sequence[Row], line: float) -> str:
    """Return the plot, with a vertical line at the share `line`."""
    height = TOP + STEP * len(rows) + 40
    told = "; ".join(f"{row.label}: " + ", ".join(f"{100 * s:.1f} %" for s in row.shares) for row in rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 40} {height}" role="img" {STYLE}>',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(", ".join(series))}. {escape(told)}</desc>',
        f'<rect width="100%" height="100%" fill="#fff"/><text x="12" y="22" font-size="13">{escape(title)}</text>',
        *legend(series),
        *axis(len(rows), line),
    ]
    for number, row in enumerate(rows):
        y = TOP + STEP * (number + 0.5)
        parts.append(f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(row.label)}</text>')
        parts += [mark(which, LEFT + WIDTH * share, y) for which, share in reversed(list(enumerate(row.shares)))]
    return "\n".join([*parts, "</svg>"]) + "\n"


def legend(series: Sequence[str]) -> Iterator[str]:
    x = 18.0
    for which, name in enumerate(series):
        yield mark(which, x, 46)
        yield f'<text x="{x + 12}" y="50">{escape(name)}</text>'
        x += 40 + 6.5 * len(name)


def axis(rows: int, line: float) -> Iterator[str]:
    bottom = TOP + STEP * rows
    for tick in range(0, 101, 20):
        x = LEFT + WIDTH * tick / 100
        yield f'<path d="M{x} {TOP}V{bottom}" stroke="#ddd"/>'
        yield f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{tick} %</text>'
    x = LEFT + WIDTH * line
    yield f'<path d="M{x} {TOP - 8}V{bottom}" stroke="#222" stroke-dasharray="4 3"/>'
    yield f'<text x="{x}" y="{TOP - 13}" text-anchor="middle">{100 * line:g} % promised</text>'


def mark(which: int, x: float, y: float) -> str:
    """A circle, square, triangle or diamond."""
    colour = COLOURS[which]
    if which == 0:
        return f'<circle cx="{x:.1f}" cy="{y}" r="5.5" fill="{colour}"/>'
    path = {1: "m-4.5 -4.5h9v9h-9z", 2: "m0 -5.5l5.5 9.5h-11z", 3: "m0 -6l6 6l-6 6l-6 -6z"}[which]
    return f'<path d="M{x:.1f} {y}{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>'
