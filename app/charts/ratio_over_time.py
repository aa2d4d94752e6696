"""How many times better than the present message, day by day, with the band that narrows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, inf, log
from typing import Any

import altair as alt

from app.charts.house import SOFT, Canvas, Chart, colours
from app.charts.kinds import Table
from app.charts.panels import Layers, Panel, arranged, columns, once
from app.charts.series import ROWS, Variant, axis, chosen, places, points, thinned, variants
from app.charts.words import between, day, named, times

Band = tuple[float, float | None, float | None]
LEAST, WIDEST = 1.5, 4.0  # ends of the scale; wider only where a ratio is far from 1


@dataclass(frozen=True, slots=True)
class RatioOverTime:
    """bands: for each period the band of each of the variants, without the control; None: nothing known.

    lower: whether a lower rate is the better one.
    """

    control: str
    variants: tuple[Variant, ...]
    periods: tuple[str, ...]
    bands: tuple[tuple[Band | None, ...], ...]
    lower: bool = False
    name: str = "ratio_over_time"

    @property
    def title(self) -> str:
        return f"Times {'the' if self.lower else 'better than the'} present message, day by day"

    @property
    def description(self) -> str:
        last = sorted(zip(self.variants, self.bands[-1], strict=True), key=lambda pair: -_middle(pair[1]))
        these = last if len(last) < 5 else (last[0], last[-1])
        told = "; ".join(f"{named(variant.key)} {_told(band)}" for variant, band in these)
        rest = "" if len(last) < 5 else f" Of {len(last)} messages these are the highest and the lowest."
        return (
            f"Compared with the present message {named(self.control)}, on {day(self.periods[-1])}: {told}.{rest} "
            "Each band holds at every moment and narrows as days are counted; "
            f"{'below' if self.lower else 'above'} 1 is better than the present one."
        )

    @property
    def table(self) -> Table:
        head = ("Until", *(v.key for v in self.variants))
        rows = thinned(tuple(zip(self.periods, self.bands, strict=True)), ROWS)
        return Table(head, tuple((day(period), *map(_told, bands)) for period, bands in rows))

    def chart(self, canvas: Canvas) -> Chart:
        at, domain = places(self.periods), self._domain()
        panels = [
            Panel(v.role, v.key, _told(self.bands[-1][k]), self._rows(k, at, domain))
            for k, v in enumerate(self.variants)
        ]
        some = (0.5, 0.7, 1, 1.4, 2) if domain[1] < 3 else (0.1, 0.25, 0.5, 1, 2, 4, 10)
        ticks = [tick for tick in some if domain[0] <= tick <= domain[1]]
        scale, y_axis = (
            alt.Scale(type="log", domain=list(domain), nice=False),
            alt.Axis(title=None, values=ticks, format="~g"),
        )

        def draw(base: alt.Chart) -> Layers:
            timed = base.encode(x=axis(self.periods, canvas, panels=columns(len(panels), canvas)), color=colours())
            low, ratio, high = (alt.Y(f"{name}:Q", scale=scale, axis=y_axis) for name in ("low", "ratio", "high"))
            band = timed.mark_area(opacity=0.2, clip=True).encode(y=low, y2=alt.Y2("high:Q"))
            ends = [timed.mark_line(strokeWidth=1, clip=True).encode(y=end) for end in (low, high)]
            one = once(base).mark_rule(strokeDash=[6, 4], color=SOFT).encode(y=alt.YDatum(1, scale=scale, axis=y_axis))
            return band, *ends, one, timed.mark_line(strokeWidth=2.5, clip=True).encode(y=ratio)

        return arranged(panels, canvas, "times the present message (the broken line, 1)", draw)

    def _rows(self, k: int, at: list[Any], domain: tuple[float, float]) -> list[dict[str, Any]]:
        low, high = domain
        return [
            {
                "at": where, "low": max(band[0], low), "ratio": band[1],
                "high": high if band[2] is None else min(band[2], high),
            }
            for where, bands in zip(at, self.bands, strict=True)
            if (band := bands[k]) is not None and band[0] < high and (band[2] is None or band[2] > low)
        ]  # fmt: skip

    def _domain(self) -> tuple[float, float]:
        """The ends of the scale: around 1 on either side as far as the last bands reach."""
        last = [band for band in self.bands[-1] if band]
        ratios = [abs(log(band[1])) for band in last if band[1]]
        ends = [abs(log(end)) for band in last for end in (band[0], band[2]) if end]
        reach = max(log(LEAST), min(1.2 * max(ends, default=0), max(2 * max(ratios, default=0), log(WIDEST))))
        return exp(-reach), exp(reach)


def _middle(band: Band | None) -> float:
    """Where a band stands among others."""
    if band is None:
        return 1.0
    return band[1] if band[1] is not None else inf


def _told(band: Band | None) -> str:
    if band is None:
        return "–"
    return f"{times(band[1])} ({between(band[0], band[2])})" if band[1] is not None else between(band[0], band[2])


def subject(result: Mapping[str, Any]) -> RatioOverTime | None:
    """What there is to draw of a report's dict: nothing before two days have a band."""
    known = variants(result)
    at = [k for k, variant in enumerate(known) if not variant.is_control]
    told = [
        (point["period"], tuple(_band(point["ratios"][k]) for k in at))
        for point in points(result)
        if point.get("ratios") and any(point["ratios"][k] for k in at)
    ]
    if len(told) < 2:
        return None
    some = chosen(told, len(at))
    return RatioOverTime(
        result["control"],
        tuple(known[k] for k in at),
        tuple(p for p, _ in some),
        tuple(b for _, b in some),
        result["better"] == "lower",
    )


def _band(found: list[float | None] | None) -> Band | None:
    return None if found is None else (found[0] or 0.0, found[1], found[2])
