"""Promises of every report: no NaN, every null explained, nothing provisional decides, the same twice."""

from __future__ import annotations

import json
import random
import re
from itertools import product
from math import isfinite

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stats import Cell, Counts, Outcome, Plan, report
from tests.soundness import assert_sound, leaves

OUTCOMES = (
    Outcome("help", "primary"),
    Outcome("contact", "secondary", clicks_only=True),
    Outcome("again", "guardrail", "lower", margin_ratio=1.1),
)


def cell_of(arm, units, conversions, **at):
    place = {"phase": 1, "period": "", "surface": "", "stratum": ""} | at
    return Cell(arm, place["phase"], place["period"], place["surface"], place["stratum"], units, units, conversions)


def report_of(table, outcomes=OUTCOMES[:1], shares=None, **settings):
    arms = tuple(f"v{number}" for number in range(len(table)))
    cells = tuple(
        cell_of(arm, n, {outcome.name: min(x, n) for outcome in outcomes})
        for arm, (x, n) in zip(arms, table, strict=True)
    )
    return report(Plan(arms, arms[0], outcomes, **settings), Counts(cells, shares=shares or {}))


SIZES = st.sampled_from([0, 1, 2, 5, 100, 20_000, 10**9])
ARM = SIZES.flatmap(lambda n: st.tuples(st.one_of(st.sampled_from([0, 1, n]), st.integers(0, n)), st.just(n)))


@settings(max_examples=200, deadline=None)
@given(
    table=st.lists(ARM, min_size=2, max_size=5),
    equal=st.booleans(),
    planned=st.sampled_from([None, 1, 1000]),
    count=st.integers(1, 3),
)
def test_every_table_gives_a_sound_report(table, equal, planned, count):
    shares = {1: {f"v{k}": 1 / len(table) for k in range(len(table))}} if equal else None
    assert_sound(report_of(table, OUTCOMES[:count], shares, planned_units=planned))


PHASES = st.dictionaries(st.integers(1, 3), st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1)


@settings(max_examples=100, deadline=None)
@given(phases=PHASES, units=st.lists(SIZES, min_size=6, max_size=6), known=st.booleans())
def test_every_course_of_phases_gives_a_sound_report(phases, units, known):
    """Weights that change, arms that are closed or never open, units where none can be."""
    shares = {phase: {"a": (a + 1) / (a + b + 1), "b": b / (a + b + 1), "c": 0.0} for phase, (a, b) in phases.items()}
    places = product(sorted(phases), "ab")
    cells = tuple(
        cell_of(arm, n, {"help": n // 3}, phase=phase, surface=arm)
        for (phase, arm), n in zip(places, units, strict=False)
    )
    assert_sound(report(Plan(("a", "b", "c"), "a", OUTCOMES), Counts(cells, cells[:1], shares if known else {})))


def test_five_hundred_random_tables():
    draw = random.Random(7)
    for _ in range(500):
        sizes = [draw.choice((1, 3, 50, 4_000, 10**6, 10**9)) for _ in range(draw.choice((2, 2, 3)))]
        table = [(draw.choice((0, 1, n, draw.randint(0, n), draw.randint(0, 1 + n // 500))), n) for n in sizes]
        made = report_of(table)
        for path, value in leaves(made.to_dict()):
            assert not isinstance(value, float) or isfinite(value), (table, path)


def test_the_same_counts_give_the_same_report():
    table = [(27, 100), (40, 81), (52, 99)]
    assert report_of(table, OUTCOMES) == report_of(table, OUTCOMES)
    assert json.dumps(report_of(table).to_dict()) == json.dumps(report_of(table).to_dict())


def test_cells_add_up_however_they_are_cut():
    """Periods, surfaces and strata, in any order, are summed; only the list of surfaces shows them."""
    plan = Plan(("a", "b"), "a", OUTCOMES[:1], design="fixed")
    whole = Counts((cell_of("a", 300, {"help": 30}), cell_of("b", 300, {"help": 60})))
    parts = [
        cell_of(arm, 100, {"help": 10 if arm == "a" else 20}, period=str(day), stratum=str(day))
        for arm in "ba"
        for day in range(3)
    ]
    made, known = report(plan, Counts(tuple(parts))), report(plan, whole)
    assert (made.status, made.arms, made.multiplicity) == (known.status, known.arms, known.multiplicity)
    for found, expected in zip(made.pairs, known.pairs, strict=True):
        assert (found.ratio_ci, found.ratio_cs, found.p_value) == (
            expected.ratio_ci, expected.ratio_cs, expected.p_value,
        )  # fmt: skip
        assert found.log10_e_value == pytest.approx(expected.log10_e_value, abs=1e-12)


def test_provisional_counts_are_shown_and_decide_nothing():
    plan = Plan(("a", "b"), "a", OUTCOMES)
    sealed = (cell_of("a", 100, {"help": 10}), cell_of("b", 100, {"help": 11}))
    live = (cell_of("b", 5_000, {"help": 4_000}, period="today"),)
    made, without = report(plan, Counts(sealed, live)), report(plan, Counts(sealed))
    assert made.pairs == without.pairs
    assert (made.arms, made.status) == (without.arms, without.status)
    assert [(row.variant, row.units, row.conversions) for row in made.provisional] == [("a", 0, 0), ("b", 5_000, 4_000)]


def test_schema_names():
    plain = report_of([(1, 10), (2, 10)], OUTCOMES).to_dict()
    assert next(iter(plain)) == "schema"
    assert plain["schema"] == 1
    assert {
        "status", "status_arms", "status_reason", "alpha", "design", "rho", "arms", "pairs", "srm", "global", "strata",
        "tipping_point", "multiplicity", "outcomes", "guardrails", "factors", "provisional", "forecast", "reasons",
    } <= plain.keys()  # fmt: skip
    assert {
        "variant", "assigned", "units", "conversions", "rate", "rate_per_10000", "rate_ci", "rate_ci_exact", "rate_cs",
        "could_be_best", "probability_best", "expected_loss_per_10000", "shrunken_rate",
    } == plain["arms"][0].keys()  # fmt: skip
    assert {
        "a", "b", "ratio", "event_ratio", "ratio_ci", "ratio_cs", "odds_ratio", "odds_ratio_ci", "difference",
        "difference_ci", "difference_ci_score", "e_value", "log10_e_value", "p_value", "p_value_adjusted",
        "p_value_events",
    } == plain["pairs"][0].keys()  # fmt: skip
    assert {"e_value", "e_dirichlet", "decisive", "chi2", "df", "p_value"} == plain["global"].keys()
    assert {
        "mh_ratio", "mh_odds_ratio", "mh_odds_ratio_ci", "cmh_chi2", "cmh_p_value", "breslow_day_chi2",
        "breslow_day_p_value", "direction_conflict",
    } <= plain["strata"].keys()  # fmt: skip
    assert plain["multiplicity"]["method"] == "holm"
    assert (plain["guardrails"][0]["better"], plain["guardrails"][0]["margin_ratio"]) == ("lower", 1.1)
    assert plain["outcomes"][0]["clicks_only"] is True


def test_every_ordered_pair_is_there_and_mirrors_the_other():
    made = report_of([(27, 100), (40, 81), (52, 99)], design="fixed")
    found = {(pair.a, pair.b): pair for pair in made.pairs}
    assert len(found) == 6
    for (a, b), pair in found.items():
        other = found[b, a]
        assert pair.p_value == other.p_value
        assert pair.p_value_adjusted == other.p_value_adjusted
        assert pair.difference == pytest.approx(-other.difference)
        assert pair.odds_ratio * other.odds_ratio == pytest.approx(1)
        assert pair.odds_ratio_ci[0] * other.odds_ratio_ci[1] == pytest.approx(1)
        assert pair.ratio_cs[0] * other.ratio_cs[1] == pytest.approx(1)


def test_ratio_is_of_rates_and_event_ratio_of_events():
    made = report_of([(10, 100), (10, 50)])
    pair = next(found for found in made.pairs if found.a == "v1")
    assert (pair.ratio, pair.event_ratio) == (2, 1)


def test_infinity_is_null_with_its_reason_and_place():
    made = report_of([(0, 100), (3, 100)])
    reasons = {(reason.code, reason.field): reason.where for reason in made.reasons}
    for name in ("ratio", "event_ratio", "odds_ratio", "ratio_ci", "odds_ratio_ci"):
        assert reasons["unbounded", f"pairs[].{name}"] == ("v1/v0",)


def test_missing_things_are_listed_once_per_field():
    made = report_of([(0, 100)] * 4, OUTCOMES)
    named = [(reason.code, reason.field) for reason in made.reasons]
    assert len(named) == len(set(named))
    assert ("no-events", "pairs[].ratio_cs") in named
    assert ("no-events", "outcomes[].pairs[].ratio_cs") in named
    places = next(reason.where for reason in made.reasons if reason.field == "outcomes[].pairs[].ratio")
    assert "contact: v0/v1" in places
    assert all(re.fullmatch(r"[a-z-]+", reason.code) and reason.detail for reason in made.reasons)


def test_an_interval_follows_alpha():
    wide, narrow = (report_of([(10, 100), (20, 100)], alpha=alpha).arms[0].rate_ci for alpha in (0.01, 0.2))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_a_few_events_have_no_global_p_value():
    made = report_of([(1, 1_000), (2, 1_000), (1, 1_000)])
    assert made.global_.p_value is None
    assert (made.global_.df, made.global_.chi2) == (2, pytest.approx(0.5, rel=0.01))
    assert ("too-few-events", "global.p_value") in {(reason.code, reason.field) for reason in made.reasons}


def test_twelve_arms_of_two_hundred_days_are_sound():
    arms = tuple(f"v{number}" for number in range(12))
    cells = tuple(
        cell_of(arm, 990, {"help": 10 + k, "again": 3}, period=str(day))
        for day in range(200)
        for k, arm in enumerate(arms)
    )
    counts = Counts(cells, shares={1: dict.fromkeys(arms, 1 / 12)})
    assert_sound(report(Plan(arms, arms[0], OUTCOMES), counts))
