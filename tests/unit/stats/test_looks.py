"""Boundaries of planned looks: spent as planned, as published, and as simulated."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
import scipy.stats as sps

from stats.looks import (
    SPENDING,
    boundaries,
    classic_boundaries,
    crossing,
    hwang_shih_decani,
    obrien_fleming,
    pocock,
    spend,
)

FIVE = (0.2, 0.4, 0.6, 0.8, 1.0)


@pytest.mark.parametrize("kind", SPENDING)
@pytest.mark.parametrize("alpha", [0.05, 0.025, 0.05 / 132])
def test_all_of_alpha_is_spent_and_never_more_than_planned(kind, alpha):
    times = (0.1, 0.35, 0.4, 0.95, 1.0)
    spent = np.cumsum(crossing(times, boundaries(times, alpha, kind)))
    np.testing.assert_allclose(spent, [SPENDING[kind](alpha, t) for t in times], rtol=1e-9)
    assert spent[-1] == pytest.approx(alpha, rel=1e-9)


@pytest.mark.parametrize("kind", SPENDING)
def test_one_look_at_the_end_is_the_ordinary_test(kind):
    assert boundaries((1.0,), 0.025, kind)[0] == pytest.approx(sps.norm.isf(0.025), abs=1e-10)


def test_as_rpact_prints_it():
    """rpact 3.5, getDesignGroupSequential(typeOfDesign = "asOF", kMax = 5, alpha = 0.025)."""
    expected = [4.876885, 3.357012, 2.680280, 2.289817, 2.031032]
    assert boundaries(FIVE, 0.025, "obrien-fleming") == pytest.approx(expected, abs=1e-6)


def test_a_tiny_error_keeps_its_digits():
    """The tail at t = 0.1 is 1.36e-12: as 2 (1 - Phi(z)) in double numbers its boundary is 6.99134, exactly 6.99135."""
    first = boundaries((0.1, 1.0), 0.025, "obrien-fleming")[0]
    exact = 2 * sps.norm.sf(sps.norm.isf(0.0125) / sqrt(0.1))
    assert sps.norm.logsf(first) == pytest.approx(np.log(exact), abs=1e-10)
    assert first == pytest.approx(6.9913517, abs=1e-6)


def test_spending_functions_at_both_ends():
    for kind in (obrien_fleming, pocock, lambda a, t: hwang_shih_decani(a, t, -4)):
        assert (kind(0.025, 0.0), kind(0.025, 1.0)) == pytest.approx((0, 0.025))
    assert hwang_shih_decani(0.03, 0.4, 0) == pytest.approx(0.012)
    assert obrien_fleming(0.025, 0.5) < hwang_shih_decani(0.025, 0.5, 0) < pocock(0.025, 0.5)


def test_nothing_spent_is_no_boundary_at_all():
    found = spend((0.001, 1.0), (0.0, 0.025))
    assert found[0] > 30
    assert found[1] == pytest.approx(sps.norm.isf(0.025), abs=1e-9)


def test_crossing_with_a_drift_is_power():
    """One look: the power of the z-test; a boundary that is crossed early is crossed more often under a drift."""
    assert crossing((1.0,), (1.96,), 3.0)[0] == pytest.approx(sps.norm.sf(1.96 - 3.0), abs=1e-12)
    bounds = boundaries(FIVE, 0.025, "pocock")
    assert all(
        more > less for more, less in zip(crossing(FIVE, bounds, 3.0)[:2], crossing(FIVE, bounds)[:2], strict=True)
    )


@pytest.mark.parametrize("drift", [0.0, 2.8, -1.0])
@pytest.mark.parametrize("sided", [1, 2])
def test_crossing_as_simulated(drift, sided):
    """200,000 paths; tolerance four standard errors."""
    rng, times, bounds = np.random.default_rng(3), (0.3, 0.5, 1.0), (2.4, 2.2, 1.9)
    steps = np.diff(times, prepend=0.0)
    score = (rng.normal(size=(200_000, 3)) * np.sqrt(steps) + drift * steps).cumsum(axis=1)
    z = score / np.sqrt(times)
    beyond = (z if sided == 1 else np.abs(z)) > np.array(bounds)
    first = np.where(beyond.any(axis=1), beyond.argmax(axis=1), -1)
    for k, chance in enumerate(crossing(times, bounds, drift, sided)):
        assert (first == k).mean() == pytest.approx(chance, abs=4 * sqrt(max(chance, 1e-5) / 200_000))


def test_classic_shapes():
    assert len(set(classic_boundaries("pocock", 4, 0.025))) == 1
    falling = classic_boundaries("obrien-fleming", 4, 0.025)
    assert falling == pytest.approx([falling[0] / sqrt(k) for k in (1, 2, 3, 4)])
