"""Exact intervals and tests, and the score intervals of a difference: by other means, and at extremes."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
import scipy.stats as sps
from scipy.optimize import minimize_scalar
from statsmodels.stats.proportion import proportion_confint

from stats.difference import mee, miettinen_nurminen, restricted
from stats.exact import clopper_pearson, conditional_p_values

SIZES = [1, 2, 7, 100, 10**4, 10**9]


@pytest.mark.parametrize(("x", "n"), [(0, 1), (1, 1), (0, 20), (3, 20_000), (81, 263), (99, 100), (5, 10**9)])
def test_clopper_pearson_as_statsmodels(x, n):
    assert clopper_pearson(x, n, 0.05) == pytest.approx(proportion_confint(x, n, method="beta"), rel=1e-9)


@pytest.mark.parametrize(("x1", "x2", "share"), [(0, 5, 0.5), (3, 9, 0.3), (8, 1, 0.5), (2, 2, 0.9), (0, 1, 0.25)])
def test_conditional_binomial_in_whole_numbers(x1, x2, share):
    part, events = Fraction(share), x1 + x2
    chance = [comb(events, k) * part**k * (1 - part) ** (events - k) for k in range(events + 1)]
    low, high = sum(chance[: x1 + 1]), sum(chance[x1:])
    exact, mid = conditional_p_values(x1, x2, share)
    assert exact == pytest.approx(float(min(1, 2 * min(low, high))), rel=1e-12)
    assert mid == pytest.approx(float(min(1, 2 * (min(low, high) - chance[x1] / 2))), rel=1e-12)


def test_conditional_binomial_as_scipy_where_the_split_is_even():
    for x1, x2 in ((14, 1), (30, 18), (500, 480)):
        assert conditional_p_values(x1, x2, 0.5)[0] == pytest.approx(sps.binomtest(x1, x1 + x2).pvalue, rel=1e-9)


def test_conditional_binomial_at_extremes():
    assert conditional_p_values(0, 0, 0.5) == (1, 1)
    assert conditional_p_values(5 * 10**8, 5 * 10**8, 0.5) == (1, 1)
    assert conditional_p_values(10**9, 0, 0.5) == (0, 0)


@pytest.mark.parametrize("interval", [miettinen_nurminen, mee])
def test_score_intervals_hold_the_difference_and_mirror(interval):
    draw = np.random.default_rng(5)
    for _ in range(400):
        n1, n2 = (int(draw.choice(SIZES)) for _ in range(2))
        x1, x2 = (int(draw.choice([0, 1, min(3, n), n // 2, n])) for n in (n1, n2))
        low, high = interval(x1, n1, x2, n2, 0.05)
        assert -1 <= low <= x1 / n1 - x2 / n2 + 1e-15
        assert x1 / n1 - x2 / n2 - 1e-15 <= high <= 1
        assert interval(x2, n2, x1, n1, 0.05) == pytest.approx((-high, -low), rel=0, abs=1e-14)


@pytest.mark.parametrize(
    ("table", "d"),
    [((56, 70, 48, 80), 0.1), ((0, 10, 3, 10), 0.2), ((5, 56, 0, 29), -0.2), ((130, 10_000, 100, 10_000), 0.004)],
)
def test_restricted_estimates_are_the_most_likely(table, d):
    x1, n1, x2, n2 = table

    def loss(p2):
        p1 = p2 + d
        return -(sps.binom.logpmf(x1, n1, p1) + sps.binom.logpmf(x2, n2, p2))

    p1, p2 = restricted(*table, d)
    found = minimize_scalar(loss, bounds=(max(0, -d) + 1e-12, min(1, 1 - d) - 1e-12), method="bounded")
    assert p1 - p2 == pytest.approx(d, abs=1e-15)
    assert loss(p2) <= found.fun + 1e-9


def test_a_rare_difference_keeps_its_digits():
    """At rates of 1e-8 the textbook's arc cosine is off in the first digit; the Poisson limit is the check."""
    low, high = miettinen_nurminen(30, 10**9, 10, 10**9, 0.05)
    other_low, other_high = (end * 10**3 for end in miettinen_nurminen(30, 10**6, 10, 10**6, 0.05))
    assert (low * 10**9, high * 10**9) == pytest.approx((other_low * 10**3, other_high * 10**3), rel=1e-4)
