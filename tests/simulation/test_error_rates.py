"""Error rates looked at after every event, in short; `python -m benchmarks.error_rates` is the full grid.

With some hundred runs a share may exceed its nominal value by chance: the tolerance is three standard errors of it.
That the simulation can see a failure is shown by rules that are in use elsewhere, on the very same runs.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.stats as sps
from scipy.integrate import quad

from stats import evidence, sequences
from tests.simulation.grid import ALPHA, Case, Ratios, draw, limit, run
from tests.simulation.rivals import best_with_95_percent, probability_best, relative_interval, relative_sequence, z_test

RUNS = {2: 400, 4: 200, 12: 60}
EVENTS = {2: 600, 4: 400, 12: 150}
REFERENCE = Path(__file__).parents[1] / "reference" / "statistics.json"


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.0005, 0.005, 0.05])
@pytest.mark.parametrize("arms", [2, 4, 12])
def test_no_difference(arms, rate):
    """Base rate rising fourfold, shares adapted daily. The best: each arm is, so the mean over arms counts."""
    found = run(Case(arms, rate, EVENTS[arms]), RUNS[arms], seed=arms)
    assert found.winner / found.runs <= limit(ALPHA, found.runs)
    assert found.best_eliminated / found.runs <= limit(ALPHA, found.runs)
    assert found.missed / found.runs <= limit(ALPHA, found.runs)


@pytest.mark.slow
@pytest.mark.parametrize(("arms", "ratio"), [(2, 1.5), (4, 1.5), (4, 1.2), (12, 3.0)])
def test_the_one_best_arm_is_kept(arms, ratio):
    """At most 0.5 % in the full grid; among so few runs at most one."""
    found = run(Case(arms, 0.005, EVENTS[arms], ratio), RUNS[arms], seed=10 * arms)
    assert found.best_eliminated <= 1
    assert found.winner <= 1
    assert found.any_eliminated > 0


@pytest.mark.slow
@pytest.mark.parametrize("ratio", [0.5, 1.3, 2.0])
def test_the_ratio_sequence_covers_at_all_times(ratio):
    found = run(Case(2, 0.005, 600, ratio), 400, seed=7)
    assert found.missed / found.runs <= limit(ALPHA, found.runs)


@pytest.mark.slow
def test_the_simulation_sees_rules_that_fail():
    """Without drift and at equal shares; the full grid finds 52-59 % and 63-73 %."""
    found = run(Case(2, 0.005, 600, adaptive=False), 300, seed=3, watched=300)
    assert found.wrong["z_test"] / found.watched > 0.3
    assert found.wrong["probability_best"] / found.watched > 0.4
    assert found.wrong["relative_interval"] / found.watched > limit(ALPHA, found.watched)
    assert found.winner / found.runs <= limit(ALPHA, found.runs)


@pytest.mark.slow
def test_the_simulation_sees_an_engine_that_is_told_the_wrong_shares(monkeypatch):
    """The engine's guarantee leans on the assignment probabilities: told equal ones, it must be seen to fail."""
    follow = evidence.follow
    told = lambda state, events, units, rho: follow(state, events, units, np.full_like(rho, 1 / rho.shape[-1]))  # noqa: E731
    monkeypatch.setattr(evidence, "follow", told)
    found = run(Case(2, 0.005, 600), 200, seed=4)
    assert found.winner / found.runs > 2 * limit(ALPHA, found.runs)


def test_events_are_drawn_as_the_rates_say():
    """Labels follow rho times the rates; units between events are as many as the rates need."""
    case = Case(3, 0.01, 40_000, ratio=2.0, adaptive=False)
    rho = np.array([[0.5, 0.2, 0.3]])
    events, units = draw(case, rho, np.arange(case.events), np.random.default_rng(5))
    assert (events.sum(axis=-1) == 1).all()
    total_events, total_units = events.sum(axis=(0, 1)), units.sum(axis=(0, 1))
    np.testing.assert_allclose(total_units / total_units.sum(), rho[0], rtol=0.01)
    np.testing.assert_allclose(total_events / total_units, [0.01, 0.01, 0.02], rtol=0.05)


def test_the_base_rate_rises_fourfold():
    case = Case(2, 0.01, 20_000)
    first, last = (
        draw(case, np.array([[0.5, 0.5]]), at, np.random.default_rng(6))[1].sum() / len(at)
        for at in (np.arange(4_000), np.arange(16_000, 20_000))
    )
    assert first / last == pytest.approx(4**0.8, rel=0.1)


def test_no_miss_is_overlooked():
    """The short cut of the grid against asking every sequence after every event."""
    rng = np.random.default_rng(8)
    case, runs = Case(2, 0.01, 60, ratio=1.0, adaptive=False), 40
    ratios, far = Ratios(runs), np.log(1.8)
    every = np.zeros(runs, dtype=bool)
    totals = np.zeros((runs, 2, 2))  # events of both arms at two different shares
    missed = np.zeros(runs, dtype=bool)
    for day, share in enumerate((0.5, 0.7)):
        rho = np.tile([share, 1 - share], (runs, 1))
        events, _ = draw(case, rho, np.arange(60), rng)
        missed |= ratios.miss(events, rho, far)
        for at in range(60):
            totals[:, day] += events[:, at]
            pairs = sequences.Labels(totals[..., 0], totals[..., 1], np.tile([0.5, 0.7], (runs, 1)))
            every |= ~sequences.covers(pairs, far, ALPHA)
    assert 0 < every.sum() < runs
    np.testing.assert_array_equal(missed, every)


def test_relative_sequence_as_published_by_the_platform():
    (case,) = [
        one for one in json.loads(REFERENCE.read_text())["cases"] if one["id"] == "gb_seq_100_10000_130_10000_rel"
    ]
    low, high = relative_sequence(np.array([100.0, 130.0]), np.array([10_000.0, 10_000.0]))
    assert (low[0], high[0]) == pytest.approx(case["expected"]["ci"], abs=1e-9)


@pytest.mark.parametrize("events", [(5, 9, 6), (30, 52, 41), (200, 240, 210)])
def test_probability_best_by_adaptive_quadrature(events):
    posteriors = [sps.beta(1 + x, 1 + 4_000 - x) for x in events]
    others = posteriors[:1] + posteriors[2:]
    exact = quad(lambda p: posteriors[1].pdf(p) * np.prod([o.cdf(p) for o in others]), 0, 0.2, points=[0.01], limit=500)
    found = probability_best(np.array(events, float), np.full(3, 4_000.0))
    assert found[1] == pytest.approx(exact[0], abs=0.012)
    assert found.sum() == pytest.approx(1, abs=1e-6)


def test_rivals_name_what_is_plain_and_nothing_where_nothing_is():
    units = np.full((2, 2), 10_000.0)
    events = np.array([[100.0, 200.0], [0.0, 0.0]])
    for rule in (z_test, best_with_95_percent, relative_interval):
        assert rule(events, units).tolist() == [True, False], rule.__name__


def test_z_test_as_by_hand():
    """Two-sided pooled z of 100 and 130 in 10,000: 1.99; of 129: 1.93."""
    units = np.full(2, 10_000.0)
    assert z_test(np.array([100.0, 130.0]), units)
    assert not z_test(np.array([100.0, 129.0]), units)


def test_a_run_is_the_same_again():
    assert run(Case(2, 0.005, 50), 30, seed=1) == run(Case(2, 0.005, 50), 30, seed=1)
