"""p-values of equal rates, their adjustment, and the pooled point estimates."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats as sps
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats import contingency_tables, multitest

from stats.association import chi_square, fisher, pair_p_value, smallest_expected
from stats.multiplicity import holm
from stats.pooled import Table, estimates

SMALL = [(0, 10, 3, 12), (5, 9, 2, 20), (1, 30, 6, 25), (4, 4, 0, 5), (3, 7, 3, 7), (2, 50, 2, 40)]


@pytest.mark.parametrize("x", [(27, 40, 52), (5, 6, 30), (0, 0, 9)])
def test_chi_square_as_scipy(x):
    n = (100, 81, 99)
    table = [[k, m - k] for k, m in zip(x, n, strict=True)]
    expected = sps.chi2_contingency(table, correction=False)
    found = chi_square(x, n)
    assert (found.chi2, found.df, found.p_value) == pytest.approx((*expected[:1], expected.dof, expected.pvalue))


def test_chi_square_without_events_or_without_others():
    assert chi_square((0, 0), (5, 9)) is None
    assert chi_square((5, 9), (5, 9)) is None


@pytest.mark.parametrize("table", SMALL)
def test_fisher_as_scipy(table):
    x1, n1, x2, n2 = table
    expected = sps.fisher_exact([[x1, n1 - x1], [x2, n2 - x2]]).pvalue
    seen = sps.hypergeom.pmf(x1, n1 + n2, n1, x1 + x2)
    assert fisher(*table) == pytest.approx((expected, expected - seen / 2), rel=1e-9)


def test_fisher_stays_exact_at_large_counts():
    n = 10**9
    expected = 2 * sps.binom.cdf(1, 8, 0.5)  # with so many units the split of 8 events is binomial
    assert fisher(1, n, 7, n)[0] == pytest.approx(expected, rel=1e-7)
    assert fisher(n - 1, n, n - 7, n) == pytest.approx(fisher(1, n, 7, n), rel=1e-12)


def test_fisher_with_one_possible_table():
    assert fisher(0, 5, 0, 9) == (1.0, 1.0)
    assert fisher(5, 5, 9, 9) == (1.0, 1.0)


def test_pair_p_value_changes_method_at_five_expected():
    assert smallest_expected((4, 6), (100, 100)) == 5
    assert pair_p_value(4, 100, 6, 100) == chi_square((4, 6), (100, 100)).p_value
    assert pair_p_value(3, 100, 6, 100) == fisher(3, 100, 6, 100)[1]
    assert pair_p_value(0, 100, 0, 100) == 1


@pytest.mark.parametrize("p", [0.001, 0.005, 0.05])
def test_pair_p_value_keeps_its_level(p):
    """Exact type-I error at n = 500 per arm: 2, 5 and 50 expected conversions in all; nominal 5 %, tolerance 0.7."""
    n = 500
    low, high = (int(end) for end in sps.binom.ppf((1e-4, 1 - 1e-4), n, p))
    values = range(low, high + 1)
    probability = {x: float(sps.binom.pmf(x, n, p)) for x in values}
    rejected = sum(
        probability[x1] * probability[x2] for x1 in values for x2 in values if pair_p_value(x1, n, x2, n) <= 0.05
    )
    assert rejected <= 0.057


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_as_statsmodels(p_values):
    expected = multitest.multipletests(p_values, method="holm")[1]
    assert list(holm(dict(enumerate(p_values))).values()) == pytest.approx(list(expected), rel=1e-12)


def test_holm_of_nothing():
    assert holm({}) == {}


def test_pooled_estimates_as_statsmodels():
    tables = [Table(10, 100, 4, 120), Table(30, 90, 15, 60), Table(7, 400, 9, 380)]
    stack = np.array([[[t.x1, t.n1 - t.x1], [t.x2, t.n2 - t.x2]] for t in tables]).transpose(1, 2, 0)
    expected = contingency_tables.StratifiedTable(stack)
    found = estimates(tables)
    assert found.odds_ratio == pytest.approx(expected.oddsratio_pooled)
    assert found.ratio == pytest.approx(expected.riskratio_pooled)


def test_one_table_gives_plain_estimates():
    found = estimates([Table(6, 60, 4, 80)])
    assert (found.ratio, found.difference) == pytest.approx((2.0, 0.05))
    assert found.odds_ratio == pytest.approx(6 * 76 / (54 * 4))


def test_pooling_is_not_deceived_by_a_rising_rate():
    """Equal arms; the rate and the weights change together, so that the summed rates differ threefold."""
    tables = [Table(9, 900, 1, 100), Table(10, 100, 90, 900)]
    found = estimates(tables)
    assert found.ratio == pytest.approx(1)
    assert found.odds_ratio == pytest.approx(1)
    assert found.difference == pytest.approx(0, abs=1e-15)
