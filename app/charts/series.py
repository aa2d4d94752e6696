"""What a result's path is, read for pictures over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import altair as alt

from app.charts.house import Canvas
from app.charts.words import dated

MOST = 60  # points of a line; where there are many lines, two thirds
MANY = 6
ROWS = 12  # of a table
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant by its key and role: the control is 0, the others count from 1 in the plan's order."""

    key: str
    role: int

    @property
    def is_control(self) -> bool:
        """Whether the others are compared with it."""
        return self.role == 0


def variants(result: Mapping[str, Any]) -> tuple[Variant, ...]:
    """The variants in the plan's order."""
    keys = [arm["variant"] for arm in result["arms"]]
    others = [key for key in keys if key != result["control"]]
    return tuple(Variant(key, others.index(key) + 1 if key in others else 0) for key in keys)


def points(result: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The path's points, the last one of each period."""
    return list({point["period"]: point for point in result["path"]}.values())


def chosen(told: Sequence[Item], lines: int) -> tuple[Item, ...]:
    """The points that so many lines are drawn with."""
    return thinned(told, MOST if lines <= MANY else 2 * MOST // 3)


def thinned(items: Sequence[Item], most: int) -> tuple[Item, ...]:
    """At most so many items, evenly chosen, the first and the last among them."""
    if len(items) <= most:
        return tuple(items)
    return tuple(items[round(at * (len(items) - 1) / (most - 1))] for at in range(most))


def places(periods: Sequence[str]) -> list[str] | list[int]:
    """Where periods stand on the axis: their days, or else their numbers."""
    days = [dated(period) for period in periods]
    if all(days):
        return [found.isoformat() for found in days if found]
    return list(range(1, len(periods) + 1))


def axis(periods: Sequence[str], canvas: Canvas, *, panels: int = 1) -> alt.X:
    """The axis of time for the field `at`."""
    ticks = max(2, canvas.width // (95 * panels))
    if all(dated(period) for period in periods):
        plain = alt.Axis(format="%-d %b", tickCount=ticks, title=None, grid=False)
        return alt.X("at:T", scale=alt.Scale(type="utc"), axis=plain)
    numbered = alt.Axis(format=",d", tickCount=ticks, tickMinStep=1, title="periods counted", grid=False)
    return alt.X("at:Q", scale=alt.Scale(zero=False, nice=False), axis=numbered)
