"""The ratio over time: each point is what the report of that moment said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import stats
from stats import ratio_path
from stats.sequences import Labels, ratio_sequences

ARMS = ("present", "law", "help")
EQUAL = dict.fromkeys(ARMS, 1 / 3)


def table(phases, shares, *, seed=3, rates=(0.02, 0.02, 0.04), quiet=0):
    """Cells day by day, `phases[d]` the phase of day d; no event on the first `quiet` days."""
    rng = np.random.default_rng(seed)
    cells = []
    for day, phase in enumerate(phases):
        for arm, rate in zip(ARMS, rates, strict=True):
            units = int(rng.poisson(900 * shares[phase].get(arm, 0)))
            events = int(rng.binomial(units, rate)) if day >= quiet else 0
            cells.append(stats.Cell(arm, phase, f"{day:02}", "", "", units, units, {"help": events}))
    return stats.Counts(tuple(cells), shares=shares)


def plan(**changes):
    given = {"variants": ARMS, "control": "present", "outcomes": (stats.Outcome("help", "primary"),)} | changes
    return stats.Plan(**{"design": "sequential"} | given)


def until(counts, period):
    kept = tuple(cell for cell in counts.sealed if cell.period <= period)
    phases = {cell.phase for cell in kept}
    return stats.Counts(kept, shares={phase: share for phase, share in counts.shares.items() if phase in phases})


def of(report, arm):
    return next(pair for pair in report.pairs if (pair.a, pair.b) == (arm, report.control))


CHANGED = {1: EQUAL, 2: {"present": 0.2, "law": 0.3, "help": 0.5}}
CLOSED = {1: EQUAL, 2: {"present": 0.4, "help": 0.6}, 3: {"law": 0.5, "help": 0.5}, 4: EQUAL}
RETURNED = {1: EQUAL, 2: {"present": 0.2, "law": 0.3, "help": 0.5}, 3: EQUAL}
CASES = {
    "one phase": ([1] * 8, {1: EQUAL}),
    "weights changed": ([1] * 4 + [2] * 4, CHANGED),
    "new phases of the same weights": ([1] * 3 + [2] * 3, {1: EQUAL, 2: EQUAL}),
    "weights that came back": ([1, 1, 2, 2, 3, 3], RETURNED),
    "a closed variant, then a closed control": ([1, 1, 2, 2, 3, 3, 4, 4], CLOSED),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("quiet", [0, 3])
def test_each_point_is_what_the_report_of_that_day_said(case, quiet):
    counts = table(*CASES[case], quiet=quiet)
    whole = stats.report(plan(), counts)
    assert len(whole.path) == len(CASES[case][0])
    for point in whole.path:
        then = stats.report(plan(), until(counts, point.period))
        for arm, band in zip(ARMS, point.ratios, strict=True):
            if arm == "present":
                assert band == (1, 1, 1)
                continue
            if of(then, arm).ratio_cs is None:
                assert band is None
                continue
            lower, ratio, upper = band
            assert ratio == pytest.approx(of(then, arm).ratio, rel=1e-12)
            assert (lower, upper) == pytest.approx(of(then, arm).ratio_cs, rel=1e-8)


def test_it_narrows_and_holds_the_ratio():
    path = stats.report(plan(), table([1] * 40, {1: EQUAL})).path
    widths = [np.log(point.ratios[2][2] / point.ratios[2][0]) for point in path]
    assert widths[-1] < widths[0] / 3
    assert all(point.ratios[2][0] < point.ratios[2][1] < point.ratios[2][2] for point in path)


def test_two_phases_within_one_day():
    counts = table([1, 1, 2], CHANGED)
    moved = tuple(replace(cell, period="01") if cell.period == "02" else cell for cell in counts.sealed)
    whole = stats.report(plan(), stats.Counts(moved, shares=counts.shares))
    assert [(point.period, point.phase) for point in whole.path] == [("00", 1), ("01", 1), ("01", 2)]
    assert whole.path[-1].ratios[2][1] == pytest.approx(of(whole, "help").ratio, rel=1e-12)


def test_unknown_shares_end_where_the_report_does():
    counts = replace(table([1, 1, 2, 2], CHANGED), shares={})
    found = stats.report(plan(), counts)
    lower, ratio, upper = found.path[-1].ratios[1]
    assert ratio == pytest.approx(of(found, "law").ratio, rel=1e-12)
    assert (lower, upper) == pytest.approx(of(found, "law").ratio_cs, rel=1e-8)


def test_one_sided_bands_without_events_of_one_of_the_two():
    without_control = stats.report(plan(), table([1], {1: EQUAL}, rates=(0.0, 0.0, 0.05)))
    law, help_ = without_control.path[0].ratios[1:]
    assert law is None
    assert help_[0] > 0
    assert help_[1:] == (None, None)
    only_control = stats.report(plan(), table([1], {1: EQUAL}, rates=(0.05, 0.0, 0.0)))
    lower, ratio, upper = only_control.path[0].ratios[1]
    assert (lower, ratio) == (0, 0)
    assert 0 < upper < 2


def test_lower_is_better_changes_no_ratio():
    counts = table([1] * 5, {1: EQUAL})
    fewer = plan(outcomes=(stats.Outcome("help", "primary", "lower"),))
    assert [p.ratios for p in stats.report(fewer, counts).path] == [p.ratios for p in stats.report(plan(), counts).path]


@pytest.mark.parametrize("changes", [{"design": "fixed"}, {"design": "looks", "planned_units": 5000}])
def test_other_designs_are_not_followed(changes):
    found = stats.report(plan(**changes), table([1] * 3, {1: EQUAL}))
    assert {point.ratios for point in found.path} == {()}
    assert ("not-followed", "path[].ratios") in {(reason.code, reason.field) for reason in found.reasons}


def test_weights_that_change_daily_are_followed_up_to_the_last_day(monkeypatch):
    shares = {day: {"present": 0.3 + day / 100, "law": 0.3, "help": 0.4 - day / 100} for day in range(1, 11)}
    counts = table(list(shares), shares)
    every = stats.report(plan(), counts).path
    monkeypatch.setattr(ratio_path, "MOST", 60)
    found = stats.report(plan(), counts)
    some = found.path
    followed = [None not in point.ratios for point in some]
    assert followed[-1]
    assert all(point.ratios == (None,) * 3 for point, told in zip(some, followed, strict=True) if not told)
    assert ("points-between", "path[].ratios") in {(reason.code, reason.field) for reason in found.reasons}
    assert 1 < sum(followed) < len(followed)
    assert all(a.ratios == b.ratios for a, b, told in zip(every, some, followed, strict=True) if told)


@pytest.mark.parametrize("events", [(1, 1), (1, 500), (900, 1), (40, 45), (0, 9), (7, 0), (10**6, 3), (10**8, 10**8)])
@pytest.mark.parametrize("share", [0.5, 0.02, 0.97])
@pytest.mark.parametrize("alpha", [0.05, 1e-6])
def test_the_quick_way_ends_where_halving_does(events, share, alpha):
    pair = Labels(*(np.array([[float(value)]]) for value in (*events, share)))
    quick, slow = ratio_path._ends(pair, alpha), ratio_sequences(pair, alpha)
    np.testing.assert_allclose(quick, slow, rtol=1e-8)


def test_what_does_not_converge_is_halved(monkeypatch):
    pair = Labels(*(np.array([[value]]) for value in (40.0, 45.0, 0.5)))
    monkeypatch.setattr(ratio_path, "STEPS", 1)
    np.testing.assert_allclose(ratio_path._ends(pair, 0.05), ratio_sequences(pair, 0.05), rtol=1e-8)
