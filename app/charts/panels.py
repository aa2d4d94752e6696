"""Small drawings of the same kind side by side, one for each message, with its name above."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import altair as alt

from app.charts.house import Canvas, Chart, Room, finished, texts, values

GAP, HEAD, FOOT, LEFT = 22, 44, 22, 34
HEIGHT = 110

Layers = Sequence[alt.Chart]


class Panel(NamedTuple):
    """One of the drawings: two lines of text above it, and its rows."""

    name: str
    told: str
    rows: list[dict[str, Any]]


class Place(NamedTuple):
    """Where a panel stands: whether it is the first of its row, and how many stand beside one another."""

    first: bool
    columns: int


def columns(number: int, canvas: Canvas) -> int:
    """How many panels stand beside one another."""
    if canvas.narrow:
        return 1 if number < 4 else 2
    return min(number, 2) if number in (1, 2, 4) else 3


def arranged(panels: Sequence[Panel], canvas: Canvas, above: str, draw: Callable[[alt.Data, Place], Layers]) -> Chart:
    """Draw the panels in rows, all of one size."""
    wide = columns(len(panels), canvas)
    width = (canvas.width - LEFT - 12 - GAP * (wide - 1)) // wide
    drawn = []
    for at, panel in enumerate(panels):
        place = Place(at % wide == 0, wide)
        layers = alt.layer(*draw(values(panel.rows), place), *_titles(panel, canvas, wide))
        drawn.append(layers.properties(width=width, height=HEIGHT))
    between = {"row": HEAD + FOOT, "column": GAP}
    height = -(-len(panels) // wide) * (HEIGHT + HEAD + FOOT) - HEAD - FOOT
    room = Room(LEFT, 12, 26 + HEAD, FOOT)
    return finished(alt.concat(*drawn, columns=wide, spacing=between, bounds="flush"), canvas, room, height, above)


def _titles(panel: Panel, canvas: Canvas, columns: int) -> Iterator[alt.Chart]:
    """The name and what is told, as texts of fixed places: a title would stand where the labels of axes leave it."""
    for text, up, bold in ((canvas.limited(panel.name, 0.9 / columns), -28, True), (panel.told, -11, False)):
        yield texts(alt.Chart(values([{"text": text}])), bold=bold).encode(
            x=alt.value(0), y=alt.value(up), text="text:N"
        )
