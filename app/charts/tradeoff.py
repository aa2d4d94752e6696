"""What a plan can find against how long it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

from app.charts.house import INK, SERIES, SOFT, Canvas, Chart, Room, finished, texts, values
from app.charts.kinds import Table
from app.charts.words import number, times

HEIGHT = 200


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """points: (days, ratio found), days ascending;   chosen: the plan's own (days, ratio)."""

    points: tuple[tuple[int, float], ...]
    chosen: tuple[int, float] | None
    power: float | None
    name: str = "tradeoff"

    @property
    def title(self) -> str:
        return "How long it runs, and how small a difference it finds"

    @property
    def description(self) -> str:
        (short, large), (long, small) = self.points[0], self.points[-1]
        odds = f" with {100 * self.power:g} % probability" if self.power else ""
        told = (
            f"In {number(short)} days it finds a message that works {times(large)} times as well as the others{odds}; "
            f"in {number(long)} days one of {times(small)} times."
        )
        if self.chosen:
            told += f" Your plan, {times(self.chosen[1])} times, takes {number(self.chosen[0])} days."
        return told

    @property
    def table(self) -> Table:
        rows = [(number(days), times(ratio)) for days, ratio in self.points]
        if self.chosen:
            rows.append((f"{number(self.chosen[0])} (your plan)", times(self.chosen[1])))
        return Table(("Days", "Times the rate of the others"), tuple(rows))

    def chart(self, canvas: Canvas) -> Chart:
        both = [*self.points, *([self.chosen] if self.chosen else [])]
        days, ratios = [day for day, _ in both], [ratio for _, ratio in both]
        across = alt.Scale(type="log", domain=[min(days) * 0.9, max(days) * 1.15], nice=False)
        up = alt.Scale(type="log", domain=[min(ratios) * 0.97, max(ratios) * 1.05], nice=False)
        below = alt.Axis(title="days until the verdict", values=_ticks(days), format=",d", grid=False)
        x = alt.X("days:Q", scale=across, axis=below)
        y = alt.Y("ratio:Q", scale=up, axis=alt.Axis(title=None, tickCount=5, format=".2~f"))
        curve = alt.Chart(values([{"days": day, "ratio": ratio, "text": times(ratio)} for day, ratio in self.points]))
        layers = [
            curve.mark_line(color=SERIES[1], strokeWidth=2, interpolate="monotone").encode(x=x, y=y),
            curve.mark_point(color=SERIES[1], filled=True, size=60, opacity=1).encode(x=x, y=y),
            texts(curve, dx=6, dy=-8).encode(x=x, y=y, text=alt.Text("text:N")),
        ]
        if self.chosen:
            mine = alt.Chart(values([{"days": self.chosen[0], "ratio": self.chosen[1], "text": "your plan"}]))
            layers += [
                mine.mark_point(shape="diamond", size=180, color=INK, filled=True, opacity=1).encode(x=x, y=y),
                mine.mark_rule(strokeDash=[4, 4], color=SOFT).encode(
                    x=x,
                    y=y,
                    y2=alt.Y2Value(HEIGHT),  # type: ignore[no-untyped-call]
                ),
                texts(mine, align="right", dx=-10, dy=12, bold=True).encode(x=x, y=y, text=alt.Text("text:N")),
            ]
        room = Room(left=44, right=40, bottom=48)
        return finished(layers, canvas, room, HEIGHT, "difference found: times the others' rate")


def _ticks(days: list[int]) -> list[int]:
    marks = (1, 2, 5, 10, 30, 90, 180, 365, 730, 1825, 3650)
    return [mark for mark in marks if min(days) * 0.9 <= mark <= max(days) * 1.15]


def subject(plan: Mapping[str, Any]) -> Tradeoff | None:
    """What there is to draw of a plan's dict."""
    points = tuple(
        (int(found["days"]), float(found["ratio"]))
        for found in plan.get("detectable", ())
        if found["ratio"] is not None
    )
    if len(points) < 2:
        return None
    question, chosen = plan.get("question"), plan.get("chosen")
    own = (int(chosen["days"]), float(question["ratio"])) if question and chosen else None
    return Tradeoff(tuple(sorted(points)), own, question["power"] if question else None)
