"""The evidence that the messages differ, day by day, with the line at which it is enough."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import log10
from typing import Any

import altair as alt

from app.charts.house import SERIES, SOFT, Canvas, Chart, Room, across, finished, texts, values
from app.charts.kinds import Table
from app.charts.series import ROWS, axis, chosen, places, points, thinned
from app.charts.words import day, listed, named, number

HEIGHT = 200
WRITTEN_OUT = 6  # powers of ten
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class EvidenceOverTime:
    """log10_e: for each period;   enough: where it speaks, as its logarithm;   out: variants ruled out, by period."""

    enough: float
    periods: tuple[str, ...]
    log10_e: tuple[float, ...]
    out: tuple[tuple[str, ...], ...]
    name: str = "evidence_over_time"

    @property
    def title(self) -> str:
        return "Evidence that the messages differ, day by day"

    @property
    def description(self) -> str:
        reached = next((p for p, e in zip(self.periods, self.log10_e, strict=True) if e >= self.enough), None)
        told = f"Until {day(self.periods[-1])} the evidence has come to {_evidence(self.log10_e[-1])}. "
        told += f"{_evidence(self.enough)} is enough"
        told += f", and was reached by {day(reached)}." if reached else ", which it has not reached yet."
        if self.out[-1]:
            told += f" Ruled out as the best by then: {listed([named(arm) for arm in self.out[-1]])}."
        return told

    @property
    def table(self) -> Table:
        rows = thinned(tuple(zip(self.periods, self.log10_e, self.out, strict=True)), ROWS)
        told = tuple((day(period), _evidence(e), ", ".join(out) or "–") for period, e, out in rows)
        return Table(("Until", "Evidence", "Ruled out"), told)

    def chart(self, canvas: Canvas) -> Chart:
        low, high = min(0.0, *self.log10_e), max(self.enough, *self.log10_e)
        spread = high - low
        scale = alt.Scale(domain=[low - 0.05 * spread, high + 0.12 * spread], nice=False)
        ticks = _ticks(low, high)
        labels = json.dumps({str(tick): _evidence(tick) for tick in ticks}, ensure_ascii=False)
        y_axis = alt.Axis(title=None, values=ticks, labelExpr=f"{labels}[datum.value]")
        x, y = axis(self.periods, canvas), alt.Y("e:Q", scale=scale, axis=y_axis)
        rows = [{"at": at, "e": e} for at, e in zip(places(self.periods), self.log10_e, strict=True)]
        line = alt.Chart(values(rows)).encode(x=x, y=y)
        enough = alt.Chart(values([{"e": self.enough, "text": f"enough: {_evidence(self.enough)}"}])).encode(y=y)
        room = Room(left=20 + 8 * max(len(_evidence(tick)) for tick in ticks), right=20)
        over = self.log10_e[-1] - self.enough > 0.25 * spread  # then the line has left the end free
        words = texts(enough, align="right" if over else "left", dy=-9)
        place = canvas.across(room) if over else 4
        layers = [
            enough.mark_rule(strokeDash=[6, 4], color=SOFT, strokeWidth=1.5),
            words.encode(x=across(place), text=alt.Text("text:N")),
            line.mark_line(color=SERIES[1], strokeWidth=2.5),
            alt.Chart(values(rows[-1:])).encode(x=x, y=y).mark_point(color=SERIES[1], filled=True, size=70, opacity=1),
        ]
        return finished(layers, canvas, room, HEIGHT, "evidence: 1 is none")


def _ticks(low: float, high: float) -> list[int]:
    step = max(1, round((high - low) / 5))
    return list(range(int(low // step) * step, int(high) + 1, step))


def _evidence(log10_e: float) -> str:
    """An e-value as people write it."""
    if abs(log10_e) >= WRITTEN_OUT:
        return "10" + f"{log10_e:.0f}".translate(RAISED)
    value = 10**log10_e
    return number(value) if value >= 10 else f"{value:.2g}"


def subject(result: Mapping[str, Any]) -> EvidenceOverTime | None:
    """What there is to draw of a report's dict: nothing before two days are told."""
    told = chosen([point for point in points(result) if point["log10_e"] is not None], 1)
    if len(told) < 2:
        return None
    return EvidenceOverTime(
        -log10(result["alpha"]), tuple(point["period"] for point in told), tuple(point["log10_e"] for point in told),
        tuple(tuple(point["eliminated"]) for point in told),
    )  # fmt: skip
