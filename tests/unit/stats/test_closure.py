"""e-closure and e-BH: against closed testing over every subset, and with e-values beyond what floats hold."""

from __future__ import annotations

from itertools import combinations
from math import inf, log

import numpy as np
import pytest
import scipy.stats as sps
from hypothesis import given, settings
from hypothesis import strategies as st

from stats.closure import claims, e_benjamini_hochberg, e_closure
from stats.reasons import Notes

E_VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=7)


def logs(values):
    return [log(value) if value else -inf for value in values]


def closed_by_every_subset(values):
    """The smallest mean over all sets of hypotheses that hold i: closed testing as it is defined."""
    indices = range(len(values))
    sets = [one for size in range(1, len(values) + 1) for one in combinations(indices, size)]
    return [min(np.mean([values[j] for j in one]) for one in sets if i in one) for i in indices]


@settings(max_examples=60, deadline=None)
@given(E_VALUES)
def test_closure_is_closed_testing_with_the_mean(values):
    assert np.exp(e_closure(np.array(logs(values)))) == pytest.approx(closed_by_every_subset(values), rel=1e-9)


def test_claims_by_hand():
    """Smallest means: (100+0+2+30)/4, (30+0+2)/3, (2+0)/2 and 0."""
    given_e = {("call", "a"): 100.0, ("call", "b"): 30.0, ("chat", "a"): 2.0, ("chat", "b"): 0.0}
    found = claims(dict(zip(given_e, logs(given_e.values()), strict=True)), 0.05, Notes())
    assert [(one.outcome, one.variant) for one in found] == list(given_e)
    assert [one.e_value for one in found] == pytest.approx([100, 30, 2, 0])
    assert [one.e_closed for one in found] == pytest.approx([33, 32 / 3, 1, 0])
    assert [one.made for one in found] == [True, False, False, False]


def test_a_claim_is_made_from_the_threshold_on():
    assert claims({("call", "a"): log(20)}, 0.05, Notes())[0].made
    assert not claims({("call", "a"): log(19.999)}, 0.05, Notes())[0].made


def test_claims_together_are_cheaper_than_bonferroni():
    """Five claims of 25 each pass the closure, where Bonferroni would ask each for 100."""
    family = {("call", str(k)): log(25) for k in range(5)}
    assert all(one.made for one in claims(family, 0.05, Notes()))


def test_e_values_beyond_floats_are_claimed_and_said_to_be_unbounded():
    notes = Notes()
    large, small = claims({("call", "a"): 400 * log(10), ("call", "b"): 0.0}, 0.05, notes)
    assert (large.e_value, large.e_closed, large.made) == (None, None, True)
    assert (small.e_value, small.e_closed, small.made) == (1.0, 1.0, False)
    assert notes.found == {
        ("unbounded", "claims[].e_value"): {"call/a": None},
        ("unbounded", "claims[].e_closed"): {"call/a": None},
    }


def test_a_missing_e_value_counts_as_one_and_is_never_claimed():
    notes = Notes()
    known, missing = claims({("call", "a"): log(30), ("chat", "a"): None}, 0.05, notes)
    assert known.e_closed == pytest.approx(31 / 2)
    assert not known.made
    assert (missing.e_value, missing.e_closed, missing.made) == (None, None, None)
    assert {code for code, _ in notes.found} == {"no-evidence"}


def test_an_empty_family():
    assert claims({}, 0.05, Notes()) == ()
    assert e_benjamini_hochberg([], 0.05) == ()


def by_counting(values, alpha):
    """e-BH as its definition reads: the largest k such that k e-values are at least M/(k alpha)."""
    found = [k for k in range(1, len(values) + 1) if sum(v >= len(values) / (k * alpha) for v in values) >= k]
    return [v >= len(values) / (max(found) * alpha) if found else False for v in values]


@settings(max_examples=60, deadline=None)
@given(E_VALUES, st.sampled_from([0.01, 0.05, 0.2]))
def test_e_bh_by_its_definition(values, alpha):
    assert list(e_benjamini_hochberg(logs(values), alpha)) == by_counting(values, alpha)


def test_e_bh_by_hand():
    assert e_benjamini_hochberg(logs([60, 31, 13, 1]), 0.1) == (True, True, False, False)
    assert e_benjamini_hochberg([1000.0, -inf], 0.05) == (True, False)
    assert e_benjamini_hochberg(logs([1, 2]), 0.05) == (False, False)


def test_family_wise_error_under_dependence():
    """20,000 families of 4 true claims that share most of their data: a claim is made in at most 5 % (+ 3 SE)."""
    rng = np.random.default_rng(20)
    wins = rng.binomial(60, 0.5, size=(20_000, 1)) + rng.binomial(15, 0.5, size=(20_000, 4))
    log_e = bet_on(wins, np.array([0.1, 0.2, 0.3, 0.4]))
    made = [bool((e_closure(row) >= log(20)).any()) for row in log_e]
    assert 0.005 < np.mean(made) <= 0.05 + 3 * (0.05 * 0.95 / len(made)) ** 0.5


def bet_on(wins, part, tosses=75):
    """Logarithm of the e-value that a coin is fair from a bet of this part of the wealth on every toss."""
    return wins * np.log1p(part) + (tosses - wins) * np.log1p(-part)


def test_the_bets_are_e_values():
    wins = np.arange(76)
    assert sps.binom.pmf(wins, 75, 0.5) @ np.exp(bet_on(wins, 0.4)) == pytest.approx(1, rel=1e-12)
