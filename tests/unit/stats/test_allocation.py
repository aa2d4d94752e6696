"""The rule of shares against the same rule in fractions and plain loops, one run at a time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats.allocation import Allocation
from stats.evidence import State, follow, start

EQUAL4 = np.full(4, 0.25)


@dataclass
class Known:
    events: np.ndarray
    units: np.ndarray
    eliminated: np.ndarray
    better: str = "higher"


def known(events, eliminated=(), units=1000, better="higher") -> Known:
    out = [k in eliminated for k in range(len(events))]
    return Known(np.array([events], float), np.full((1, len(events)), float(units)), np.array([out]), better)


def by_hand(rule: Allocation, seen: Known, rho) -> list[float]:
    """What is written in words: open and not eliminated, else all that are open; leader; floor."""
    arms = range(len(rho))
    left = [k for k in arms if rho[k] > 0 and not seen.eliminated[0][k]]
    contest = left if len(left) > 1 else [k for k in arms if rho[k] > 0]
    weights = [Fraction(float(w)) for w in rule.weights]
    shares = {k: weights[k] / sum(weights[j] for j in contest) for k in contest}
    if rule.leader and len(contest) > 1 and seen.events.sum() >= 20 * len(rho):
        rate = [(Fraction(e) + 1) / (Fraction(n) + 100) for e, n in zip(seen.events[0], seen.units[0], strict=True)]
        first = max(contest, key=lambda k: rate[k] if seen.better == "higher" else -rate[k])
        rest = sum(share for k, share in shares.items() if k != first)
        lead = Fraction(1 / (1 + sqrt(len(contest) - 1)))
        shares = {k: lead if k == first else (1 - lead) * share / rest for k, share in shares.items()}
    if rule.control is not None and rule.control not in contest:
        shares = {k: share * Fraction(95, 100) for k, share in shares.items()} | {rule.control: Fraction(5, 100)}
    return [float(shares.get(k, 0)) for k in arms]


@st.composite
def cases(draw):
    arms = draw(st.integers(2, 12))
    weights = np.array(draw(st.lists(st.integers(1, 1000), min_size=arms, max_size=arms)), float)
    weights /= weights.sum()
    flags = st.lists(st.booleans(), min_size=arms, max_size=arms)
    is_open = np.array(draw(flags)) | (np.arange(arms) == 0)
    numbers = st.lists(st.integers(0, 60), min_size=arms, max_size=arms)
    seen = Known(
        np.array([draw(numbers)], float), 60 + np.array([draw(numbers)], float), np.array([draw(flags)]),
        draw(st.sampled_from(["higher", "lower"])),
    )  # fmt: skip
    rho = np.where(is_open, weights, 0.0)
    return Allocation(weights, 0, drop=True, leader=draw(st.booleans())), seen, rho / rho.sum()


@given(cases())
def test_it_does_what_the_words_say(case):
    rule, seen, rho = case
    assert rule.following(seen, rho[None])[0] == pytest.approx(by_hand(rule, seen, rho), abs=1e-12)


@given(cases())
def test_what_may_never_happen(case):
    """The control stays, nothing opens again, two stay open, and what could be best is never closed."""
    rule, seen, rho = case
    shares = rule.following(seen, rho[None])[0]
    assert shares.sum() == pytest.approx(1)
    assert shares.min() >= 0
    assert shares[0] > 0
    assert (rho[shares > 0] > 0).all()
    assert (shares > 0).sum() >= min(2, (rho > 0).sum())
    assert (shares[(rho > 0) & ~seen.eliminated[0]] > 0).all()


@given(cases())
def test_a_second_time_changes_nothing(case):
    rule, seen, rho = case
    once = rule.following(seen, rho[None])
    assert rule.following(seen, once)[0] == pytest.approx(once[0], abs=1e-12)


def test_without_the_option_shares_stay():
    rho = np.array([[0.7, 0.1, 0.1, 0.1]])
    assert Allocation(EQUAL4, 0).following(known([100, 0, 0, 0], {1, 2, 3}), rho) is rho


@pytest.mark.parametrize(("arms", "lead"), [(2, 0.5), (5, 1 / 3), (10, 0.25), (17, 0.2)])
def test_the_leaders_share(arms, lead):
    rule = Allocation(np.full(arms, 1 / arms), 0, drop=True, leader=True)
    events = [20] * (arms - 1) + [21]
    shares = rule.following(known(events), rule.weights[None])[0]
    assert shares == pytest.approx([(1 - lead) / (arms - 1)] * (arms - 1) + [lead])


def test_the_leader_waits_for_twenty_events_for_each_variant():
    rule = Allocation(EQUAL4, 0, drop=True, leader=True)
    assert rule.following(known([10, 10, 10, 49]), EQUAL4[None])[0] == pytest.approx(EQUAL4)
    assert rule.following(known([10, 10, 10, 50]), EQUAL4[None])[0].argmax() == 3


def test_where_less_is_better_the_lowest_rate_leads():
    rule = Allocation(EQUAL4, 0, drop=True, leader=True)
    assert rule.following(known([90, 80, 95, 92], better="lower"), EQUAL4[None])[0].argmax() == 1


def test_an_eliminated_control_keeps_its_floor():
    rule = Allocation(EQUAL4, 1, drop=True)
    assert rule.following(known([9, 9, 9, 9], {1}), EQUAL4[None])[0] == pytest.approx([0.95 / 3, 0.05] + [0.95 / 3] * 2)


def test_the_last_two_stay_open():
    rule = Allocation(EQUAL4, 0, drop=True)
    now = np.array([[0.0, 0.0, 0.5, 0.5]])
    assert Allocation(EQUAL4, None, drop=True).following(known([1, 1, 9, 9], {0, 1, 2}), now)[0].tolist() == [
        0,
        0,
        0.5,
        0.5,
    ]
    assert rule.following(known([1, 1, 9, 9], {1, 2, 3}), EQUAL4[None])[0] == pytest.approx(EQUAL4)


def test_it_takes_the_engines_state():
    """Runs at once: in the first one an arm is far behind, in the second none is."""
    state: State = start(2, 3, 0.05)
    events, units = np.array([[[60, 60, 5]], [[40, 40, 40]]], float), np.full((2, 1, 3), 2000.0)
    rho = np.full((1, 1, 3), 1 / 3)
    state = follow(state, events, units, rho)[0]
    assert state.eliminated.tolist() == [[False, False, True], [False, False, False]]
    shares = Allocation(np.full(3, 1 / 3), 0, drop=True).following(state, rho[0])
    assert shares == pytest.approx(np.array([[0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]]))
