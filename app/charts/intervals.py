"""The rate of each message with its interval; the present message's is a line through all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

from app.charts.house import PAPER, SOFT, Canvas, Chart, Room, across, colours, finished, shapes, texts, values
from app.charts.kinds import Table
from app.charts.series import Variant, variants
from app.charts.words import DID, named, number, per_10000

Ends = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Row:
    """A message: rates and their ends are 0 to 1; `always` is the interval that holds at all times."""

    variant: Variant
    units: int
    conversions: int
    rate: float
    once: Ends | None
    always: Ends | None

    @property
    def ends(self) -> list[float]:
        """All that must fit on the axis."""
        return [self.rate, *(self.once or ()), *(self.always or ())]

    @property
    def figures(self) -> str:
        """The rate as text, with its interval."""
        ends = self.always or self.once
        return per_10000(self.rate) + (f" ({per_10000(ends[0])} to {per_10000(ends[1])})" if ends else "")


@dataclass(frozen=True, slots=True)
class Intervals:
    """Rows in the plan's order."""

    did: str
    rows: tuple[Row, ...]
    name: str = "intervals"

    @property
    def title(self) -> str:
        return f"How many {self.did}, by message"

    @property
    def description(self) -> str:
        best, least = max(self.rows, key=lambda row: row.rate), min(self.rows, key=lambda row: row.rate)
        told = (
            f"Per 10 000 people shown a message, between {per_10000(least.rate)} ({named(least.variant.key)}) and "
            f"{per_10000(best.rate)} ({named(best.variant.key)}) {self.did}."
        )
        control = next((row for row in self.rows if row.variant.is_control), None)
        if control:
            told += (
                f" The broken line is the present message, {named(control.variant.key)}, at {per_10000(control.rate)}."
            )
        if self.always:
            told += " The thin line is where the true rate plausibly lies, however often one looks"
            told += "; the thick one, at a single look."
        elif any(row.once for row in self.rows):
            told += " The line of each message is where its true rate plausibly lies."
        return told

    @property
    def always(self) -> bool:
        """Whether there are intervals that hold at all times."""
        return any(row.always for row in self.rows)

    @property
    def table(self) -> Table:
        head = ("Message", "Shown", self.did.capitalize(), "Per 10 000", "Between, at one look")
        more = ("Between, at any time",) if self.always else ()
        return Table((*head, *more), tuple(self._cells(row) for row in self.rows))

    def _cells(self, row: Row) -> tuple[str, ...]:
        name = row.variant.key + (" (present message)" if row.variant.is_control else "")
        ends = (row.once, row.always) if self.always else (row.once,)
        told = (f"{per_10000(pair[0])} and {per_10000(pair[1])}" if pair else "–" for pair in ends)
        return name, number(row.units), number(row.conversions), per_10000(row.rate), *told

    def chart(self, canvas: Canvas) -> Chart:
        ends = [10_000 * end for row in self.rows for end in row.ends]
        room = 0.04 * (max(ends) - min(ends) or max(ends) or 1)
        scale = alt.Scale(domain=[max(0.0, min(ends) - room), max(ends) + room], nice=False)
        axis = alt.Axis(title=None, tickCount=4 if canvas.narrow else 6, orient="top", labelBound=10)
        base = alt.Chart(values([_datum(row, canvas) for row in self.rows])).encode(
            y=alt.Y("row:N", sort=None, axis=None, scale=alt.Scale(paddingOuter=0.1))
        )
        x = alt.X("rate:Q", scale=scale, axis=axis)
        thin, thick = (base.mark_rule(strokeWidth=width).encode(x=alt.X(f"{end}0:Q", scale=scale, axis=axis),
            x2=alt.X2(f"{end}1:Q"), color=colours()) for end, width in (("always", 1.5), ("once", 5)))  # fmt: skip
        dots = base.mark_point(filled=True, size=150, opacity=1, stroke=PAPER, strokeWidth=1.5).encode(
            x=x, color=colours(), shape=shapes()
        )
        layers = [*self._present(x), thin, thick, dots, *_labels(base, canvas)]
        step = 50 if canvas.narrow else 34
        return finished(layers, canvas, _room(canvas), step * len(self.rows), "per 10 000 people shown it")

    def _present(self, x: alt.X) -> list[alt.Chart]:
        rows = [{"rate": 10_000 * row.rate} for row in self.rows if row.variant.is_control]
        return [alt.Chart(values(rows)).mark_rule(strokeDash=[6, 4], color=SOFT).encode(x=x)] if rows else []


def _datum(row: Row, canvas: Canvas) -> dict[str, Any]:
    label = canvas.limited(row.variant.key, 130 if canvas.narrow else _room(canvas).left - 16)
    found = {"row": row.variant.key, "rate": 10_000 * row.rate, "role": row.variant.role, "figures": row.figures}
    found["label"] = label
    for name, ends in (("always", row.always), ("once", row.once)):
        if ends:
            found |= {f"{name}0": 10_000 * ends[0], f"{name}1": 10_000 * ends[1]}
    return found


def _room(canvas: Canvas) -> Room:
    return Room(top=48, bottom=4) if canvas.narrow else Room(left=176, right=196, top=48, bottom=4)


def _labels(base: alt.Chart, canvas: Canvas) -> list[alt.Chart]:
    """The name and the figures of each row: beside it where there is room, or else above."""
    left, right = across(0), across(canvas.across(_room(canvas)))
    if canvas.narrow:
        names, figures = texts(base, dy=-15, bold=True), texts(base, align="right", dy=-15)
    else:
        names, figures = texts(base, align="right", dx=-12, bold=True), texts(base, dx=12)
    return [names.encode(x=left, text=alt.Text("label:N")), figures.encode(x=right, text=alt.Text("figures:N"))]


def subject(result: Mapping[str, Any]) -> Intervals | None:
    """What there is to draw of a report's dict."""
    if not result.get("arms"):
        return None
    known = zip(variants(result), result["arms"], strict=True)
    anytime = result["design"] == "sequential"
    rows = tuple(
        Row(
            variant, arm["units"], arm["conversions"], arm["rate"], _ends(arm["rate_ci"]),
            _ends(arm["rate_cs"]) if anytime else None,
        )
        for variant, arm in known if arm["rate"] is not None
    )  # fmt: skip
    outcome = result.get("primary_outcome", result["outcome"])
    return Intervals(DID.get(outcome, "had the outcome"), rows) if rows else None


def _ends(interval: list[float] | None) -> Ends | None:
    return (interval[0], interval[1]) if interval else None
