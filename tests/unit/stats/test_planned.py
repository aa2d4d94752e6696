"""Design `looks`: when a look is due, what it decides, and that equal messages rarely win."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import StratifiedTable

from stats import Cell, Counts, Outcome, Plan, report
from stats.looks import boundaries
from stats.path import path_of
from stats.planned import planned_looks, z_values
from stats.reading import read
from stats.reasons import Notes

HELP = (Outcome("help", "primary"),)


def plan_of(arms="ab", **settings):
    return Plan(tuple(arms), arms[0], HELP, **({"design": "looks", "planned_units": 1_000} | settings))


def counts_of(*days, arms="ab", shares=None, phases=None):
    """Each day is a tuple of (events, units) per arm."""
    cells = tuple(
        Cell(arm, phases[day] if phases else 1, f"day {day:03}", "", "", n, n, {"help": x})
        for day, table in enumerate(days)
        for arm, (x, n) in zip(arms, table, strict=True)
    )
    return Counts(cells, shares=shares or {1: dict.fromkeys(arms, 1 / len(arms))})


def test_before_the_first_look_all_are_to_come():
    found = report(plan_of(), counts_of(((9, 199), (30, 199))))
    assert (found.status, [look.period for look in found.looks]) == ("collecting", [None] * 5)
    assert [look.bound for look in found.looks] == pytest.approx(
        boundaries((0.2, 0.4, 0.6, 0.8, 1.0), 0.025, "obrien-fleming")
    )


def test_a_look_is_taken_when_the_smallest_arm_has_its_part():
    found = report(plan_of(looks=2), counts_of(((20, 499), (60, 700)), ((0, 1), (0, 1))))
    first, second = found.looks
    assert (first.number, first.period, first.information) == (1, "day 001", 0.5)
    assert (second.period, second.information) == (None, 1.0)


def test_a_look_that_decides_names_the_winner_at_once():
    found = report(plan_of(looks=2), counts_of(((20, 500), (60, 500))))
    assert (found.status, found.status_arms) == ("winner", ("b",))
    assert found.looks[0].eliminated == ("a",)


def test_what_a_look_decided_stays_decided():
    """The next days turn the difference round; the look has spoken."""
    found = report(plan_of(looks=2), counts_of(((20, 500), (60, 500)), ((60, 100), (10, 100))))
    assert found.status == "winner"


def test_between_looks_nothing_is_decided():
    """A difference that would decide at the second look, on a day on which none is due."""
    found = report(plan_of(looks=2), counts_of(((40, 500), (48, 500)), ((10, 300), (90, 300))))
    assert found.status == "collecting"


def test_the_last_look_ends_it():
    found = report(plan_of(looks=2), counts_of(((50, 1000), (51, 1000))))
    assert found.status in {"no-clear-winner", "practically-equal"}
    assert [(look.number, look.information) for look in found.looks] == [(2, 1.0)], "the first look was passed over"


def test_a_table_without_a_planned_size_is_looked_at_once():
    found = report(plan_of(planned_units=None), counts_of(((50, 1000), (100, 1000))))
    assert (found.status, found.looks[-1].information, len(found.looks)) == ("winner", 1.0, 1)
    assert found.looks[0].bound == pytest.approx(1.959964, abs=1e-6)


def test_fewer_than_ten_events_wait():
    found = report(plan_of(planned_units=100), counts_of(((1, 100), (9, 100))))
    assert (found.status, found.looks[-1].eliminated) == ("no-clear-winner", ())
    assert [reason.where for reason in found.reasons if reason.code == "under-ten-events"] == [("a/b",)]


def test_the_error_is_shared_and_passed_on():
    """Three pairs share alpha, 2.39 for each; c is decided over both others, which leaves 1.96 for a and b."""
    plan, counts = (
        plan_of("abc", planned_units=2_000),
        counts_of(((100, 2_000), (132, 2_000), (400, 2_000)), arms="abc"),
    )
    z, _ = z_values(path_of(plan, counts, "help"), 0)
    alone, shared = (boundaries((1.0,), 0.05 / parts, "obrien-fleming")[0] for parts in (2, 6))
    assert alone < z[1, 0] < shared
    assert planned_looks(read(plan, counts, HELP[0]), Notes()).better[1, 0]
    apart = counts_of(((100, 2_000), (132, 2_000), (116, 2_000)), arms="abc")
    assert not planned_looks(read(plan, apart, HELP[0]), Notes()).better[1, 0]
    found = report(plan, counts)
    assert (found.status, found.status_arms) == ("winner", ("c",))


def test_lower_may_be_better():
    plan = Plan(("a", "b"), "a", (Outcome("help", "primary", "lower"),), design="looks", planned_units=500)
    found = report(plan, counts_of(((20, 500), (60, 500))))
    assert (found.status, found.status_arms) == ("winner", ("a",))


def test_z_over_phases_is_the_stratified_test():
    """With shares that change; statsmodels' Mantel-Haenszel test without correction is its square."""
    shares = {1: {"a": 0.5, "b": 0.5}, 2: {"a": 0.2, "b": 0.8}}
    counts = counts_of(((40, 900), (70, 950)), ((90, 400), (300, 1_500)), shares=shares, phases=(1, 2))
    z, known = z_values(path_of(plan_of(), counts, "help"), 1)
    tables = [np.array([[70, 880], [40, 860]]), np.array([[300, 1200], [90, 310]])]
    assert known[1, 0]
    assert z[1, 0] ** 2 == pytest.approx(StratifiedTable(tables).test_null_odds().statistic, rel=1e-12)
    assert z[0, 1] == -z[1, 0]


def test_p_values_of_one_look_are_withheld():
    found = report(plan_of(), counts_of(((20, 1_000), (60, 1_000))))
    assert {pair.p_value for pair in found.pairs} == {None}
    assert "planned-looks" in {reason.code for reason in found.reasons}


def test_blocks_cannot_be_looked_at():
    with pytest.raises(ValueError, match="unit: planned looks need units that are independent"):
        plan_of(unit="block")


def test_a_broken_split_blocks_looks_too():
    found = report(plan_of(planned_units=5_000), counts_of(((200, 5_000), (600, 9_000))))
    assert found.status == "blocked"


@pytest.mark.parametrize("arms", [2, 3])
def test_equal_messages_rarely_win(arms):
    """4,000 experiments, five looks, p = 0.02: some pair is decided in at most 5 % + 3 standard errors."""
    runs, rng = 4_000, np.random.default_rng(11)
    events = rng.binomial(4_000, 0.02, (runs, 5, arms)).cumsum(axis=1)
    units = 4_000 * np.arange(1, 6)[None, :, None]
    wrong = np.zeros(runs, dtype=bool)
    bounds = boundaries((0.2, 0.4, 0.6, 0.8, 1.0), 0.05 / (arms * (arms - 1)), "obrien-fleming")
    for i in range(arms):
        for j in range(i):
            pooled = (events[:, :, i] + events[:, :, j]) / (2 * units[:, :, 0])
            z = (events[:, :, i] - events[:, :, j]) / np.sqrt(2 * units[:, :, 0] * pooled * (1 - pooled))
            wrong |= (np.abs(z) >= np.array(bounds)).any(axis=1)
    assert 0.02 < wrong.mean() <= 0.05 + 3 * sqrt(0.05 * 0.95 / runs)
