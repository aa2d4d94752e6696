"""House style of the drawings: sizes, roles of colours, dashes and shapes.

Colours are roles, written into the specification as numbers that no chart would choose; `app.charts.svg` puts classes
and colours in their place. Each variant keeps its role in every picture; role 0 is the control's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import altair as alt
from altair.utils.schemapi import disable_debug_mode

disable_debug_mode()  # every part would be validated when it is made: tests validate the whole

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
    """Rows as a chart's data, inlined: as a tuple, which Altair does not copy at every step."""
    return alt.Data(values=tuple(rows))  # type: ignore[no-untyped-call]


def across(pixels: float) -> alt.XValue:
    """A place from the left of the plot."""
    return alt.XValue(pixels)  # type: ignore[no-untyped-call]


def down(pixels: float) -> alt.YValue:
    """A place from the top of the plot."""
    return alt.YValue(pixels)  # type: ignore[no-untyped-call]


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


def finished(
    drawn: Sequence[alt.Chart] | alt.FacetChart, canvas: Canvas, room: Room, height: int, above: str = ""
) -> Chart:
    """Give layers or panels their size, which no text changes, the house's axes and fonts, and the name of their axis.

    height  of the plot or plots, without the room about it
    """
    whole = {"width": canvas.width, "height": height + room.top + room.bottom}
    outside = {"autosize": "none", "padding": room._asdict(), "usermeta": whole, "config": _config(canvas)}
    if isinstance(drawn, alt.FacetChart):
        title = alt.TitleParams(above, anchor="start", color=SOFT, fontSize=canvas.font, fontWeight="normal", offset=10)
        made: Chart = drawn.properties(title=title, **outside)
        return made
    head = texts(alt.Chart(values([{"text": above}]))).encode(
        x=across(0), y=down(12 - room.top), text=alt.Text("text:N"), color=alt.ColorValue(SOFT)
    )
    return alt.layer(*drawn, head, width=canvas.across(room), height=height, **outside)


def _config(canvas: Canvas) -> dict[str, Any]:
    return {
        "aria": False, "background": "transparent", "font": "sans-serif", "view": {"stroke": None},
        "text": {"fontSize": canvas.font, "color": INK},
        "axis": {
            "domainColor": GRID, "tickColor": GRID, "gridColor": GRID, "labelColor": SOFT, "titleColor": SOFT,
            "labelFontSize": canvas.font, "titleFontSize": canvas.font, "titleFontWeight": "normal",
            "labelOverlap": "greedy", "labelSeparation": 8,
        },
    }  # fmt: skip
