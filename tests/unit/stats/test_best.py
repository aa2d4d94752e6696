"""Comparisons with the best and with the control: constants, simulated guarantees, extremes."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
import scipy.stats as sps
from statsmodels.stats.multitest import multipletests

from stats.best import dunnett_constant, dunnett_p_values, with_the_best
from stats.multiplicity import benjamini_hochberg, holm


def test_constants_of_the_tables():
    """Hsu (1996), Multiple Comparisons, table E: one-sided d at infinite degrees of freedom, correlation 1/2."""
    found = [dunnett_constant(k, 0.05) for k in (1, 2, 3, 4, 5, 7, 11)]
    assert found == pytest.approx([1.6449, 1.9163, 2.0621, 2.1603, 2.2338, 2.3404, 2.4764], abs=5e-5)


def test_one_comparison_is_the_ordinary_test():
    p = dunnett_p_values([100, 130], [10_000, 10_000], 0)
    z = 30 / 10_000 / sqrt(0.0115 * 0.9885 * 2 / 10_000)
    assert p[0] is None
    assert p[1] == pytest.approx(2 * sps.norm.sf(z), rel=1e-9)


def test_dunnett_by_a_multivariate_normal():
    """An independent integral over three comparisons, with unequal sizes."""
    x, n = [90, 120, 100, 160], [9_000, 10_000, 12_000, 11_000]
    load = np.sqrt([m / (m + n[0]) for m in n[1:]])
    correlation = np.outer(load, load) + np.diag(1 - load**2)
    found = dunnett_p_values(x, n, 0)
    for arm in (1, 2, 3):
        pooled = (x[arm] + x[0]) / (n[arm] + n[0])
        z = abs(x[arm] / n[arm] - x[0] / n[0]) / sqrt(pooled * (1 - pooled) * (1 / n[arm] + 1 / n[0]))
        box = sps.multivariate_normal(np.zeros(3), correlation, seed=1).cdf([z] * 3, lower_limit=[-z] * 3)
        assert found[arm] == pytest.approx(1 - box, abs=2e-4)


def test_the_best_is_told_from_the_others():
    made = with_the_best([100, 100, 100, 160], [10_000] * 4, 0.05)
    assert made[3][0] == 0 < made[3][1]
    assert all(low < 0 == high for low, high in made[:3])
    gap, error = 0.006, sqrt(0.013 * 0.987 * 2 / 10_000)
    assert made[0][0] == pytest.approx(-gap - dunnett_constant(3, 0.05) * error)


def test_where_lower_is_better():
    made = with_the_best([100, 160], [10_000] * 2, 0.05, "lower")
    assert made[0][1] == 0 > made[0][0]
    assert made[1][0] == 0 < made[1][1]


def test_intervals_cover_all_at_once_and_dunnett_keeps_its_level():
    """2,000 experiments of four arms: coverage at least 95 % less three standard errors, wrong claims at most 5 % + 3."""
    rng, p, n = np.random.default_rng(2), np.array([0.02, 0.02, 0.022, 0.025]), 8_000
    truth = [p[k] - max(np.delete(p, k)) for k in range(4)]
    held = sum(
        all(low <= true <= high for (low, high), true in zip(with_the_best(x, [n] * 4, 0.05), truth, strict=True))
        for x in rng.binomial(n, p, (2_000, 4)).tolist()
    )
    wrong = sum(
        min(q for q in dunnett_p_values(x, [n] * 4, 0) if q is not None) <= 0.05
        for x in rng.binomial(n, 0.02, (2_000, 4)).tolist()
    )
    margin = 3 * sqrt(0.05 * 0.95 * 2_000)
    assert held >= 0.95 * 2_000 - margin
    assert 0.03 * 2_000 < wrong <= 0.05 * 2_000 + margin


@pytest.mark.parametrize("x", [[0, 0, 0], [5, 0, 0], [10**9, 0, 10**9], [10**9] * 3])
def test_extremes_are_finite(x):
    ends = with_the_best(x, [10**9] * 3, 0.05)
    assert np.isfinite(ends).all()
    assert all(p is None or 0 <= p <= 1 for p in dunnett_p_values(x, [10**9] * 3, 0))


@pytest.mark.parametrize("seed", range(20))
def test_adjustments_as_statsmodels(seed):
    p = np.random.default_rng(seed).uniform(size=seed + 1) ** 3
    for own, name in ((holm, "holm"), (benjamini_hochberg, "fdr_bh")):
        found = own(dict(enumerate(p.tolist())))
        assert list(found.values()) == pytest.approx(multipletests(p, method=name)[1], rel=1e-12)
    assert benjamini_hochberg({}) == {}
