"""Small drawings of the same kind side by side, one for each message, with its name above."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import altair as alt

from app.charts.house import Canvas, Chart, Room, across, down, finished, texts, values

GAP, HEAD, FOOT = 38, 44, 22  # pixels: between panels, for the name above, for days below
LEFT, RIGHT = 34, 22
HEIGHT = 110
NONE = alt.Header(labelExpr="''", labelFontSize=1, labelPadding=0, title=None)  # without labels it still has them

Layers = Sequence[alt.Chart]


class Panel(NamedTuple):
    """One of the drawings: the variant's role, two lines of text above it, and what is drawn."""

    role: int
    name: str
    told: str
    rows: list[dict[str, Any]]


def columns(number: int, canvas: Canvas) -> int:
    """How many panels stand beside one another."""
    if canvas.narrow:
        return 1 if number < 4 else 2
    return min(number, 2) if number in (1, 2, 4) else 3


def arranged(panels: Sequence[Panel], canvas: Canvas, above: str, draw: Callable[[alt.Chart], Layers]) -> Chart:
    """Draw the panels in rows, all of one size. `draw` gets a chart without data and returns its layers."""
    wide = columns(len(panels), canvas)
    width = (canvas.width - LEFT - RIGHT - GAP * (wide - 1)) // wide
    rows = [row | {"role": panel.role} for panel in panels for row in _titled(panel, canvas, width)]
    layers = alt.layer(*draw(alt.Chart()), *_titles(), data=values(rows)).properties(width=width, height=HEIGHT)
    facets = layers.facet(
        facet=alt.Facet("role:O", header=NONE),
        columns=wide,
        spacing={"row": HEAD + FOOT, "column": GAP},
        bounds="flush",
    ).resolve_axis(x="independent", y="independent")
    height = -(-len(panels) // wide) * (HEIGHT + HEAD + FOOT) - HEAD - FOOT
    return finished(facets, canvas, Room(LEFT, RIGHT, 26 + HEAD, FOOT), height, above)


def once(base: alt.Chart) -> alt.Chart:
    """Return a chart of one row of each panel, for what is drawn once."""
    made: alt.Chart = base.transform_filter("isValid(datum.name)")
    return made


def _titled(panel: Panel, canvas: Canvas, width: int) -> Iterator[dict[str, Any]]:
    yield {"name": canvas.limited(panel.name, width), "told": panel.told}
    yield from panel.rows


def _titles() -> Iterator[alt.Chart]:
    """The name and what is told, as texts of fixed places: a header would stand where the labels of axes leave it."""
    for field, up, bold in (("name:N", -28, True), ("told:N", -11, False)):
        yield texts(once(alt.Chart()), bold=bold).encode(x=across(0), y=down(up), text=alt.Text(field))
