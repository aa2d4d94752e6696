"""How many have sought help after each message, added up from day to day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

from app.charts.house import (
    PAPER,
    SERIES,
    Canvas,
    Chart,
    Room,
    across,
    colours,
    dashes,
    finished,
    shapes,
    texts,
    values,
)
from app.charts.kinds import Table
from app.charts.panels import Layers, Panel, arranged, columns
from app.charts.series import ROWS, Variant, axis, chosen, places, points, thinned, variants
from app.charts.words import DID, day, named, number

TOGETHER = 6  # lines in one drawing; more get one each
HEIGHT, LINE = 240, 17
NAMES = {True: 126, False: 190}  # pixels beside the lines, on a narrow canvas and on a wide one
UNEVEN = 1.1
LONG = "datum.value < 10000 ? format(datum.value, ',d') : format(datum.value, '~s')"
SHORT = "datum.value < 1000 ? format(datum.value, ',d') : format(datum.value, '~s')"


@dataclass(frozen=True, slots=True)
class HelpOverTime:
    """sums: for each period the conversions of each variant until then;   shown: units at the last one."""

    did: str
    variants: tuple[Variant, ...]
    periods: tuple[str, ...]
    sums: tuple[tuple[int, ...], ...]
    shown: tuple[int, ...]
    name: str = "help_over_time"

    @property
    def title(self) -> str:
        return f"How many have {self.did} so far, by message"

    @property
    def description(self) -> str:
        last = self.sums[-1]
        least, most = min(range(len(last)), key=last.__getitem__), max(range(len(last)), key=last.__getitem__)
        told = (
            f"Until {day(self.periods[-1])} {number(sum(last))} people {self.did}: from {number(last[least])} after "
            f"{named(self.variants[least].key)} to {number(last[most])} after {named(self.variants[most].key)}."
        )
        if max(self.shown) > UNEVEN * min(self.shown):
            told += " The messages were not shown equally often, so compare their rates rather than these totals."
        return told

    @property
    def table(self) -> Table:
        rows = thinned(tuple(zip(self.periods, self.sums, strict=True)), ROWS)
        told = tuple((day(period), *map(number, sums)) for period, sums in rows)
        return Table(("Until", *(variant.key for variant in self.variants)), told)

    def chart(self, canvas: Canvas) -> Chart:
        top = 1.04 * max(max(sums) for sums in self.sums)
        return self._together(canvas, top) if len(self.variants) <= TOGETHER else self._apart(canvas, top)

    def _rows(self, k: int) -> list[dict[str, Any]]:
        role = self.variants[k].role
        return [{"at": at, "role": role, "sum": s[k]} for at, s in zip(places(self.periods), self.sums, strict=True)]

    def _beside(self, k: int, control: int) -> list[dict[str, Any]]:
        both = zip(self._rows(k), self._rows(control), strict=True)
        return [own | {"beside": other["sum"]} for own, other in both]

    def _together(self, canvas: Canvas, top: float) -> Chart:
        """All lines in one drawing, each with its name at its end."""
        room = Room(left=48, right=NAMES[canvas.narrow])
        scale, y_axis = alt.Scale(domain=[0, top], nice=False), alt.Axis(title=None, tickCount=5, labelExpr=LONG)
        y = alt.Y("sum:Q", scale=scale, axis=y_axis)
        every = [self._rows(k) for k in range(len(self.variants))]
        base = alt.Chart(values([row for rows in every for row in rows])).encode(
            x=axis(self.periods, canvas), y=y, color=colours(), detail=alt.Detail("role:O")
        )
        marked = alt.Chart(values([row for rows in every for row in thinned(rows, 6)[1:]])).encode(
            x=axis(self.periods, canvas), y=y, color=colours(), shape=shapes()
        )
        right = across(canvas.across(room) + 12)
        names = texts(alt.Chart(values(self._names(canvas, top))))
        layers = [
            base.mark_line(strokeWidth=2).encode(strokeDash=dashes()),
            marked.mark_point(filled=True, size=80, opacity=1, stroke=PAPER, strokeWidth=1),
            names.encode(x=right, y=alt.Y("place:Q", scale=scale, axis=y_axis), text=alt.Text("name:N")),
        ]
        return finished(layers, canvas, room, HEIGHT, f"people who {self.did}, so far")

    def _names(self, canvas: Canvas, top: float) -> list[dict[str, Any]]:
        """Names at the ends of lines, moved apart so that each can be read."""
        step = LINE * top / HEIGHT
        order = sorted(range(len(self.variants)), key=lambda k: self.sums[-1][k])
        heights: list[float] = []
        for k in order:
            heights.append(max(self.sums[-1][k], heights[-1] + step) if heights else self.sums[-1][k])
        for at in range(len(heights) - 1, -1, -1):
            heights[at] = min(heights[at], top if at == len(heights) - 1 else heights[at + 1] - step)
        told = [(self.variants[k].key, number(self.sums[-1][k])) for k in order]
        left = [NAMES[canvas.narrow] - 20 - 8 * len(sum_) for _, sum_ in told]
        return [
            {"place": height, "name": f"{canvas.limited(name, pixels)} {sum_}"}
            for (name, sum_), pixels, height in zip(told, left, heights, strict=True)
        ]

    def _apart(self, canvas: Canvas, top: float) -> Chart:
        """A drawing for each message, with the present message's line in all of them."""
        control = next((k for k, variant in enumerate(self.variants) if variant.is_control), 0)
        panels = [
            Panel(v.role, v.key, number(self.sums[-1][k]), self._beside(k, control))
            for k, v in enumerate(self.variants) if k != control
        ]  # fmt: skip
        scale, y_axis = alt.Scale(domain=[0, top], nice=False), alt.Axis(title=None, tickCount=3, labelExpr=SHORT)

        def draw(base: alt.Chart) -> Layers:
            timed = base.encode(x=axis(self.periods, canvas, panels=columns(len(panels), canvas)))
            own, beside = (alt.Y(f"{name}:Q", scale=scale, axis=y_axis) for name in ("sum", "beside"))
            return (
                timed.mark_line(strokeWidth=1.5, strokeDash=[6, 4], color=SERIES[0]).encode(y=beside),
                timed.mark_line(strokeWidth=2.5).encode(y=own, color=colours()),
            )

        above = (
            f"people who {self.did}, so far; broken: {canvas.limited(self.variants[control].key, 0.3 * canvas.width)}"
        )
        return arranged(panels, canvas, above, draw)


def subject(result: Mapping[str, Any]) -> HelpOverTime | None:
    """What there is to draw of a report's dict: nothing before two days are told."""
    told = chosen(points(result), len(result["arms"]))
    if len(told) < 2:
        return None
    outcome = result.get("primary_outcome", result["outcome"])
    return HelpOverTime(
        DID.get(outcome, "had the outcome"), variants(result), tuple(point["period"] for point in told),
        tuple(tuple(point["conversions"]) for point in told), tuple(told[-1]["units"]),
    )  # fmt: skip
