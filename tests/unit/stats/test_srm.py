"""The sample-ratio check."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats as sps

from stats import Cell, Counts, Outcome, Plan, report

PLAN = Plan(("a", "b", "c"), "a", (Outcome("help", "primary"),), design="fixed")
EQUAL = dict.fromkeys("abc", 1 / 3)


def cells(units, phase=1, surface="", exposed=None, help_sought=0):
    shown = units if exposed is None else exposed
    pairs = zip("abc", units, shown, strict=True)
    return tuple(Cell(arm, phase, "", surface, "", n, e, {"help": help_sought}) for arm, n, e in pairs)


def check(*groups, shares):
    return report(PLAN, Counts(sum(groups, ()), shares=shares))


def test_a_fair_split_raises_no_alarm():
    made = check(cells((1000, 1010, 990)), shares={1: EQUAL}).srm
    assert made.alarm is False
    assert (made.reason, made.arm, made.direction) == (None, None, None)
    assert made.assignments.p_value == pytest.approx(sps.chisquare([1000, 1010, 990]).pvalue)


def test_expected_units_follow_the_shares_of_each_phase():
    shares = {1: EQUAL, 2: {"a": 0.5, "b": 0.5, "c": 0.0}}
    made = check(cells((1000, 1000, 1000)), cells((600, 610, 0), phase=2), shares=shares).srm
    expected = sps.chisquare([1600, 1610, 1000], [1605, 1605, 1000])
    assert made.assignments.chi2 == pytest.approx(expected.statistic)
    assert made.assignments.df == 2
    assert made.alarm is False


@pytest.mark.parametrize(
    ("units", "arm", "direction"), [((1000, 1000, 800), "c", "fewer"), ((1200, 990, 1000), "a", "more")]
)
def test_an_alarm_blocks_every_verdict_and_keeps_the_counts(units, arm, direction):
    made = check(cells(units, help_sought=50), shares={1: EQUAL})
    assert made.srm.alarm is True
    assert (made.srm.arm, made.srm.direction) == (arm, direction)
    assert (made.status, made.status_arms) == ("blocked", ())
    assert made.status_reason.code == "srm-alarm"
    assert f"variant {arm} got {direction} units than planned" in made.status_reason.detail
    assert made.status_reason.where == (arm,)
    assert [found.units for found in made.arms] == list(units)
    assert all(found.rate_ci for found in made.arms)
    for found in made.pairs:
        assert found.ratio is not None
        assert (found.p_value, found.ratio_ci, found.odds_ratio_ci, found.difference_ci) == (None,) * 4
    assert made.global_.p_value is None
    assert {found.could_be_best for found in made.arms} == {None}


def test_messages_that_were_not_shown_raise_the_alarm_too():
    made = check(cells((1000, 1000, 1000), exposed=(950, 950, 800)), shares={1: EQUAL}).srm
    assert made.assignments.p_value == 1
    assert made.exposures.p_value < 0.01
    assert (made.alarm, made.arm, made.direction) == (True, "c", "fewer")


def test_each_surface_is_checked_and_may_ring_by_itself():
    shares = {1: EQUAL}
    made = check(cells((500, 500, 600), surface="x"), cells((600, 600, 500), surface="y"), shares=shares).srm
    assert [found.surface for found in made.surfaces] == ["x", "y"]
    assert made.surfaces[0].chi2 == pytest.approx(sps.chisquare([500, 500, 600]).statistic)
    assert made.surfaces[0].p_value < 0.01
    assert (made.alarm, made.surface) == (False, None)
    made = check(cells((500, 500, 900), surface="x"), cells((900, 900, 500), surface="y"), shares=shares).srm
    assert made.assignments.p_value == 1
    assert (made.alarm, made.surface, made.arm, made.direction) == (True, "x", "c", "more")


def test_an_alarm_that_rang_once_stays():
    """A gross loss on the first day is made up for later: the totals look fair, the trial is not."""
    days = [Cell(arm, 1, "1", "", "", n, n, {}) for arm, n in zip("abc", (2000, 2000, 1000), strict=True)]
    days += [Cell(arm, 1, "2", "", "", n, n, {}) for arm, n in zip("abc", (2000, 2000, 3000), strict=True)]
    made = report(Plan(PLAN.variants, "a", PLAN.outcomes), Counts(tuple(days), shares={1: EQUAL}))
    assert made.srm.assignments.p_value == 1
    assert made.srm.assignments.e_value > 1e10
    assert made.status == "blocked"


def test_a_sequential_design_does_not_ring_by_the_p_value():
    plan = Plan(PLAN.variants, "a", PLAN.outcomes)
    table = cells((1000, 1000, 880))
    made = report(plan, Counts(table, shares={1: EQUAL})).srm
    assert made.assignments.p_value < 0.01
    assert made.assignments.e_value < 100
    assert made.alarm is False
    assert check(table, shares={1: EQUAL}).srm.alarm is True


def test_units_of_an_arm_that_was_closed_are_an_alarm():
    made = check(cells((500, 500, 3)), shares={1: {"a": 0.5, "b": 0.5, "c": 0.0}})
    assert (made.srm.alarm, made.srm.arm, made.srm.direction) == (True, "c", "more")
    assert (made.srm.assignments.p_value, made.srm.assignments.chi2) == (0.0, None)
    assert ("unbounded", "srm.assignments.chi2") in {(reason.code, reason.field) for reason in made.reasons}


def test_too_few_units_have_no_p_value():
    made = check(cells((4, 4, 4)), shares={1: EQUAL})
    assert (made.srm.alarm, made.srm.reason) == (False, "too-few-units")
    assert made.srm.assignments.p_value is None
    assert made.srm.assignments.e_value == pytest.approx(1, abs=0.01)
    assert made.status != "blocked"


def test_exposures_alone_may_be_too_few():
    made = check(cells((500, 500, 500), exposed=(2, 1, 2)), shares={1: EQUAL}).srm
    assert (made.alarm, made.reason) == (False, "too-few-units")
    assert made.assignments.p_value == 1
    assert made.exposures.p_value is None


def test_without_weights_nothing_is_checked():
    made = report(PLAN, Counts(cells((1000, 1000, 100))))
    assert (made.srm.alarm, made.srm.reason, made.rho) == (None, "weights-unknown", "observed")
    assert made.status != "blocked"


def test_an_observed_rho_is_not_checked_against_itself():
    plan = Plan(PLAN.variants, "a", PLAN.outcomes, rho="observed")
    made = report(plan, Counts(cells((1000, 1000, 100)), shares={1: EQUAL}))
    assert (made.srm.alarm, made.srm.reason, made.rho) == (None, "weights-unknown", "observed")


def test_alarm_rate_of_an_honest_split():
    """Nominal 1 % for each of two checks of the same units; 1,000 draws over two phases of different shares."""
    draw = np.random.default_rng(20_240_501)
    shares = {1: {"a": 0.5, "b": 0.3, "c": 0.2}, 2: {"a": 0.2, "b": 0.2, "c": 0.6}}
    alarms = 0
    for _ in range(1_000):
        units = {phase: draw.multinomial(500, list(share.values())).tolist() for phase, share in shares.items()}
        groups = (cells(tuple(found), phase) for phase, found in units.items())
        alarms += bool(check(*groups, shares=shares).srm.alarm)
    assert alarms / 1_000 <= 0.01 + 3 * (0.01 * 0.99 / 1_000) ** 0.5
