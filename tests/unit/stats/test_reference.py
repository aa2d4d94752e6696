"""Every case of tests/reference/statistics.json: published numbers, or ones computed along two code paths.

See `tests.reference.methods` for what computes them.
"""

from __future__ import annotations

import json
from math import log, sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit, ndtr, ndtri

from stats import evidence, looks, sequences
from tests.peers import choice, sequential
from tests.reference.methods import METHODS, found_for, rounded_error

CASES = json.loads((Path(__file__).parents[2] / "reference" / "statistics.json").read_text())["cases"]


def flat(value):
    """A number, or numbers in a row."""
    return [float(part) for part in value] if isinstance(value, list | tuple | np.ndarray) else float(value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_reference_case(case):
    found = found_for(case)
    assert found.keys() == case["expected"].keys()
    tolerance = {"rel": 0, "abs": 0} | {case["tolerance"]["kind"]: case["tolerance"]["value"]}
    for name, expected in case["expected"].items():
        assert flat(found[name]) == pytest.approx(expected, **tolerance), name


@pytest.mark.parametrize("case", [case for case in CASES if case["published"]], ids=lambda case: case["id"])
def test_reference_case_agrees_with_the_paper(case):
    found = found_for(case)
    assert case["published"].keys() <= found.keys()
    for name, published in case["published"].items():
        assert flat(found[name]) == pytest.approx(published, rel=0, abs=case["published_tolerance"]), name


def test_there_are_ninety_two_cases_and_each_method_has_one():
    ids = [case["id"] for case in CASES]
    assert len(set(ids)) == len(ids) == 92
    chosen = {max((name for name in METHODS if one.startswith(name)), key=len, default=None) for one in ids}
    assert chosen == METHODS.keys()


def test_the_first_of_ten_looks():
    """6.99134 in the case is 1 - Phi in double precision; the bound itself is 6.99135, and all others are the same."""
    (case,) = [case for case in CASES if case["id"] == "gs_ldof_k10"]
    alpha, times = case["inputs"]["alpha"], tuple((k + 1) / 10 for k in range(10))
    found = looks.boundaries(times, alpha, "obrien-fleming")
    assert found[1:] == pytest.approx(case["expected"]["bounds"][1:], abs=1e-6)
    spent = 2 * ndtr(ndtri(alpha / 2) / sqrt(0.1))
    assert found[0] == pytest.approx(-ndtri(spent), abs=1e-10)
    assert rounded_error(alpha, 0.1) != pytest.approx(spent, rel=1e-6, abs=0)
    assert found[0] == pytest.approx(case["expected"]["bounds"][0], abs=1.2e-5)


def test_a_flat_prior_and_one_of_the_nulls_shape_give_the_same_evidence_where_the_null_is_flat():
    """So ssrm's numbers check the engine's Dirichlet evidence too."""
    labels = [0, 1, 0, 1, 2, 2, 2, 0]
    mixed, plain = sequential.ssrm(labels, [1 / 3] * 3, [1, 1, 1])
    counts = np.zeros((1, len(labels), 3))
    counts[0, range(len(labels)), labels] = 1
    gain, _ = evidence.dirichlet(counts, np.full(3, 1 / 3), concentration=3)
    assert np.cumsum(gain[0]) == pytest.approx(np.array(mixed) - plain, abs=1e-12)


def test_the_engine_agrees_with_the_closed_form_of_the_one_sided_mixture():
    """A finite mixture in the place of a Beta above 1/2: not the same number, and never far from it."""
    for s_i, s_j in ((65, 50), (130, 100), (390, 300), (100, 130)):
        state = evidence.start(1, 2, 0.05)
        events = np.array([[[s_i, s_j]]], dtype=float)
        state, _ = evidence.follow(state, events, 100 * events, np.array([[[0.5, 0.5]]]))
        assert state.log_e[0, 0, 1] == pytest.approx(sequential.one_sided_labels(s_i, s_j, 0.5, 0.5, 58), abs=0.7)


def test_a_sequence_of_a_ratio_by_hand():
    """The vaccine trial's cases through the engine: 95 % at all times are wider than the trial's 95 % once."""
    low, high = sequences.ratio_sequence(*(np.array([x]) for x in (8.0, 162.0, 2.214, 2.222)), 0.05)
    efficacy = choice.vaccine_efficacy((8, 162), (2.214, 2.222), (0.700102, 1))
    assert 1 - high < efficacy[0] < 1 - 8 / 162 * 2.222 / 2.214 < efficacy[1] < 1 - low
    assert expit(log(low)) < expit(log(high)) < 0.5
