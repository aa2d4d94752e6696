"""What is still to come: by hand on small tables, and against how long simulated experiments really took."""

from __future__ import annotations

from math import ceil, log

import numpy as np
import pytest

from stats import Cell, Counts, Outcome, Plan, evidence, report
from stats.sample_size import kl

SHARES = {1: {"a": 0.5, "b": 0.5}}


def days(*table, shares=SHARES, **plan):
    """Report of days, each {variant: (events, units)}."""
    cells = tuple(
        Cell(arm, 1, f"2026-03-{day + 1:02}", "", "", n, n, {"help": x})
        for day, row in enumerate(table)
        for arm, (x, n) in row.items()
    )
    better = plan.pop("better", "higher")
    made = Plan(
        tuple(table[0]),
        "a",
        (Outcome("help", "primary", better),),
        **{"design": "sequential", "planned_units": 100_000} | plan,
    )
    return report(made, Counts(cells, shares=shares))


def reasons(made):
    return {(reason.code, reason.field) for reason in made.reasons if reason.field.startswith("forecast")}


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_the_evidence_that_is_missing_over_what_an_event_brings(better):
    made = days(*[{"a": (10, 1_000), "b": (14, 1_000)}] * 5, better=better)
    state = evidence.start(1, 2, 0.05, better)
    step = np.full((1, 5, 2), 0.5)
    state, _ = evidence.follow(state, np.tile([10.0, 14.0], (1, 5, 1)), np.full((1, 5, 2), 1_000.0), step)
    behind = 0 if better == "higher" else 1
    missing = log(20) - float(state.log_wealth[0, behind])
    assert made.forecast.events == ceil(missing / kl(1.4))
    low, middle, high = made.forecast.periods
    assert middle == ceil(missing / kl(1.4) / 24)
    assert low < middle
    assert high is None or high > middle  # at 50 against 70 events the ratio's middle 80 % ends near 1
    assert made.forecast.planned_periods == (100_000 - 5_000) / 1_000


def test_only_the_last_fortnight_sets_the_pace():
    slow = [{"a": (1, 1_000), "b": (1, 1_000)}] * 6
    fast = [{"a": (3, 3_000), "b": (3, 3_000)}] * 14
    made = days(*slow, *fast, planned_units=60_000)
    assert made.forecast.planned_periods == ceil((60_000 - 48_000) / 3_000)


def test_equal_variants_are_not_in_sight():
    made = days(*[{"a": (10, 1_000), "b": (10, 1_000)}] * 5)
    assert made.forecast.events is None
    assert made.forecast.periods[1:] == (None, None)
    assert {("not-in-sight", "forecast.events"), ("not-in-sight", "forecast.periods")} <= reasons(made)


def test_without_events_nothing_can_be_said():
    made = days({"a": (0, 1_000), "b": (4, 1_000)})
    assert (made.forecast.events, made.forecast.periods) == (None, None)
    assert ("no-events", "forecast.periods") in reasons(made)


@pytest.mark.parametrize("design", ["fixed", "looks"])
def test_planned_designs_wait_for_their_size(design):
    made = days(*[{"a": (10, 1_000), "b": (12, 990)}] * 5, design=design, planned_units=10_000)
    assert made.forecast.periods is None
    assert made.forecast.planned_periods == ceil((10_000 - 4_950) / 990)
    assert ("planned-size", "forecast.periods") in reasons(made)


def test_a_final_table_waits_for_nothing():
    made = days(*[{"a": (10, 1_000), "b": (14, 1_000)}] * 5, planned_units=None)
    assert (made.status, made.forecast) == ("no-clear-winner", None)


def test_a_pace_of_nothing_reaches_no_planned_size():
    made = days(*[{"a": (10, 1_000), "b": (12, 1_000)}] * 5, planned_units=10**9)
    assert made.forecast.planned_periods is None
    assert ("not-in-sight", "forecast.planned_periods") in reasons(made)


def test_a_verdict_leaves_nothing_to_wait_for():
    made = days(*[{"a": (10, 1_000), "b": (100, 1_000)}] * 5)
    assert (made.status, made.forecast) == ("winner", None)
    assert ("decided", "forecast") in reasons(made)


def test_a_variant_that_is_ruled_out_is_no_rival():
    shares = {1: dict.fromkeys("abc", 1 / 3)}
    made = days(*[{"a": (20, 1_000), "b": (2, 1_000), "c": (24, 1_000)}] * 8, shares=shares)
    assert made.status_arms == ("a", "c")
    assert made.forecast.periods[1] == pytest.approx(made.forecast.events / (20 + 24), abs=1)  # not b's pace of 2


def test_the_range_holds_what_really_happens():
    """A third of the way to the mean end, the real remainder lies in the range in 70 % of 120 runs or more."""
    rng, rates, inside, runs = np.random.default_rng(11), {"a": 0.01, "b": 0.014}, 0, 120
    for _ in range(runs):
        table = [{arm: (int(rng.binomial(1_000, rate)), 1_000) for arm, rate in rates.items()} for _ in range(60)]
        seen = np.array([[row[arm][0] for arm in rates] for row in table], dtype=float)
        _, steps = evidence.follow(
            evidence.start(1, 2, 0.05), seen[None], np.full((1, 60, 2), 1_000.0), np.full((1, 60, 2), 0.5)
        )
        ended = steps.eliminated[0].any(axis=1)
        end = int(ended.argmax()) + 1 if ended.any() else 61
        if end <= 6:  # decided before it is asked
            runs -= 1
            continue
        low, _, high = days(*table[:6]).forecast.periods
        inside += (low or 0) <= end - 6 <= (high or 3_650)
    assert inside / runs > 0.7
