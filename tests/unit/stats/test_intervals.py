"""Intervals: against independent implementations, with zero cells, and their coverage by exact enumeration."""

from __future__ import annotations

from itertools import product
from math import isfinite, log

import numpy as np
import pytest
import scipy.stats as sps
from scipy.optimize import minimize_scalar
from statsmodels.stats import proportion

from stats import ratio
from stats.intervals import newcombe, normal_quantile, wilson
from stats.odds import odds_ratio_interval
from stats.ratio import koopman

TABLES = [(3, 40, 9, 50), (27, 100, 52, 99), (1, 500, 8, 400), (130, 10_000, 100, 10_000), (49, 50, 30, 50)]
BILLION = 10**9


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
@pytest.mark.parametrize(("x", "n"), [(0, 20), (1, 29), (15, 148), (20, 20), (3, 1_000_000)])
def test_wilson_as_statsmodels(x, n, alpha):
    expected = proportion.proportion_confint(x, n, alpha, method="wilson")
    assert wilson(x, n, alpha) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_wilson_keeps_its_ends_at_extremes():
    assert wilson(0, 7, 0.05)[0] == 0
    assert wilson(7, 7, 0.05)[1] == 1
    low, high = wilson(1, BILLION, 0.05)
    assert 0 < low < 1 / BILLION < high
    assert low == pytest.approx(1 - wilson(BILLION - 1, BILLION, 0.05)[1], rel=1e-6)


@pytest.mark.parametrize("table", TABLES)
def test_newcombe_as_statsmodels(table):
    expected = proportion.confint_proportions_2indep(*table, compare="diff", method="newcomb")
    assert newcombe(*table, 0.05) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("table", TABLES)
def test_koopman_as_statsmodels(table):
    expected = proportion.confint_proportions_2indep(*table, compare="ratio", method="score", correction=False)
    assert koopman(*table, 0.05) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("table", TABLES)
def test_koopman_of_the_reversed_ratio_is_the_reciprocal(table):
    x1, n1, x2, n2 = table
    low, high = koopman(x1, n1, x2, n2, 0.05)
    assert koopman(x2, n2, x1, n1, 0.05) == pytest.approx((1 / high, 1 / low), rel=1e-9)


@pytest.mark.parametrize("of", [(0.0073, 0.0075), (0.0073, 0.0146), (0.4, 0.2)])
def test_koopman_takes_as_many_steps_at_any_number_of_units(monkeypatch, of):
    statistic, calls = ratio._chi_square, []
    monkeypatch.setattr(ratio, "_chi_square", lambda *given: calls.append(given) or statistic(*given))
    for n in (2_000, 200_000, 20_000_000, BILLION):
        calls.clear()
        koopman(round(of[0] * n), n, round(of[1] * n), n, 0.05)
        assert 0 < len(calls) <= 18, n


def score_statistic(table, second_rate):
    """Chi-square of the table at the likeliest rates with p1 = second_rate(p2), by numeric maximisation."""
    x1, n1, x2, n2 = table

    def deviance(p2):
        p1 = second_rate(p2)
        return -sps.binom.logpmf(x1, n1, p1) - sps.binom.logpmf(x2, n2, p2)

    top = 1 if second_rate(1 - 1e-9) < 1 else 1 / second_rate(1)
    p2 = minimize_scalar(deviance, bounds=(1e-12, top - 1e-12), method="bounded", options={"xatol": 1e-12}).x
    p1 = second_rate(p2)
    return (x1 - n1 * p1) ** 2 / (n1 * p1 * (1 - p1)) + (x2 - n2 * p2) ** 2 / (n2 * p2 * (1 - p2))


@pytest.mark.parametrize("table", [*TABLES, (0, 60, 4, 50), (5, 60, 0, 50)])
def test_koopman_ends_are_where_chi_square_meets_its_quantile(table):
    for end in koopman(*table, 0.05):
        if end:
            assert score_statistic(table, lambda p, end=end: end * p) == pytest.approx(3.841459, rel=1e-4)


@pytest.mark.parametrize("table", [(0, 60, 4, 50), (5, 60, 0, 50), (60, 60, 45, 50), (30, 60, 50, 50)])
def test_odds_ratio_with_a_zero_cell_ends_where_chi_square_meets_its_quantile(table):
    for end in odds_ratio_interval(*table, 0.05):
        if end:
            given = lambda p, end=end: end * p / (1 - p + end * p)  # noqa: E731
            assert score_statistic(table, given) == pytest.approx(3.841459, rel=1e-4)


@pytest.mark.parametrize("table", TABLES)
def test_odds_ratio_interval_is_woolfs(table):
    x1, n1, x2, n2 = table
    ends = sps.contingency.odds_ratio([[x1, n1 - x1], [x2, n2 - x2]], kind="sample").confidence_interval(0.95)
    assert odds_ratio_interval(*table, 0.05) == pytest.approx((ends.low, ends.high), rel=1e-9)


@pytest.mark.parametrize(
    ("table", "ratio_ends", "odds_ends"),
    [
        ((0, 50, 0, 60), None, None),
        ((0, 50, 3, 60), ("zero", "finite"), ("zero", "finite")),
        ((3, 50, 0, 60), ("finite", "none"), ("finite", "none")),
        ((50, 50, 60, 60), ("finite", "finite"), None),
        ((50, 50, 59, 60), ("finite", "finite"), ("finite", "none")),
        ((0, 50, 60, 60), ("zero", "finite"), ("zero", "finite")),
        ((50, 50, 0, 60), ("finite", "none"), ("finite", "none")),
        ((1, 1, 1, 2), ("finite", "finite"), ("finite", "none")),
    ],
)
def test_zero_cells(table, ratio_ends, odds_ends):
    def kinds(ends):
        return ends and tuple("none" if end is None else "zero" if end == 0 else "finite" for end in ends)

    assert kinds(koopman(*table, 0.05)) == ratio_ends
    assert kinds(odds_ratio_interval(*table, 0.05)) == odds_ends


@pytest.mark.parametrize("n2", [1, 7, 1_000, BILLION])
@pytest.mark.parametrize("n1", [1, 7, 1_000, BILLION])
@pytest.mark.parametrize("alpha", [1e-6, 0.05, 0.9])
def test_intervals_are_finite_and_hold_the_estimate(n1, n2, alpha):
    values = lambda n: sorted({0, 1, n // 2, n - 1, n})  # noqa: E731
    for x1, x2 in product(values(n1), values(n2)):
        low, high = newcombe(x1, n1, x2, n2, alpha)
        assert -1 <= low <= x1 / n1 - x2 / n2 <= high <= 1
        odds = x1 * (n2 - x2) / ((n1 - x1) * x2) if (n1 - x1) * x2 else None
        estimates = (koopman, x1 * n2 / (n1 * x2) if x2 else None), (odds_ratio_interval, odds)
        for method, estimate in estimates:
            ends = method(x1, n1, x2, n2, alpha)
            if ends is None:
                continue
            assert all(end is None or (isfinite(end) and end >= 0) for end in ends)
            assert ends[1] is None or ends[0] < ends[1]
            if estimate is not None:
                assert ends[0] <= estimate * (1 + 1e-9)
                assert ends[1] is None or estimate <= ends[1] * (1 + 1e-9)


@pytest.mark.parametrize("p", [0.0025, 0.005, 0.01, 0.05])
def test_wilson_coverage_at_rare_rates(p):
    """Exact, n = 2,000, from 5 expected events on; nominal 95 %."""
    n = 2_000
    x = np.arange(200)
    covered = np.array([low <= p <= high for low, high in (wilson(int(k), n, 0.05) for k in x)])
    assert 0.94 <= sps.binom.pmf(x[covered], n, p).sum() <= 0.98


CELLS = [
    (2_000, 2_000, 0.0025, 1.0),
    (2_000, 2_000, 0.005, 2.0),
    (9_000, 1_000, 0.005, 1.0),
    (1_000, 9_000, 0.005, 1.5),
]


@pytest.mark.parametrize(("n1", "n2", "p2", "ratio"), CELLS)
def test_two_arm_coverage_at_rare_rates(n1, n2, p2, ratio):
    """Exact enumeration, at least 5 expected events in each arm, splits 1:1 and 9:1; nominal 95 %, 94-98 % asked."""
    p1 = ratio * p2
    weights = {}
    for x1, x2 in product(_likely(n1, p1), _likely(n2, p2)):
        weights[x1, x2] = sps_pmf(x1, n1, p1) * sps_pmf(x2, n2, p2)
    total = sum(weights.values())
    assert total > 0.999
    for method, truth in ((koopman, ratio), (newcombe, p1 - p2)):
        covered = sum(weight for (x1, x2), weight in weights.items() if _holds(method(x1, n1, x2, n2, 0.05), truth))
        assert 0.94 <= covered / total <= 0.98, method.__name__


def _likely(n, p):
    low, high = sps.binom.ppf((1e-4, 1 - 1e-4), n, p)
    return range(int(low), int(high) + 1)


def sps_pmf(x, n, p):
    return float(sps.binom.pmf(x, n, p))


def _holds(ends, truth):
    return ends is None or (ends[0] <= truth and (ends[1] is None or truth <= ends[1]))


def test_normal_quantile():
    assert normal_quantile(0.05) == pytest.approx(sps.norm.isf(0.025), rel=1e-12)
    assert log(normal_quantile(1e-9)) == pytest.approx(log(sps.norm.isf(5e-10)), rel=1e-12)
