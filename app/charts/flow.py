"""The way of the units, as in a CONSORT flow diagram: from the trigger to what is counted, for each message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

from app.charts.house import INK, PAPER, SOFT, Canvas, Chart, Room, finished, values
from app.charts.kinds import Table
from app.charts.series import Variant, variants
from app.charts.words import DID, number

BOX, GAP = 34, 20  # pixels
BETWEEN = 0.06  # of the width


@dataclass(frozen=True, slots=True)
class Line:
    """One message: units assigned, shown and with the outcome, all of them on days that count."""

    variant: Variant
    assigned: int
    shown: int
    counted: int


@dataclass(frozen=True, slots=True)
class Flow:
    """lines: in the plan's order. Days still open are left out: they change by the minute, and are not analysed yet."""

    did: str
    lines: tuple[Line, ...]
    name: str = "flow"

    @property
    def title(self) -> str:
        return "From the warning to the count"

    @property
    def description(self) -> str:
        assigned, shown, counted = self._totals()
        told = (
            f"{number(assigned)} were assigned one of {len(self.lines)} messages; {number(shown)} of them were shown "
            f"it and are analysed; {number(counted)} {self.did}. "
        )
        told += f"{number(assigned - shown)} were assigned a message but never shown it. " if assigned > shown else ""
        told += "Days still open are left out. "
        return told + "How often the warning was triggered, and who was eligible, is not counted here."

    @property
    def table(self) -> Table:
        head = ("Message", "Assigned", "Shown and analysed", self.did.capitalize())
        each = [(x.variant.key, x.assigned, x.shown, x.counted) for x in self.lines]
        rows = [(name, *map(number, counts)) for name, *counts in [*each, ("All", *self._totals())]]
        return Table(head, tuple(rows))

    def _totals(self) -> tuple[int, int, int]:
        each = self.lines
        return sum(x.assigned for x in each), sum(x.shown for x in each), sum(x.counted for x in each)

    def chart(self, canvas: Canvas) -> Chart:
        sheet = Sheet(canvas)
        down = self._above(sheet)
        down = self._rows(sheet, down + 8)
        return sheet.chart(down)

    def _above(self, sheet: Sheet) -> int:
        """The boxes of all messages together; returns where they end."""
        middle = _columns(sheet.canvas)[1] / 2 + _columns(sheet.canvas)[0][0]
        assigned, shown, _ = self._totals()
        second, end = BOX + GAP, 0.5 if assigned > shown else 1.0
        sheet.box(0, 1, 0, "warning triggered, eligible: not counted here", broken=True)
        sheet.arrow(middle, BOX, middle, second)
        sheet.box(0, end, second, f"assigned: {number(assigned)}")
        if assigned > shown:
            sheet.arrow(end, second + BOX / 2, end + 0.07, second + BOX / 2)
            sheet.box(end + 0.07, 1, second, f"never shown: {number(assigned - shown)}", broken=True)
        sheet.arrow(middle, second + BOX, middle, second + BOX + GAP)
        return second + BOX + GAP

    def _rows(self, sheet: Sheet, down: int) -> int:
        """Three boxes for each message, from left to right; returns where they end."""
        narrow = sheet.canvas.narrow
        lefts, wide = _columns(sheet.canvas)
        for left, head in zip(lefts, ("assigned", "shown, analysed", self.did), strict=True):
            sheet.text(left + wide / 2, down + 8, head, "center", SOFT)
        down += 24
        for line in self.lines:
            name = sheet.canvas.limited(line.variant.key, (0.95 if narrow else 0.23) * sheet.canvas.width)
            sheet.text(0, down + (8 if narrow else BOX / 2), name, "left", INK, bold=True)
            down += 20 if narrow else 0
            for k, (left, units) in enumerate(zip(lefts, (line.assigned, line.shown, line.counted), strict=True)):
                sheet.box(left, left + wide, down, number(units))
                if k:
                    sheet.arrow(left - BETWEEN, down + BOX / 2, left, down + BOX / 2)
            down += BOX + (12 if narrow else 10)
        return down


def _columns(canvas: Canvas) -> tuple[list[float], float]:
    """Where the three boxes of a message begin, and how wide they are."""
    first = 0.0 if canvas.narrow else 0.24
    wide = (1 - first - 2 * BETWEEN) / 3
    return [first + (wide + BETWEEN) * k for k in range(3)], wide


class Sheet:
    """Boxes, arrows and texts by place: across from 0 to 1, down in pixels."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self._boxes: list[dict[str, Any]] = []
        self._arrows: list[dict[str, Any]] = []
        self._texts: list[dict[str, Any]] = []

    def box(self, left: float, right: float, top: float, text: str, *, broken: bool = False) -> None:
        """A box with its text in the middle; broken: of what is not counted."""
        self._boxes.append({"x": left, "x2": right, "y": top, "y2": top + BOX, "broken": broken})
        self.text((left + right) / 2, top + BOX / 2, text, "center", SOFT if broken else INK)

    def arrow(self, x: float, y: float, x2: float, y2: float) -> None:
        """An arrow, right or down."""
        self._arrows.append({"x": x, "y": y, "x2": x2, "y2": y2, "turn": 90 if x2 > x else 180})

    def text(self, x: float, y: float, text: str, align: str, colour: str, *, bold: bool = False) -> None:
        """A text; y is its middle."""
        self._texts.append({"x": x, "y": y, "text": text, "align": align, "colour": colour, "bold": bold})

    def chart(self, height: float) -> Chart:
        """Draw what was put on it."""
        x, y = alt.Scale(domain=[0, 1], nice=False), alt.Scale(domain=[height, 0], nice=False)
        at: dict[str, Any] = {"x": alt.X("x:Q", scale=x, axis=None), "y": alt.Y("y:Q", scale=y, axis=None)}
        span = {"x2": alt.X2("x2:Q"), "y2": alt.Y2("y2:Q")}
        layers = [
            alt.Chart(values([box for box in self._boxes if box["broken"] is broken]))
            .mark_rect(stroke=SOFT, fill=PAPER, strokeDash=[4, 4] if broken else [1, 0], cornerRadius=4)
            .encode(**at, **span)
            for broken in (False, True)
        ]
        layers.append(alt.Chart(values(self._arrows)).mark_rule(color=SOFT).encode(**at, **span))
        tips = alt.Chart(values([{"x": a["x2"], "y": a["y2"], "turn": a["turn"]} for a in self._arrows]))
        layers.append(
            tips.mark_point(shape="M-5 8L0 0L5 8Z", filled=True, color=SOFT, size=1, opacity=1)
            .encode(**at, angle=alt.Angle("turn:Q", scale=None))
        )  # fmt: skip
        layers += [
            alt.Chart(values([t for t in self._texts if _kind(t) == kind]))
            .mark_text(align=kind[0], color=kind[1], fontWeight="bold" if kind[2] else "normal")
            .encode(**at, text=alt.Text("text:N"))
            for kind in dict.fromkeys(map(_kind, self._texts))
        ]
        return finished(layers, self.canvas, Room(2, 2, 2, 2), round(height))


def _kind(text: dict[str, Any]) -> tuple[Any, str, bool]:
    return text["align"], text["colour"], text["bold"]


def subject(result: Mapping[str, Any]) -> Flow | None:
    """What there is to draw of a report's dict: nothing before a unit is counted."""
    if not any(arm["assigned"] for arm in result.get("arms", ())):
        return None
    lines = tuple(
        Line(variant, arm["assigned"], arm["units"], arm["conversions"])
        for variant, arm in zip(variants(result), result["arms"], strict=True)
    )
    outcome = result.get("primary_outcome", result["outcome"])
    return Flow(DID.get(outcome, "had the outcome"), lines)
