"""Stratified comparisons: against R's published numbers, statsmodels, whole-number arithmetic, and at extremes."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from fractions import Fraction
from itertools import product
from math import comb, isfinite
from pathlib import Path

import numpy as np
import pytest
import scipy.stats as sps
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import StratifiedTable

import stats
from stats.conditional import cmh_p_value, exact_conditional
from stats.mantel_haenszel import Tables, breslow_day, cmh, odds_ratio, ratio_interval, risk_ratio, woolf
from stats.reasons import Notes
from stats.result import Strata
from stats.strata import FIGURES, strata

CASES = json.loads((Path(__file__).parents[2] / "reference" / "statistics.json").read_text())["cases"]
CASE = {case["id"]: case for case in CASES}
BERKELEY = CASE["cmh_ucb"]["inputs"]["tables"]
RABBITS = CASE["cmh_rabbits"]["inputs"]["tables"]
NEUTRAL = [[[30, 70], [15, 35]], [[10, 90], [20, 180]], [[8, 32], [5, 45]], [[5, 45], [8, 32]]]
RANDOM = [np.random.default_rng(seed).integers(1, 60, (7, 2, 2)).tolist() for seed in range(5)]


def close(case, name, found):
    assert found == pytest.approx(case["expected"][name], rel=0, abs=case["tolerance"]["value"]), name
    if name in case["published"]:
        assert found == pytest.approx(case["published"][name], rel=0, abs=case["published_tolerance"]), name


def odds_with_interval(tables):
    found = odds_ratio(Tables.of(tables))
    return found.value(), found.interval(0.05)


# ------------------------------------------------------------------------------------------- formulas


def test_berkeley_admissions():
    case = CASE["cmh_ucb"]
    chi2, p_value = cmh(BERKELEY)
    corrected, corrected_p = cmh(BERKELEY, correction=True)
    ratio, ends = odds_with_interval(BERKELEY)
    found = {"X2": chi2, "p": p_value, "X2_cc": corrected, "p_cc": corrected_p, "or_mh": ratio, "ci": ends}
    for name, value in (found | {"woolf_p": woolf(BERKELEY)[2]}).items():
        close(case, name, value)


def test_penicillin_and_rabbits():
    """Two of the five litters say nothing, one has no death in one arm."""
    case = CASE["cmh_rabbits"]
    corrected, corrected_p = cmh(RABBITS, correction=True)
    ratio, ends = odds_with_interval(RABBITS)
    exact = exact_conditional(RABBITS)
    found = {"X2_cc": corrected, "p_cc": corrected_p, "or_mh": ratio, "ci": ends}
    for name, value in (found | {"exact_p": exact.two_sided, "exact_p_greater": exact.greater}).items():
        close(case, name, value)


@pytest.mark.parametrize("tables", [BERKELEY, RABBITS[1:4], *RANDOM])
def test_as_statsmodels(tables):
    expected = StratifiedTable(np.array(tables, dtype=float).transpose(1, 2, 0))
    ratio, ends = odds_with_interval(tables)
    assert ratio == pytest.approx(expected.oddsratio_pooled, rel=1e-12)
    assert ends == pytest.approx(expected.oddsratio_pooled_confint(), rel=1e-9)
    assert risk_ratio(Tables.of(tables)).value() == pytest.approx(expected.riskratio_pooled, rel=1e-12)
    test = expected.test_null_odds(correction=False)
    assert cmh(tables) == pytest.approx((test.statistic, test.pvalue), rel=1e-9)


def test_continuity_correction_never_overshoots():
    """The sum is less than 1/2 off: R then corrects nothing, statsmodels makes 0.43 of 0.07."""
    tables = [[[10, 10], [10, 11]], [[20, 30], [21, 31]]]
    corrected, _ = cmh(tables, correction=True)
    assert corrected == cmh(tables)[0] < 0.01
    stack = StratifiedTable(np.array(tables, dtype=float).transpose(1, 2, 0))
    assert stack.test_null_odds(correction=True).statistic != pytest.approx(corrected, rel=0.5)


@pytest.mark.parametrize("tables", [BERKELEY, *RANDOM])
def test_breslow_day_as_statsmodels(tables):
    expected = StratifiedTable(np.array(tables, dtype=float).transpose(1, 2, 0)).test_equal_odds(adjust=False)
    found = breslow_day(one_per_stratum(tables))
    assert (float(found.chi2), float(found.p_value)) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-9)
    assert found.df == len(tables) - 1


def one_per_stratum(tables):
    return Tables(*(part[:, None] for part in Tables.of(tables).parts()))


def test_breslow_day_at_a_common_odds_ratio_of_one():
    """There statsmodels divides 0 by 0; the expected cells are those of independence."""
    assert odds_with_interval(NEUTRAL)[0] == 1
    with np.errstate(all="ignore"):
        stack = StratifiedTable(np.array(NEUTRAL, dtype=float).transpose(1, 2, 0))
        assert np.isnan(stack.test_equal_odds(adjust=False).statistic)
    pearson = [sps.chi2_contingency(table, correction=False).statistic for table in NEUTRAL]
    found = breslow_day(one_per_stratum(NEUTRAL))
    assert found.chi2 == pytest.approx(sum(pearson), rel=1e-9)
    assert found.p_value == pytest.approx(sps.chi2.sf(sum(pearson), 3), rel=1e-9)


SILENT = [[[0, 0], [3, 4]], [[0, 9], [0, 4]], [[0, 0], [0, 0]], [[0, 0], [0, 1]]]
ALL_EVENTS = [[9, 0], [4, 0]]


def test_tables_that_say_nothing_change_nothing():
    """No units in an arm, no events, events only, a single unit: added to Berkeley they count nowhere."""
    both = [*BERKELEY, *SILENT, ALL_EVENTS]
    assert np.hstack(odds_with_interval(both)) == pytest.approx(np.hstack(odds_with_interval(BERKELEY)), rel=1e-12)
    assert cmh(both) == pytest.approx(cmh(BERKELEY), rel=1e-12)
    assert exact_conditional([*RABBITS, *SILENT, ALL_EVENTS]) == exact_conditional(RABBITS)
    found, alone = breslow_day(one_per_stratum(both)), breslow_day(one_per_stratum(BERKELEY))
    assert (float(found.chi2), int(found.df)) == pytest.approx((float(alone.chi2), int(alone.df)), rel=1e-12)
    expected = ratio_interval(Tables.of(BERKELEY), 0.05)
    assert ratio_interval(Tables.of(BERKELEY + SILENT), 0.05) == pytest.approx(expected, rel=1e-12)
    assert cmh([*SILENT, ALL_EVENTS]) is None
    assert risk_ratio(Tables.of(SILENT)).value() is None
    assert risk_ratio(Tables.of([ALL_EVENTS])).value() == 1  # to the ratio of rates, though, this says: equal


def test_ratio_interval_of_one_table_is_katz():
    table = [[13, 187], [6, 144]]
    expected = sps.contingency.relative_risk(13, 200, 6, 150).confidence_interval(0.95)
    assert ratio_interval(Tables.of([table]), 0.05) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_ratio_interval_covers_a_common_ratio():
    """20,000 seeded trials of 8 strata at rates from 0.5 to 4 %, ratio 1.4, splits 1:1 to 9:1; nominal 95 %."""
    rng = np.random.default_rng(8)
    base = np.geomspace(0.005, 0.04, 8)
    n1, n2 = np.array([900, 800, 700, 500] * 2), np.array([100, 200, 700, 500] * 2)
    shape = (20_000, 8)
    parts = rng.binomial(n1, 1.4 * base, shape), n1, rng.binomial(n2, base, shape), n2
    found = risk_ratio(Tables(*(np.broadcast_to(part, shape).astype(float) for part in parts)))
    assert (found.bottom > 0).all()
    z = np.abs(np.log(found.top / found.bottom / 1.4)) / np.sqrt(found.log_variance)
    assert 0.94 <= np.mean(z <= 1.959964) <= 0.965


@pytest.mark.parametrize("tables", [[[[0, 50], [6, 44]]], [[[0, 90], [3, 7]], [[0, 40], [2, 38]]]])
def test_ratio_interval_without_events_in_an_arm(tables):
    """Its end solves the score equation (R - r S)^2 = z^2 r W; the reversed ratio has the reciprocal interval."""
    low, high = ratio_interval(Tables.of(tables), 0.05)
    t = Tables.of(tables)
    r, s = (t.x1 * t.n2 / t.n).sum(), (t.x2 * t.n1 / t.n).sum()
    w = ((t.events * t.n1 * t.n2 - t.x1 * t.x2 * t.n) / t.n**2).sum()
    assert low == 0
    assert (r - high * s) ** 2 == pytest.approx(sps.chi2.isf(0.05, 1) * high * w, rel=1e-9)
    assert ratio_interval(Tables.of([[b, a] for a, b in tables]), 0.05) == (pytest.approx(1 / high), None)


def by_whole_numbers(tables):
    """Exact conditional p-values by enumeration of every table with the same margins, in fractions."""
    points = {0: Fraction(1)}
    for (a, b), (c, d) in tables:
        weights = {k: comb(a + b, k) * comb(c + d, a + c - k) for k in range(a + c + 1) if a + c - k <= c + d}
        joined = {}
        for (x, p), (k, weight) in product(points.items(), weights.items()):
            joined[x + k] = joined.get(x + k, 0) + p * weight
        points = joined
    total, seen = sum(points.values()), sum(table[0][0] for table in tables)
    parts = [lambda k: points[k] <= points[seen], lambda k: k >= seen, lambda k: k <= seen]
    found = [sum(p for k, p in points.items() if chosen(k)) / total for chosen in parts]
    return [float(p) for p in (*found, found[0] - points[seen] / total / 2)]


@pytest.mark.parametrize("tables", [RABBITS, [[[3, 40], [9, 41]], [[1, 30], [6, 25]]], [[[0, 9], [4, 5]]]])
def test_exact_p_values_by_whole_numbers(tables):
    assert list(exact_conditional(tables)) == pytest.approx(by_whole_numbers(tables), rel=1e-10)


def test_exact_p_value_of_one_table_is_fishers():
    assert exact_conditional([[[2, 30], [9, 20]]]).two_sided == pytest.approx(
        sps.fisher_exact([[2, 30], [9, 20]]).pvalue, rel=1e-10
    )
    assert exact_conditional([[[0, 5], [0, 9]]]) == (1.0, 1.0, 1.0, 1.0)


def test_exact_p_values_far_out():
    """What is less probable than 1e-300 is 0, and on the right side."""
    found = exact_conditional([[[600, 0], [0, 600]]] * 3)
    assert found.two_sided < 1e-290
    assert found.greater < 1e-290
    assert found.less == pytest.approx(1)


def test_p_value_changes_method_where_few_events_can_move():
    few, many = Tables.of([[[2, 98], [7, 93]]]), Tables.of([[[12, 88], [27, 73]]])
    assert cmh_p_value(few) == exact_conditional([[[2, 98], [7, 93]]]).mid
    assert cmh_p_value(many) == cmh([[[12, 88], [27, 73]]])[1]
    assert cmh_p_value(Tables.of([[[0, 98], [0, 93]]])) is None


# -------------------------------------------------------------------------------------------- builder


def counts_of(cells, shares=None):
    """Cells (variant, phase, stratum, events, units)."""
    made = tuple(stats.Cell(v, phase, "", "", stratum, n, n, {"help": x}) for v, phase, stratum, x, n in cells)
    return stats.Counts(made, shares=shares or {})


def plan_of(*variants, control=None, better="higher"):
    outcome = stats.Outcome("help", "primary", better)
    return stats.Plan(variants, control or variants[0], (outcome,))


def made(plan, counts, withheld=None, no_p=None):
    notes = Notes()
    return strata(plan, counts, "help", notes, withheld=withheld, no_p=no_p), notes.found


def berkeley(**changes):
    rows = [(who, table[k]) for table in BERKELEY for k, who in enumerate(("male", "female"))]
    cells = [(who, 1, "ABCDEF"[at // 2], x, x + other) for at, (who, (x, other)) in enumerate(rows)]
    return made(plan_of("male", "female", **changes), counts_of(cells))


def test_berkeley_report():
    """Women are admitted less often overall and no less often within departments; department A favours them."""
    found, notes = berkeley()
    case = CASE["cmh_ucb"]["expected"]
    assert (found.a, found.b) == ("female", "male")
    assert found.mh_odds_ratio == pytest.approx(1 / case["or_mh"], abs=1e-8)
    assert found.mh_odds_ratio_ci == pytest.approx((1 / case["ci"][1], 1 / case["ci"][0]), abs=1e-8)
    assert (found.cmh_chi2, found.cmh_p_value) == pytest.approx((case["X2"], case["p"]), abs=1e-8)
    homogeneity = StratifiedTable(np.array(BERKELEY, dtype=float).transpose(1, 2, 0)).test_equal_odds()
    assert found.breslow_day_chi2 == pytest.approx(homogeneity.statistic, rel=1e-9)
    assert found.breslow_day_p_value == pytest.approx(0.00207, abs=5e-6)
    assert found.direction_conflict
    assert (found.arms[0].stratum, found.arms[0].variant, found.arms[0].units) == ("A", "male", 825)
    assert found.arms[0].rate == pytest.approx(512 / 825)
    assert not notes


def test_top_is_the_best_against_the_control():
    cells = [(v, 1, s, x, 1000) for s in "ab" for v, x in (("one", 30), ("two", 20), ("three", 40))]
    counts = counts_of(cells)
    for control, best in (("one", "three"), ("two", "three"), ("three", "one")):
        found, _ = made(plan_of("one", "two", "three", control=control), counts)
        assert (found.a, found.b) == (best, control)
    for control, best in (("one", "two"), ("two", "one"), ("three", "two")):
        found, _ = made(plan_of("one", "two", "three", control=control, better="lower"), counts)
        assert (found.a, found.b) == (best, control)
    assert found.mh_ratio == pytest.approx(0.5)
    assert [(pair.a, pair.b) for pair in found.pairs] == [("two", "one"), ("three", "one"), ("three", "two")]
    assert [pair.mh_ratio for pair in found.pairs] == pytest.approx([2 / 3, 4 / 3, 2])


def test_an_infinite_ratio_leads_and_the_rate_decides_between_two():
    cells = [(v, 1, s, x, 100) for s in "ab" for v, x in (("one", 0), ("two", 2), ("three", 3), ("four", 0))]
    found, notes = made(plan_of("one", "two", "three", "four"), counts_of(cells))
    assert (found.a, found.b, found.mh_ratio, found.mh_odds_ratio) == ("three", "one", None, None)
    assert found.cmh_chi2 > 0
    assert notes["unbounded", "strata.mh_ratio"] == {"three/one": None}
    assert notes["zero-count", "strata.mh_odds_ratio_ci"] == {"three/one": None}
    assert notes["no-events", "strata.pairs[].mh_ratio"] == {"four/one": None}
    assert notes["no-events", "strata.pairs[].cmh_chi2"] == {"four/one": None}
    assert found.direction_conflict is False


@pytest.mark.parametrize("cells", [[], [("one", 1, "", 3, 9)], [("one", 1, "a", 3, 9), ("two", 1, "b", 0, 0)]])
def test_one_stratum_is_none(cells):
    found, notes = made(plan_of("one", "two"), counts_of(cells))
    assert found == Strata()
    assert notes == {("no-strata", f"strata.{name}"): {} for name in FIGURES}


def test_withheld():
    plain, _ = berkeley()
    rows = counts_of([(v, 1, s, x, 400) for s in "ab" for v, x in (("one", 30), ("two", 50))])
    found, notes = made(plan_of("one", "two"), rows, withheld="srm-alarm", no_p="planned-size-not-reached")
    assert found.mh_ratio == pytest.approx(5 / 3)
    for one in (found, found.pairs[0]):
        assert [getattr(one, name) for name in FIGURES[2:]] == [None] * 6
    assert {code for code, _ in notes} == {"srm-alarm"}
    found, notes = made(plan_of("one", "two"), rows, no_p="planned-size-not-reached")
    for one in (found, found.pairs[0]):
        missing = {name for name in FIGURES if getattr(one, name) is None}
        assert missing == {"cmh_p_value", "breslow_day_p_value"}
    assert {code for code, _ in notes} == {"planned-size-not-reached"}
    assert plain.cmh_p_value is not None


def test_closed_arms_are_compared_where_both_were_open():
    shares = {1: {"one": 0.5, "two": 0.5}, 2: {"one": 0.5, "three": 0.5}}
    cells = [(v, phase, s, 10 * phase, 100) for phase, open_ in shares.items() for v in open_ for s in "ab"]
    found, notes = made(plan_of("one", "two", "three"), counts_of(cells, shares))
    assert [pair.mh_ratio for pair in found.pairs] == [pytest.approx(1), pytest.approx(1), None]
    assert notes["no-units", "strata.pairs[].mh_ratio"] == {"three/two": None}
    assert found.pairs[2].direction_conflict is None
    assert found.direction_conflict is False


PHASES = {
    "a": {1: ((9, 100), (4, 100)), 2: ((12, 80), (9, 120))},
    "b": {1: ((3, 200), (7, 180)), 2: ((10, 90), (11, 70))},
}


def in_phases(shares):
    cells = [
        (v, phase, s, *table[k])
        for s, phases in PHASES.items()
        for phase, table in phases.items()
        for k, v in enumerate(("two", "one"))
    ]
    return made(plan_of("one", "two"), counts_of(cells, shares))[0]


def table(first, second):
    return [[x, n - x] for x, n in (first, second)]


def test_homogeneity_adds_phases_up_where_weights_do_not_change():
    even = {"one": 0.5, "two": 0.5}
    found = in_phases({1: even, 2: even})
    summed = [table(*np.sum(list(phases.values()), axis=0).tolist()) for phases in PHASES.values()]
    expected = StratifiedTable(np.array(summed, dtype=float).transpose(1, 2, 0)).test_equal_odds()
    assert found.breslow_day_chi2 == pytest.approx(expected.statistic, rel=1e-9)
    apart = [table(*one) for phases in PHASES.values() for one in phases.values()]
    assert found.cmh_chi2 == pytest.approx(cmh(apart)[0])  # every stratum x phase is a table of its own here


@pytest.mark.parametrize("shares", [None, {1: {"one": 0.5, "two": 0.5}, 2: {"one": 0.6, "two": 0.4}}])
def test_homogeneity_adjusts_for_phases_where_weights_change(shares):
    """Per stratum the phases' deviations from what the common odds ratio fits, and their variances, are added."""
    found = in_phases(shares)
    psi, chi2 = found.mh_odds_ratio, 0.0
    for phases in PHASES.values():
        off = spread = 0.0
        for (x1, n1), (x2, n2) in phases.values():
            m = x1 + x2
            (fitted,) = (
                root.real
                for root in np.roots([1 - psi, n2 - m + psi * (m + n1), -psi * m * n1])
                if max(0, m - n2) < root.real < min(m, n1)
            )
            cells = fitted, m - fitted, n1 - fitted, n2 - m + fitted
            off, spread = off + x1 - fitted, spread + 1 / sum(1 / cell for cell in cells)
        chi2 += off**2 / spread
    assert found.breslow_day_chi2 == pytest.approx(chi2, rel=1e-9)
    assert found.breslow_day_p_value == pytest.approx(sps.chi2.sf(chi2, 1), rel=1e-9)


def test_phases_with_the_same_ratio_are_one_class_whatever_the_rest_does():
    """Phases 1 and 3 share a ratio of 1:1 although a third arm came and went; phase 2 is closed for one of the two."""
    shares = {
        1: {"one": 0.5, "two": 0.5},
        2: {"one": 0.5, "three": 0.5},
        3: {"one": 1 / 3, "two": 1 / 3, "three": 1 / 3},
    }
    rows = [
        ("one", 1, "a", 4, 90), ("two", 1, "a", 9, 95), ("one", 1, "b", 8, 120), ("two", 1, "b", 6, 110),
        ("one", 2, "a", 40, 60), ("three", 2, "b", 30, 60),
        ("one", 3, "a", 9, 50), ("two", 3, "a", 12, 52), ("one", 3, "b", 14, 70), ("two", 3, "b", 7, 75),
    ]  # fmt: skip
    found, _ = made(plan_of("one", "two", "three"), counts_of(rows, shares))
    summed = [table((21, 147), (13, 140)), table((13, 185), (22, 190))]
    expected = StratifiedTable(np.array(summed, dtype=float).transpose(1, 2, 0))
    psi = found.pairs[0].mh_odds_ratio
    assert psi != pytest.approx(expected.oddsratio_pooled, rel=1e-9)  # estimated within phases
    assert found.pairs[0].breslow_day_chi2 == pytest.approx(expected.test_equal_odds().statistic, rel=0.01)


# ----------------------------------------------------------------------------------- direction conflict


def two_strata(first, second, units=2000, arms=("one", "two")):
    cells = [(v, 1, s, x, units) for s, row in (("a", first), ("b", second)) for v, x in zip(arms, row, strict=True)]
    return made(plan_of(*arms), counts_of(cells))[0]


def test_a_conflict_needs_opposite_directions_and_unequal_strata():
    assert two_strata((20, 60), (60, 20)).direction_conflict
    unequal = two_strata((20, 100), (60, 70))
    assert unequal.breslow_day_p_value < 0.01
    assert unequal.direction_conflict is False  # both strata point the same way
    chance = two_strata((20, 26), (26, 20))
    assert chance.breslow_day_p_value > 0.01
    assert chance.direction_conflict is False  # opposite, as chance has it


def test_a_conflict_needs_enough_events_on_both_sides():
    """The other direction rests on 8 events, so on 4 expected in each arm: not enough, however unequal."""
    rare = two_strata((20, 200), (8, 0))
    assert rare.breslow_day_p_value < 1e-4
    assert rare.direction_conflict is False
    assert two_strata((20, 200), (10, 0)).direction_conflict


def test_a_conflict_of_any_pair_is_told_and_judged_among_all_pairs():
    arms = ("one", "two", "three", "four")
    found = two_strata((20, 60, 20, 20), (60, 20, 60, 60), arms=arms)
    assert {(pair.a, pair.b) for pair in found.pairs if pair.direction_conflict} == {
        ("two", "one"),
        ("three", "two"),
        ("four", "two"),
    }
    assert found.direction_conflict
    alone = two_strata((30, 48), (48, 30))
    assert 0.01 / 6 < alone.breslow_day_p_value <= 0.01
    assert alone.direction_conflict
    among = two_strata((30, 48, 40, 40), (48, 30, 40, 40), arms=arms)
    assert among.pairs[0].breslow_day_p_value == pytest.approx(alone.breslow_day_p_value)
    assert among.direction_conflict is False  # six pairs were looked at


# --------------------------------------------------------------------------------------------- extremes


UNITS = st.sampled_from([0, 1, 2, 7, 50, 1_000, 10**9])


@st.composite
def any_counts(draw):
    variants = tuple("abcd"[: draw(st.integers(2, 4))])
    phases = draw(st.integers(1, 3))
    cells = []
    for variant, phase, stratum in product(variants, range(phases), "xyz"):
        units = draw(UNITS)
        events = draw(st.sampled_from(sorted({0, min(1, units), units // 2, max(0, units - 1), units})))
        cells.append((variant, phase, stratum, events, units))
    shares = {}
    if draw(st.booleans()):
        for phase in range(phases):
            weights = [draw(st.sampled_from([0, 1, 1, 3])) for _ in variants]
            weights[0] += not sum(weights)
            shares[phase] = {v: w / sum(weights) for v, w in zip(variants, weights, strict=True)}
    return plan_of(*variants), counts_of(cells, shares)


def numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [number for item in value for number in numbers(item)]
    return [value] if isinstance(value, float) else []


@settings(max_examples=150, deadline=None)
@given(any_counts())
def test_any_counts_give_numbers_or_reasons(case):
    found, notes = made(*case)
    assert all(isfinite(number) for number in numbers(asdict(found)))
    for field in fields(Strata)[2:10]:
        if getattr(found, field.name) is None:
            assert any(name == f"strata.{field.name}" for _, name in notes), field.name
    for pair in found.pairs:
        for name in FIGURES:
            places = [where for (_, path), where in notes.items() if path == f"strata.pairs[].{name}"]
            assert (getattr(pair, name) is None) == any(f"{pair.a}/{pair.b}" in where for where in places)
        assert pair.cmh_p_value is None or 0 <= pair.cmh_p_value <= 1
        assert (
            pair.mh_odds_ratio_ci is None or pair.mh_odds_ratio_ci[0] <= pair.mh_odds_ratio <= pair.mh_odds_ratio_ci[1]
        )


def test_large_counts_keep_their_digits():
    """A million times the units and events: ratios stay, statistics grow a million times."""
    plan = plan_of("one", "two")
    rows = [("one", 1, "a", 31, 900), ("two", 1, "a", 55, 1_000), ("one", 1, "b", 20, 800), ("two", 1, "b", 21, 700)]
    small = made(plan, counts_of(rows))[0]
    large = made(plan, counts_of([(*row[:3], row[3] * 10**6, row[4] * 10**6) for row in rows]))[0]
    assert large.mh_ratio == pytest.approx(small.mh_ratio, rel=1e-12)
    assert large.cmh_chi2 == pytest.approx(small.cmh_chi2 * 10**6, rel=2e-3)  # N - 1 in the variance
    assert large.breslow_day_chi2 == pytest.approx(small.breslow_day_chi2 * 10**6, rel=1e-6)


def test_the_order_of_cells_changes_nothing():
    plan = plan_of("one", "two", "three")
    rng = np.random.default_rng(3)
    cells = [(v, p, s, int(rng.binomial(900, 0.02)), 900) for v in plan.variants for p in (1, 2) for s in "abc"]
    shares = {1: dict.fromkeys(plan.variants, 1 / 3), 2: {"one": 0.5, "two": 0.25, "three": 0.25}}
    counts = counts_of(cells, shares)
    turned = replace(counts, sealed=counts.sealed[::-1])
    assert made(plan, counts) == made(plan, turned)
