"""The Bayesian panel, shrinkage, and the estimate after a win."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats as sps
from scipy.integrate import quad

from stats import Cell, Counts, Outcome, Plan, report
from stats.bayes import compare, panel
from stats.path import path_of
from stats.shrinkage import shrunken_rates
from stats.standard import standardised

HELP = (Outcome("help", "primary"),)


def counts_of(table, shares=None, arms="abcd", **at):
    cells = tuple(
        Cell(arm, phase, f"day {phase}", "", "", n, n, {"help": x})
        for phase, row in table.items()
        for arm, (x, n) in zip(arms, row, strict=False)
    )
    return Counts(cells, shares=shares or {1: dict.fromkeys(arms[: len(table[1])], 1 / len(table[1]))})


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize("events", [(5, 9, 6), (0, 0, 2), (200, 240, 210)])
def test_panel_by_adaptive_quadrature(events, better):
    n = 4_000
    a, b = np.array(events) + 1.0, n - np.array(events) + 400.0
    found = compare(a, b, better)
    arms = [sps.beta(*pair) for pair in zip(a, b, strict=True)]
    beaten = [arm.cdf if better == "higher" else arm.sf for arm in arms]
    means = [arm.mean() for arm in arms]
    marks = sorted({q for arm in arms for q in arm.ppf([1e-9, 0.01, 0.5, 0.99])})

    def integral(k, power):
        def inner(p):
            others = np.prod([f(p) for j, f in enumerate(beaten) if j != k])
            return p**power * arms[k].pdf(p) * others

        return quad(inner, 0, 0.2, points=marks, limit=500, epsabs=1e-13)[0]

    best = [integral(k, 0) for k in range(3)]
    extreme = sum(integral(k, 1) for k in range(3))
    loss = [(extreme - mean) * (1 if better == "higher" else -1) for mean in means]
    assert found.probability_best == pytest.approx(best, abs=1e-9)
    assert found.expected_loss == pytest.approx(loss, abs=1e-11)


def test_panel_by_monte_carlo():
    """400,000 draws, four standard errors."""
    rng, events, units = np.random.default_rng(4), np.array([30.0, 42, 39, 20]), np.full(4, 5_000.0)
    found = panel(events, units, 0.007)
    draws = rng.beta(1 + events, 1 / 0.007 - 1 + units - events, (400_000, 4))
    assert found.probability_best == pytest.approx(np.bincount(draws.argmax(axis=1)) / 400_000, abs=0.004)
    loss = draws.max(axis=1, keepdims=True) - draws
    assert found.expected_loss == pytest.approx(loss.mean(axis=0), abs=4 * loss.std() / 600)


def test_the_lowest_of_arms_without_events_at_any_size():
    """Beta(1, b): the smallest of such is that of arm i with probability b_i over their sum."""
    for b in ([3e2, 2e2, 5e2], [1e9, 1e7, 1e9], [5e14, 4e14, 1e12]):
        found = compare(np.ones(3), np.array(b), "lower").probability_best
        assert found == pytest.approx(np.array(b) / sum(b), rel=1e-11)


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_panel_is_finite_at_extremes(better):
    n = 10.0**9
    for events in ([0, 0], [n, 0], [n, n], [1, n], [5e8, 5e8 + 1e4]):
        found = panel(np.array(events, float), np.array([n, n]), None, better)
        assert found.probability_best.sum() == pytest.approx(1)
        assert np.isfinite(found.expected_loss).all()
        assert (found.expected_loss >= 0).all()


def test_shrinkage_pulls_together_what_chance_explains():
    equal = shrunken_rates(np.array([100.0, 104, 97]), np.full(3, 10_000.0))
    assert equal.tau2 == 0
    assert np.ptp(equal.rates) == pytest.approx(0, abs=1e-15)
    apart = shrunken_rates(np.array([100.0, 1_000, 100]), np.full(3, 10_000.0))
    assert apart.rates == pytest.approx([0.01, 0.1, 0.01], rel=0.02)


def test_shrinkage_takes_the_luck_out_of_the_best():
    """2,000 experiments of 12 equal arms: the best is 12 % too high as counted, 3 % at most when shrunken."""
    rng, p, n = np.random.default_rng(6), 0.01, 20_000
    raw, drawn = [], []
    for x in rng.binomial(n, p, (2_000, 12)).astype(float):
        rates = shrunken_rates(x, np.full(12, float(n))).rates
        raw.append(x.max() / n / p - 1)
        drawn.append(rates[x.argmax()] / p - 1)
    assert np.mean(raw) > 0.1
    assert abs(np.mean(drawn)) <= 0.03


def test_standardised_rates_do_not_follow_the_shares():
    """Equal arms, a rate that quadruples while arm b gets most of the second phase."""
    shares = {1: {"a": 0.5, "b": 0.5}, 2: {"a": 0.1, "b": 0.9}}
    counts = counts_of({1: ((50, 5_000), (50, 5_000)), 2: ((40, 1_000), (360, 9_000))}, shares, "ab")
    made = report(Plan(("a", "b"), "a", HELP), counts)
    a, b = made.arms
    assert b.rate / a.rate > 1.9
    assert b.shrunken_rate / a.shrunken_rate == pytest.approx(1, abs=1e-3)
    assert a.probability_best == pytest.approx(0.5, abs=0.1)


def test_one_phase_is_as_counted():
    counts = counts_of({1: ((10, 1_000), (20, 900))}, arms="ab")
    made = report(Plan(("a", "b"), "a", HELP, expected_rate=0.02), counts)
    known = panel(np.array([10.0, 20]), np.array([1_000.0, 900]), 0.02)
    assert [arm.probability_best for arm in made.arms] == pytest.approx(known.probability_best)
    assert [arm.expected_loss_per_10000 for arm in made.arms] == pytest.approx(10_000 * known.expected_loss)


def test_closed_arms_are_left_out_and_say_so():
    shares = {1: dict.fromkeys("abc", 1 / 3), 2: {"a": 0.5, "b": 0.5, "c": 0.0}}
    table = {1: ((20, 1_000), (22, 1_000), (5, 1_000)), 2: ((20, 1_000), (24, 1_000))}
    made = report(Plan(("a", "b", "c"), "a", HELP), counts_of(table, shares, "abc"))
    assert made.arms[2].probability_best is None
    assert made.arms[0].probability_best + made.arms[1].probability_best == pytest.approx(1)
    assert ("closed", "arms[].probability_best", ("c",)) in {(r.code, r.field, r.where) for r in made.reasons}


def test_the_estimate_after_a_win_is_the_shrunken_one():
    made = report(
        Plan(tuple("abcd"), "a", HELP), counts_of({1: ((100, 9_000), (100, 9_000), (105, 9_000), (260, 9_000))})
    )
    assert (made.status, made.estimate.variant) == ("winner", "d")
    assert made.estimate.rate == made.arms[3].shrunken_rate < made.arms[3].rate
    assert made.estimate.ratio == pytest.approx(made.arms[3].shrunken_rate / made.arms[0].shrunken_rate)
    assert made.estimate.rate_per_10000 == pytest.approx(1e4 * made.estimate.rate)


def test_no_estimate_without_a_winner():
    made = report(Plan(("a", "b"), "a", HELP), counts_of({1: ((10, 1_000), (11, 1_000))}, arms="ab"))
    assert made.estimate is None
    assert ("no-winner", "estimate") in {(reason.code, reason.field) for reason in made.reasons}


def test_no_path_no_standardised_rates():
    one = counts_of({1: ((1, 10), (2, 10))}, arms="ab")
    assert standardised(path_of(Plan(("a", "b", "c"), "a", HELP), one, "help"), [0, 2]) is None
