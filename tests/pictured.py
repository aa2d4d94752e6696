"""Results to draw: reports of made-up counts, as dicts, with the path that is told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np

import stats

KEYS = ("present", "law", "harm", "consequences", "help", *(f"message-{number}" for number in range(6, 13)))
FROM_THE_RIGHT = ("الحالي", "قانون", "ضرر and help", "a-very-long-key-of-a-message-that-seems-never-to-end-at-all")


def result(
    keys: Sequence[str] = KEYS[:5], days: int = 21, *, per_day: int = 300, rate: float = 0.05, best: float = 1.6,
    design: str = "sequential", better: str = "higher", weights: Sequence[float] = (), dated: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Return the dict of a report: the last message is the best, `best` times the first; one in 50 is never shown."""
    rng = np.random.default_rng(len(keys))
    shares = weights or [1 / len(keys)] * len(keys)
    cells = []
    for day in range(days):
        period = (dt.date(2026, 9, 1) + dt.timedelta(day)).isoformat() if dated else f"week {day + 1}"
        for at, (key, share) in enumerate(zip(keys, shares, strict=True)):
            assigned = int(rng.poisson(per_day * len(keys) * share))
            shown = assigned - int(rng.binomial(assigned, 0.02))
            sought = int(rng.binomial(shown, rate * (best if at == len(keys) - 1 else 1.0)))
            cells.append(stats.Cell(key, 1, period, "", "", assigned, shown, {"help_sought": sought}))
    primary = stats.Outcome("help_sought", "primary", better)
    plan = stats.Plan(tuple(keys), keys[0], (primary,), design=design, planned_units=10**6)
    logged = {1: dict(zip(keys, shares, strict=True))}
    made = stats.report(plan, stats.Counts(tuple(cells), shares=logged)).to_dict()
    return {**made, "primary_outcome": "help_sought"}
