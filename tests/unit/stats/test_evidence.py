"""The always-valid engine: exact values, exact guarantees, and what the path may and may not depend on."""

from __future__ import annotations

from fractions import Fraction
from math import exp, lgamma, log

import numpy as np
import pytest
from scipy.special import ndtr

from stats import Cell, Counts, Outcome, Plan, report
from stats.evidence import GRID, LOG_WEIGHTS, dirichlet, follow, log_e_now, start, winners

EQUAL = np.full((1, 1, 3), 1 / 3)


def batches(*rows):
    """One run: a batch of events for each row."""
    return np.array([rows], dtype=float)


def pair_by_hand(events, rho):
    """E of arm 0 over arm 1, batch by batch, in plain floats."""
    total = 0.0
    for x, log_w in zip(GRID.tolist(), LOG_WEIGHTS.tolist(), strict=True):
        value = 1.0
        for (s, t), (p, q) in zip(events, rho, strict=True):
            null, tilted = p / (p + q), exp(x) * p / (exp(x) * p + q)
            value *= (tilted / null) ** s * ((1 - tilted) / (1 - null)) ** t
        total += exp(log_w) * value
    return total


def test_the_mixture_is_a_half_normal_cut_at_three_standard_deviations():
    assert GRID.size == 25
    assert (GRID[0], GRID[-1]) == pytest.approx((0.018, 0.882))
    weights = np.exp(LOG_WEIGHTS)
    assert weights.sum() == pytest.approx(1, abs=1e-15)
    cell = (ndtr(0.12) - ndtr(0.0)) / (ndtr(3) - 0.5)
    assert weights[0] == pytest.approx(cell)


def test_a_pair_equals_the_product_of_its_label_probabilities():
    events, rho = [(9, 4), (3, 3), (12, 5)], [(0.5, 0.5), (0.2, 0.3), (0.6, 0.1)]
    given = np.array([[[*pair, 0.0] for pair in events]])
    shares = np.array([[[p, q, 1 - p - q] for p, q in rho]])
    state, steps = follow(start(1, 3, 0.05), given, given * 100, shares)
    for batch in range(3):
        wanted = log(pair_by_hand(events[: batch + 1], rho[: batch + 1]))
        assert steps.log_e[0, batch, 0, 1] == pytest.approx(wanted, abs=1e-12)
    assert state.log_e[0, 0, 1] == steps.log_e[0, -1, 0, 1]
    assert state.peak[0, 0, 1] == steps.log_e[0, :, 0, 1].max()


def test_one_arm_closed_says_nothing_of_its_pairs():
    shares = np.array([[[0.5, 0.5, 0.0]]])
    state, _ = follow(start(1, 3, 0.05), batches((30, 10, 0)), batches((900, 900, 0)), shares)
    assert state.log_e[0, 0, 1] > 1
    assert (state.log_e[0, 2] == 0).all()
    assert (state.log_e[0, :, 2] == 0).all()


def test_fewer_is_better_changes_the_arms_over():
    given = batches((40, 20, 30), (35, 22, 30))
    high, _ = follow(start(1, 3, 0.05), given, given * 50, EQUAL)
    low, _ = follow(start(1, 3, 0.05, "lower"), given, given * 50, EQUAL)
    assert low.log_e[0] == pytest.approx(high.log_e[0].T)
    assert low.log_wealth[0].argmax() == 0
    assert high.log_wealth[0].argmax() == 1


def test_following_in_parts_is_following_at_once():
    draw = np.random.default_rng(3)
    given = draw.poisson(5, size=(4, 12, 3)).astype(float)
    shares = draw.dirichlet([3, 3, 3], size=(4, 12))
    whole, steps = follow(start(4, 3, 0.05), given, given * 90, shares)
    parts = start(4, 3, 0.05)
    seen = []
    for b in range(0, 12, 4):
        parts, some = follow(parts, given[:, b : b + 4], given[:, b : b + 4] * 90, shares[:, b : b + 4])
        seen.append(some.log_wealth)
    assert parts.log_wealth == pytest.approx(whole.log_wealth, abs=1e-10)
    assert parts.log_dirichlet == pytest.approx(whole.log_dirichlet, abs=1e-10)
    assert np.concatenate(seen, axis=1) == pytest.approx(steps.log_wealth, abs=1e-10)
    assert (parts.eliminated == whole.eliminated).all()


def test_an_arm_that_was_eliminated_stays_out():
    """The first days say that b is worse; later ones take everything back."""
    given = batches((60, 20), *[(20, 60)] * 1, *[(40, 40)] * 30)
    state, steps = follow(start(1, 2, 0.05), given, given * 100, np.full((1, 1, 2), 0.5))
    assert steps.eliminated[0, 0].tolist() == [False, True]
    assert state.log_wealth[0, 1] < log(20)
    assert state.eliminated[0, 1]


def test_the_first_bets_of_the_wealth_are_even_but_for_the_leader():
    """With nothing known, the first arm leads the others: 0.7 and half of 0.3 on it, half of 0.3 on the third."""
    given = batches((12, 3, 5))
    state, _ = follow(start(1, 3, 0.05), given, given * 100, EQUAL)
    e = np.exp(state.log_e[0])
    assert exp(state.log_wealth[0, 1]) == pytest.approx(0.85 * e[0, 1] + 0.15 * e[2, 1])
    assert exp(state.log_wealth[0, 0]) == pytest.approx(0.85 * e[1, 0] + 0.15 * e[2, 0])


def test_bets_are_laid_on_who_led_before_the_batch():
    given = batches((5, 9, 4), (2, 2, 20))
    units = batches((400, 400, 400), (400, 400, 400))
    state, steps = follow(start(1, 3, 0.05), given, units, EQUAL)
    gain = np.exp(steps.log_e[0, 1] - steps.log_e[0, 0])
    wanted = exp(steps.log_wealth[0, 0, 0]) * (0.85 * gain[1, 0] + 0.15 * gain[2, 0])
    assert exp(state.log_wealth[0, 0]) == pytest.approx(wanted)


def test_bets_lie_on_open_arms_only():
    """With one opponent open the wealth follows that pair alone."""
    shares = np.array([[[0.5, 0.5, 0.0]]])
    given = batches((30, 12, 0))
    state, _ = follow(start(1, 3, 0.05), given, given * 100, shares)
    assert state.log_wealth[0, 1] == pytest.approx(state.log_e[0, 0, 1])
    assert state.log_wealth[0, 2] == 0


def dirichlet_by_fractions(labels, rho, c):
    """Product of the sequential predictives, exactly."""
    seen, value = [Fraction(0)] * len(rho), Fraction(1)
    for label in labels:
        value *= (c * rho[label] + seen[label]) / (c + sum(seen)) / rho[label]
        seen[label] += 1
    return value


def test_dirichlet_evidence_is_the_product_of_its_predictives():
    labels = [0, 1, 1, 2, 1, 0, 1, 1, 1, 2, 1]
    rho = [Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)]
    wanted = log(dirichlet_by_fractions(labels, rho, Fraction(75)))
    one_by_one = np.eye(3)[labels][None]
    shares = np.array([[[float(r) for r in rho]]])
    assert dirichlet(one_by_one, shares)[0].sum() == pytest.approx(wanted, abs=1e-12)
    at_once = one_by_one.sum(axis=1, keepdims=True)
    assert dirichlet(at_once, shares)[0].sum() == pytest.approx(wanted, abs=1e-12)


def test_dirichlet_evidence_keeps_what_it_learned_when_shares_change():
    """A fresh start in the second phase would need to learn again that arm 0 gets most labels."""
    first, second = np.array([0.25, 0.75]), np.array([0.75, 0.25])
    given = batches((50, 50), (90, 10))
    shares = np.stack([first, second])[None]
    gain, _ = dirichlet(given, shares)
    fresh, _ = dirichlet(given[:, 1:], shares[:, 1:])
    assert gain[0, 1] > fresh[0, 0] + 1


def test_multivariate_beta_form():
    s, rho, c = np.array([100.0, 98, 110, 131]), 0.25, 100.0
    known = lgamma(c) - lgamma(c + s.sum()) + sum(lgamma(c * rho + x) - lgamma(c * rho) for x in s)
    gain, _ = dirichlet(s[None, None], np.full((1, 1, 4), rho))
    assert gain[0, 0] == pytest.approx(known - s.sum() * log(rho), abs=1e-9)


def test_winners_need_the_global_evidence():
    """Just enough evidence to drop b, too little against equality: nobody wins yet."""
    given = batches((40, 22))
    state, steps = follow(start(1, 2, 0.05), given, given * 100, np.full((1, 1, 2), 0.5))
    for events in range(22, 4, -1):
        given = batches((40, events))
        state, steps = follow(start(1, 2, 0.05), given, given * 100, np.full((1, 1, 2), 0.5))
        if state.eliminated[0, 1]:
            break
    assert winners(state).tolist() == [-1]
    assert steps.log_global[0, 0] < log(20) <= state.log_wealth[0, 1]
    given = batches((90, 20))
    state, _ = follow(start(1, 2, 0.05), given, given * 100, np.full((1, 1, 2), 0.5))
    assert winners(state).tolist() == [0]
    assert winners(state, np.array([[False, True]])).tolist() == [-1]


@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
def test_any_size_stays_finite(scale):
    given = batches((scale, 0, 1), (0, scale, 3 * scale))
    state, steps = follow(start(1, 3, 0.05), given, given * 2 + 1, EQUAL)
    for found in (steps.log_e, steps.log_wealth, steps.log_dirichlet, steps.log_global, state.likelihood):
        assert np.isfinite(found).all()


def course(arms, *phases):
    """A report of phases (shares, then (events, units) of each arm)."""
    shares = {number: dict(zip(arms, share, strict=True)) for number, (share, _) in enumerate(phases, 1)}
    cells = tuple(
        Cell(arm, number, f"day {number}", "", "", n, n, {"help": x})
        for number, (_, table) in enumerate(phases, 1)
        for arm, (x, n) in zip(arms, table, strict=True)
    )
    return report(Plan(tuple(arms), arms[0], (Outcome("help", "primary"),)), Counts(cells, shares=shares))


def test_an_arm_without_a_unit_never_wins():
    table = [("v0", 0, 0), ("v1", 500, 10_000), ("v2", 100, 10_000)]
    cells = tuple(Cell(arm, 1, "", "", "", n, n, {"help": x}) for arm, x, n in table)
    made = report(Plan(("v0", "v1", "v2"), "v1", (Outcome("help", "primary"),), rho="observed"), Counts(cells))
    assert (made.status, made.status_reason.code) == ("collecting", "no-units")


def test_an_arm_that_was_never_shown_better_does_not_win_because_its_rival_was_closed():
    """a is out because of b; then b is closed by hand. c is left, and nothing says that it is better than a."""
    third = (1 / 3, 1 / 3, 1 / 3)
    made = course(
        "abc", (third, ((100, 10_000), (175, 10_000), (135, 10_000))), ((0.5, 0, 0.5), ((10, 999), (0, 0), (10, 999)))
    )
    assert made.path[-1].eliminated == ("a",)
    assert (made.status, made.status_arms) == ("narrowed", ("c",))


def test_an_arm_that_was_shown_better_wins_although_another_was_closed():
    third = (1 / 3, 1 / 3, 1 / 3)
    made = course(
        "abc", (third, ((100, 10_000), (200, 10_000), (220, 10_000))), ((0.5, 0, 0.5), ((10, 999), (0, 0), (22, 999)))
    )
    assert (made.status, made.status_arms) == ("winner", ("c",))


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_how_things_stand_needs_no_path(better):
    rng = np.random.default_rng(7)
    events = rng.poisson(20, (30, 4)).astype(float)
    rho = np.repeat([[0.4, 0.3, 0.2, 0.1], [0.5, 0.5, 0, 0], [0.25, 0.25, 0.25, 0.25]], 10, axis=0)
    units = np.full_like(events, 1000)
    state, _ = follow(start(1, 4, 0.05, better), events[None], units[None], rho[None])
    np.testing.assert_allclose(log_e_now(events, rho, better), state.log_e[0], rtol=1e-12, atol=1e-12)
    assert (log_e_now(events[:0], rho[:0], better) == 0).all()
