"""Every case of tests/reference/statistics.json: published numbers, or ones computed along two code paths."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stats import association, intervals, multiplicity, odds, pooled, ratio

CASES = json.loads((Path(__file__).parents[2] / "reference" / "statistics.json").read_text())["cases"]


def single_proportion(given):
    ends = intervals.wilson(given["x"], given["n"], given.get("alpha", 0.05))
    return {"wilson": ends, "ci": ends}


def two_arms(given):
    return tuple(given[name] for name in ("x1", "n1", "x2", "n2"))


def difference(given):
    ends = intervals.newcombe(*two_arms(given), 0.05)
    return {"newcombe": ends, "ci": ends}


def risk_ratio(given):
    return {"ci": ratio.koopman(*two_arms(given), 0.05)}


def rare_events(given):
    found = pooled.estimates([pooled.Table(*two_arms(given))])
    ends = odds.odds_ratio_interval(*two_arms(given), 0.05)
    return {"rr": found.ratio, "or_": found.odds_ratio, "or_ci": ends}


def exact_test(given):
    (a, b), (c, d) = given["table"]
    return {"p_two": association.fisher(a, a + b, c, c + d)[0]}


def many_arms(given):
    found = association.chi_square(given["x"], given["n"])
    return {"X2": found.chi2, "df": found.df, "p": found.p_value}


def adjusted(given):
    return {"holm": list(multiplicity.holm(dict(enumerate(given["p"]))).values())}


METHODS = {
    "single proportion": single_proportion,
    "difference of proportions": difference,
    "risk ratio": risk_ratio,
    "rare events": rare_events,
    "exact tests": exact_test,
    "k-arm test": many_arms,
    "multiplicity": adjusted,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_reference_case(case):
    found = METHODS[case["category"]](case["inputs"])
    known = found.keys() & case["expected"].keys()
    assert known
    for name in known:
        tolerance = {case["tolerance"]["kind"]: case["tolerance"]["value"]}
        assert found[name] == pytest.approx(case["expected"][name], **({"rel": 0, "abs": 0} | tolerance)), name


@pytest.mark.parametrize("case", [case for case in CASES if case["published"]], ids=lambda case: case["id"])
def test_reference_case_agrees_with_the_paper(case):
    found = METHODS[case["category"]](case["inputs"])
    for name in found.keys() & case["published"].keys():
        assert found[name] == pytest.approx(case["published"][name], rel=0, abs=case["published_tolerance"]), name
