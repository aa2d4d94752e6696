"""When a verdict can be expected, if things go on as in the last periods."""

from __future__ import annotations

from math import ceil, exp, log, sqrt

import numpy as np

from stats.counts import Counts
from stats.evidence import Array, Flags
from stats.intervals import normal_quantile
from stats.path import Path
from stats.reading import Reading
from stats.reasons import Notes
from stats.result import Forecast, Status
from stats.sample_size import kl

RECENT = 14  # sealed periods whose pace is taken
HORIZON = 3_650  # periods: what lies beyond is "not within ten years"
MIDDLE = 0.2  # the range leaves out so much
RUNNING: tuple[Status, ...] = ("collecting", "narrowed")

Range = tuple[int | None, int | None, int | None]


def forecast(reading: Reading, counts: Counts, status: Status, notes: Notes) -> Forecast | None:
    """Return what is still to come, or None where nothing is: no experiment that collects, or no sealed period.

    `sequential`: the leading variant has to rule out its nearest rival. At the present ratio of their rates each of
    their events adds `stats.sample_size.kl` to the evidence; the range is that of the ratio's middle 80 %. `planned`
    designs: the periods until the slowest variant has its planned units.
    """
    if status not in RUNNING:
        notes.add("decided", "forecast")
        return None
    if reading.plan.unit == "block":
        notes.add("not-computed", "forecast")
        return None
    if not reading.path.periods:
        notes.add("no-sealed-units", "forecast")
        return None
    still_open = counts.open_arms(reading.plan.variants)
    is_open = np.array([variant in still_open for variant in reading.plan.variants])
    events, periods = _verdict_in(reading, is_open, notes)
    return Forecast(events, periods, _planned_in(reading, is_open, notes))


def _verdict_in(reading: Reading, is_open: Flags, notes: Notes) -> tuple[int | None, Range | None]:
    """Return (events of the pair still needed, periods until then)."""
    places = ("forecast.events", "forecast.periods")
    if reading.plan.design != "sequential":
        notes.add_all("planned-size", places)
        return None, None
    found = _leading(reading, is_open)
    if found is None:
        notes.add_all("global-evidence-missing", places)
        return None, None
    first, second = found
    seen = reading.state.events[0, [first, second]]
    if not seen.all():
        notes.add_all("no-events", places)
        return None, None
    missing = max(0.0, log(1 / reading.plan.alpha) - float(reading.state.log_wealth[0, second]))
    rates = seen / reading.state.units[0, [first, second]]
    middle = abs(log(float(rates[0] / rates[1])))
    wide = normal_quantile(MIDDLE) * sqrt(float((1 / seen).sum()))
    needs = [_events(missing, log_ratio) for log_ratio in (middle + wide, middle, middle - wide)]
    pace = float(_recent(reading.path, reading.path.events)[[first, second]].sum())
    low, mid, high = (_periods(need, pace) for need in needs)
    if high is None:
        notes.add("not-in-sight", "forecast.periods")
    if mid is None:
        notes.add("not-in-sight", "forecast.events")
        return None, (low, None, None)
    return ceil(needs[1]), (low, mid, high)


def _leading(reading: Reading, is_open: Flags) -> tuple[int, int] | None:
    """Return the leading variant and its nearest rival, or None where no rival is left."""
    left = np.flatnonzero(is_open & ~reading.state.eliminated[0] & (reading.state.units[0] > 0))
    if len(left) < 2:
        return None
    rates = reading.state.events[0, left] / reading.state.units[0, left]
    order = np.argsort(-rates if reading.outcome.better == "higher" else rates, kind="stable")
    return int(left[order[0]]), int(left[order[1]])


def _events(missing: float, log_ratio: float) -> float:
    growth = kl(exp(log_ratio)) if log_ratio > 0 else 0.0
    return missing / growth if growth > 0 else float("inf")


def _periods(events: float, pace: float) -> int | None:
    periods = events / pace if pace > 0 else float("inf")
    return ceil(periods) if periods <= HORIZON else None


def _planned_in(reading: Reading, is_open: Flags, notes: Notes) -> int | None:
    """Return the periods until every open variant has its planned units; None without a plan, or not in sight."""
    planned = reading.plan.planned_units
    if planned is None:
        notes.add("no-planned-size", "forecast.planned_periods")
        return None
    missing = np.maximum(planned - reading.state.units[0, is_open], 0)
    pace = _recent(reading.path, reading.path.units)[is_open]
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = np.where(missing > 0, missing / pace, 0.0)
    slowest = float(needed.max(initial=0.0))
    if slowest > HORIZON:
        notes.add("not-in-sight", "forecast.planned_periods")
        return None
    return ceil(slowest)


def _recent(path: Path, values: Array) -> Array:
    """Return the mean per period (K,) over the last periods."""
    last = list(dict.fromkeys(path.periods))[-RECENT:]
    chosen = np.isin(np.array(path.periods), last)
    mean: Array = values[chosen].sum(axis=0) / len(last)
    return mean
