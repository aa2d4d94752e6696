"""House style of the drawings: sizes, roles of colours, dashes and shapes.

Colours are roles, written into the specification as numbers that no chart would choose; `app.charts.svg` puts classes
and colours in their place. Each variant keeps its role in every picture; role 0 is the control's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import altair as alt

Chart = alt.TopLevelMixin
Align = Literal["left", "center", "right"]

INK, SOFT, GRID, PAPER = "#010001", "#010002", "#010003", "#010004"
SERIES = tuple(f"#0200{number:02x}" for number in range(12))
DASHES = ([6, 4], [1, 0], [8, 3, 2, 3], [2, 3], [10, 3], [5, 2, 1, 2, 1, 2], [12, 2], [3, 3], [8, 2, 2, 2, 2, 2],
          [1, 2], [4, 1], [7, 1, 1, 1])  # fmt: skip
SHAPES = ("diamond", "circle", "square", "triangle-up", "cross", "triangle-down", "triangle-right", "triangle-left",
          "M-1-.4H1V.4H-1Z", "M-.4-1H.4V1H-.4Z", "M-1-1H1L0,0L1,1H-1L0,0Z", "M-1-1V1L0,0L1,1V-1L0,0Z")  # fmt: skip
ROLES = list(range(len(SERIES)))


@dataclass(frozen=True, slots=True)
class Canvas:
    """The room for a drawing, in pixels at which its text is as large as the page's small print."""

    width: int
    font: int

    @property
    def narrow(self) -> bool:
        """Whether it is for a phone held upright."""
        return self.width < 500

    def across(self, room: Room) -> int:
        """The width of the plot."""
        return self.width - room.left - room.right

    def limited(self, text: str, pixels: float) -> str:
        """Cut a name to about this width. One that reads from the right is kept apart from what stands beside it."""
        most = int(pixels / (self.font * 0.6))
        cut = text if len(text) <= most else text[: most - 1].rstrip() + "…"
        return cut if cut.isascii() else f"\u2068{cut}\u2069"


WIDE, NARROW = Canvas(720, 13), Canvas(358, 13)


def colours() -> alt.Color:
    """The colour of a variant by the field `role`."""
    return alt.Color("role:O", scale=alt.Scale(domain=ROLES, range=list(SERIES)), legend=None)


def dashes() -> alt.StrokeDash:
    """The dash of a variant's line by the field `role`; the control's is broken."""
    return alt.StrokeDash("role:O", scale=alt.Scale(domain=ROLES, range=list(DASHES)), legend=None)


def shapes() -> alt.Shape:
    """The shape of a variant's points by the field `role`; the control's is a diamond."""
    return alt.Shape("role:O", scale=alt.Scale(domain=ROLES, range=list(SHAPES)), legend=None)


def values(rows: list[dict[str, Any]]) -> alt.Data:
    """Rows as a chart's data, inlined."""
    return alt.Data(values=rows)  # type: ignore[no-untyped-call]


def texts(base: alt.Chart, *, align: Align = "left", dx: float = 0, dy: float = 0, bold: bool = False) -> alt.Chart:
    """The mark of a text."""
    made: alt.Chart = base.mark_text(align=align, dx=dx, dy=dy, color=INK, fontWeight="bold" if bold else "normal")
    return made


class Room(NamedTuple):
    """What is left free about the plot, for axes and labels, in pixels."""

    left: int = 8
    right: int = 12
    top: int = 28
    bottom: int = 24


def finished(chart: Any, canvas: Canvas, room: Room, height: int, above: str = "") -> Chart:
    """Give a chart its size, which no text changes, the house's axes and fonts, and the name of its axis above it.

    height  of the plot or plots, without the room about it
    """
    whole = {"width": canvas.width, "height": height + room.top + room.bottom}
    quiet: dict[str, Any] = {"domainColor": GRID, "tickColor": GRID, "gridColor": GRID, "titleFontWeight": "normal"}
    text = {"labelFontSize": canvas.font, "titleFontSize": canvas.font, "labelColor": SOFT, "titleColor": SOFT}
    sized: Any
    if isinstance(chart, alt.FacetChart):
        title = alt.TitleParams(above, anchor="start", color=SOFT, fontSize=canvas.font, fontWeight="normal", offset=10)
        sized = chart.properties(title=title)
    else:
        head = texts(alt.Chart(values([{"text": above}]))).encode(
            x=alt.value(0), y=alt.value(12 - room.top), text="text:N", color=alt.value(SOFT)
        )
        sized = alt.layer(chart, head).properties(width=canvas.across(room), height=height)
    made: Chart = (
        sized.properties(autosize="none", padding=room._asdict(), usermeta=whole)
        .configure(aria=False, background="transparent", font="sans-serif")
        .configure_view(stroke=None)
        .configure_axis(**quiet, **text, labelOverlap="greedy", labelSeparation=8)
        .configure_text(fontSize=canvas.font, color=INK)
    )
    return made
