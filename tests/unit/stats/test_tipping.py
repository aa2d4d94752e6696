"""The search for the tipping point, and that it takes few steps at any number of outcomes."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import pytest

from stats import Cell, Counts, Outcome, Plan, report, tipping

ARMS = ("present", "law", "harm")
PLAN = Plan(ARMS, "present", (Outcome("help", "primary"),))


@pytest.mark.parametrize("smallest", [1, 2, 57, 4_711, 9_999, 10_000])
@pytest.mark.parametrize("shape", [lambda d: d, lambda d: d**3, lambda d: 1.0 if d > 0 else -1.0, sqrt])
def test_the_smallest_number_is_found(smallest, shape):
    def margin(number):
        left = smallest - number - 0.5
        return shape(left) if left > 0 else -abs(shape(-left))

    assert tipping._smallest(margin, (10_000,)) == smallest
    assert tipping._smallest(margin, (0, smallest - 1, 20_000)) == smallest


def test_no_number_is_found_where_none_is_or_all_are():
    assert tipping._smallest(lambda number: 1.0, (5, 10_000)) is None
    assert tipping._smallest(lambda number: 1.0, (0,)) is None
    assert tipping._smallest(lambda number: -1.0, (5, 10_000)) == 0


def made(units, better, rates):
    cells = tuple(
        Cell(arm, 1, f"{day:02}", "", "", units, units, {"help": round(units * rate) + day % 2})
        for day in range(30)
        for arm, rate in zip(ARMS, rates, strict=True)
    )
    plan = replace(PLAN, outcomes=(Outcome("help", "primary", better),))
    return report(plan, Counts(cells, shares={1: dict.fromkeys(ARMS, 1 / 3)}))


@pytest.mark.parametrize(("better", "rates"), [("higher", (0.01, 0.011, 0.03)), ("lower", (0.03, 0.028, 0.01))])
def test_steps_do_not_grow_with_the_units(monkeypatch, better, rates):
    """The number itself grows thousandfold."""
    engine, runs, found = tipping.follow, [], []
    monkeypatch.setattr(tipping, "follow", lambda *given: runs.append(len(given[1])) or engine(*given))
    for units in (1_000, 30_000, 1_000_000):
        runs.clear()
        found.append(made(units, better, rates).tipping_point)
        assert 0 < sum(runs) <= 20, units
    assert found[2] > 900 * found[0] > 0
