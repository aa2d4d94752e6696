"""Short ways from a table of events and units to a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

import stats

Table = Mapping[str, tuple[int, int]]


def counts_of(table: Table, shares: Mapping[str, float] | None = None) -> stats.Counts:
    """One phase, every assigned unit exposed, the outcome called `help`."""
    cells = tuple(stats.Cell(arm, 1, "", "", "", n, n, {"help": x}) for arm, (x, n) in table.items())
    return stats.Counts(cells, shares={1: shares} if shares else {})


def plan_of(table: Table, **changes: Any) -> stats.Plan:
    """The first arm of the table is the control."""
    settings = {"variants": tuple(table), "control": next(iter(table)), "design": "fixed"} | changes
    better = settings.pop("better", "higher")
    clicks_only = settings.pop("clicks_only", False)
    primary = stats.Outcome("help", "primary", better, clicks_only=clicks_only)
    return stats.Plan(**({"outcomes": (primary,)} | settings))


@pytest.fixture(scope="session")
def analyse() -> Callable[..., stats.Report]:
    """Report of a table {arm: (events, units)}; further arguments change the plan, `shares` the counts."""

    def make(table: Table, shares: Mapping[str, float] | None = None, **changes: Any) -> stats.Report:
        return stats.report(plan_of(table, **changes), counts_of(table, shares))

    return make


@pytest.fixture(scope="session")
def pair() -> Callable[..., Any]:
    """The pair (a, b) of a report."""

    def find(report: stats.Report, a: str, b: str) -> Any:
        return next(found for found in report.pairs if (found.a, found.b) == (a, b))

    return find
