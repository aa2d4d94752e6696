"""Confidence sequences: published numbers, an independent integral, and their behaviour at the edges."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest
import scipy.stats as sps
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import betaln

from stats import sequences
from stats.ratio import koopman
from stats.sequences import Labels, covers, labels, log_mixture, rate_sequence, ratio_sequence, ratio_sequences


def one(*values):
    return np.array(values, dtype=float)


def test_constant_shares_by_direct_integration():
    """The mixture over theta ~ Beta(58 a, 58 (1 - a)), integrated numerically on the log scale."""
    s, t, rho = 70, 30, (0.3, 0.2)
    a = rho[0] / sum(rho)
    prior = sps.beta(58 * a, 58 * (1 - a))

    def likelihood(theta):
        return s * log(theta) + t * log(1 - theta)

    top = likelihood(s / (s + t))
    mixture = top + log(quad(lambda x: prior.pdf(x) * exp(likelihood(x) - top), 1e-9, 1 - 1e-9, points=[0.7])[0])
    edge = brentq(lambda x: likelihood(x) - mixture - log(0.05), 1e-6, s / (s + t))
    lower, _ = ratio_sequence(one(s), one(t), one(rho[0]), one(rho[1]), 0.05)
    assert lower == pytest.approx(edge / (1 - edge) * rho[1] / rho[0], rel=1e-7)


def test_changing_shares_by_direct_integration():
    """Through another prior variable: the label of the first epoch, as there was only one."""
    events, rho = [(40, 20), (30, 60)], [(0.5, 0.25), (0.2, 0.6)]
    a = 2 / 3
    prior = sps.beta(58 * a, 58 * (1 - a))

    def likelihood(t):
        thetas = [exp(t) * p / (exp(t) * p + q) for p, q in rho]
        return sum(s * log(x) + u * log(1 - x) for (s, u), x in zip(events, thetas, strict=True))

    def integrand(theta):
        return prior.pdf(theta) * exp(likelihood(log(theta / (1 - theta) * (1 - a) / a)) - likelihood(0))

    level = likelihood(0) + log(quad(integrand, 1e-6, 1 - 1e-6, points=[a], epsabs=1e-14)[0]) + log(0.05)
    first, second, p, q = (one(*(row[k] for row in rows)) for rows in (events, rho) for k in (0, 1))
    lower, upper = ratio_sequence(first, second, p, q, 0.05)
    assert likelihood(log(lower)) == pytest.approx(level, abs=1e-8)
    assert likelihood(log(upper)) == pytest.approx(level, abs=1e-8)


@pytest.mark.parametrize("events", [(1, 1), (0, 3), (900, 2), (5e3, 7e3), (4e8, 1e3), (5e8, 5e8)])
@pytest.mark.parametrize("share", [0.5, 0.05, 0.97])
def test_both_ways_are_one_integral(events, share):
    """One martingale, whatever the shares do: quadrature goes on where the closed form ends, to nine digits."""
    rows = np.array([[events[0]]]), np.array([[events[1]]])
    closed = log_mixture(Labels(*rows, np.array([[share]])))
    last = Labels(*(np.concatenate([x, x * 0 + 1e-9], axis=-1) for x in rows), np.array([[share, share + 1e-9]]))
    assert log_mixture(last) == pytest.approx(closed, rel=1e-9, abs=1e-5)


def test_the_reversed_ratio_is_reciprocal():
    given = one(12, 30), one(20, 22), one(0.2, 0.5), one(0.4, 0.3)
    lower, upper = ratio_sequence(*given, 0.05)
    back = ratio_sequence(given[1], given[0], given[3], given[2], 0.05)
    assert (lower * back[1], upper * back[0]) == pytest.approx((1, 1))


def test_epochs_in_which_one_was_closed_say_nothing():
    with_closed = ratio_sequence(one(30, 500), one(20, 0), one(0.5, 1), one(0.5, 0), 0.05)
    assert with_closed == ratio_sequence(one(30), one(20), one(0.5), one(0.5), 0.05)


def test_the_order_of_later_epochs_does_not_matter():
    """The prior is that of the first one."""
    given = [(12, 20, 0.2, 0.4), (30, 22, 0.5, 0.3), (5, 9, 0.1, 0.1)]
    columns = list(zip(*given, strict=True))
    turned = list(zip(*(given[0], given[2], given[1]), strict=True))
    found, other = (ratio_sequence(*(one(*c) for c in x), 0.05) for x in (columns, turned))
    assert found == pytest.approx(other, rel=1e-12)


@pytest.mark.parametrize(
    ("events", "known"), [((0, 0), None), ((0, 40), (0.0, True)), ((40, 0), (True, None)), ((1, 1), (True, True))]
)
def test_zero_events_leave_an_end_open(events, known):
    found = ratio_sequence(one(events[0]), one(events[1]), one(0.5), one(0.5), 0.05)
    if known is None:
        assert found is None
        return
    for end, wanted in zip(found, known, strict=True):
        assert end == wanted if wanted is not True else 0 < end < 1e6


def test_covers_tells_what_the_ends_say():
    pairs = labels(one(65, 130, 390)[:, None], one(50, 100, 300)[:, None], one(0.5)[None], one(0.5)[None])
    lower, upper = ratio_sequences(pairs, 0.05)
    for ratio in (0.9, 1.0, 1.02, 1.03, 1.3, 1.6, 1.7, 2.0):
        wanted = (lower <= ratio) & (ratio <= upper)
        assert (covers(pairs, log(ratio), 0.05) == wanted).all()


def test_width_against_the_interval_of_a_single_look():
    """At most 1.6 times as wide, on the log scale, at 700 events; the price grows slowly up to ten million."""
    prices = []
    for events in (700, 10_000, 1_000_000, 10_000_000):
        sequence = ratio_sequence(one(events / 2), one(events / 2), one(0.5), one(0.5), 0.05)
        interval = koopman(events // 2, events * 50, events // 2, events * 50, 0.05)
        prices.append(log(sequence[1] / sequence[0]) / log(interval[1] / interval[0]))
    assert prices[0] <= 1.6
    assert prices == sorted(prices)
    assert prices[-1] < 2.6


def test_changing_shares_cost_no_width_at_many_events():
    """The width times the root of the events may grow only slowly, as it does with constant shares."""
    widths = []
    for events in (50_000, 1_000_000, 10_000_000):
        lower, upper = ratio_sequence(one(events / 4, events / 4), one(events / 4, events / 4), one(0.5, 0.3), one(0.5, 0.31), 0.05)  # fmt: skip
        widths.append(log(upper / lower) * events**0.5)
    assert widths[1] / widths[0] < 1.2
    assert widths[2] / widths[1] < 1.2


@pytest.mark.parametrize(("x", "n", "planned"), [(3, 20_000, None), (100, 10_000, 0.01), (7, 50, 0.3)])
def test_rate_sequence_solves_its_equation(x, n, planned):
    a, b = (0.5, 0.5) if planned is None else (2, 2 / planned - 2)
    level = sps.betabinom(n, a, b).logpmf(x) - sps.binom(n, 0.5).logpmf(x) + n * log(0.5) + log(0.05)
    for end in rate_sequence(x, n, 0.05, planned):
        assert x * log(end) + (n - x) * np.log1p(-end) == pytest.approx(level, abs=1e-6)


@pytest.mark.parametrize("rate", [0.0073, 0.3])
def test_rate_sequence_takes_as_many_steps_at_any_number_of_units(monkeypatch, rate):
    steps, search = [], sequences.brentq
    monkeypatch.setattr(sequences, "brentq", lambda *given, **more: _counted(search, steps, *given, **more))
    for n in (2_000, 200_000, 20_000_000, 10**9):
        steps.clear()
        rate_sequence(round(rate * n), n, 0.05, 0.0073)
        assert len(steps) == 2
        assert max(steps) <= 12, n


def _counted(search, steps, *given, **more):
    root, found = search(*given, full_output=True, **more)
    steps.append(found.function_calls)
    return root


@pytest.mark.parametrize("n", [1, 300, 10**8])
def test_rate_sequence_of_none_or_all_solves_its_equation(n):
    level = betaln(0.5, 0.5 + n) - betaln(0.5, 0.5) + log(0.05)
    assert n * np.log1p(-rate_sequence(0, n, 0.05)[1]) == pytest.approx(level, rel=1e-9)
    assert n * log(rate_sequence(n, n, 0.05)[0]) == pytest.approx(level, rel=1e-7)


def test_rate_sequence_at_the_edges():
    assert rate_sequence(0, 5_000, 0.05)[0] == 0
    assert rate_sequence(5_000, 5_000, 0.05)[1] == 1
    low, high = rate_sequence(1, 10**12, 0.05)
    assert 0 < low < 1e-12 < high < 1e-10
