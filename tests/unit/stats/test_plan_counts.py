"""Plans and counts that contradict themselves cannot be built."""

from __future__ import annotations

import pytest

from stats import Cell, Counts, Outcome, Plan, report
from stats.counts import Tally, tally, total

PRIMARY = Outcome("help", "primary")
SOUND = {"variants": ("a", "b"), "control": "a", "outcomes": (PRIMARY,)}


def cell(variant, phase=1, units=100, **conversions):
    return Cell(variant, phase, "", "", "", units, units, conversions)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("variants", ("a",)),
        ("variants", ("a", "a")),
        ("variants", ("a", "")),
        ("control", "c"),
        ("outcomes", ()),
        ("outcomes", (PRIMARY, Outcome("other", "primary"))),
        ("outcomes", (PRIMARY, Outcome("help", "secondary"))),
        ("design", "bandit"),
        ("alpha", 0.0),
        ("alpha", float("nan")),
        ("planned_units", 0),
        ("rho", "guessed"),
        ("srm_alpha", 1.0),
    ],
)
def test_plan_names_the_field_that_is_wrong(field, value):
    with pytest.raises(ValueError, match=f"^{field}: "):
        Plan(**(SOUND | {field: value}))


@pytest.mark.parametrize(
    ("field", "settings"),
    [
        ("name", {"name": ""}),
        ("role", {"role": "main"}),
        ("better", {"better": "more"}),
        ("margin_ratio", {"margin_ratio": 1.1}),
        ("margin_ratio", {"role": "guardrail", "margin_ratio": 0.0}),
        ("margin_ratio", {"role": "guardrail", "margin_ratio": float("inf")}),
    ],
)
def test_outcome_names_the_field_that_is_wrong(field, settings):
    with pytest.raises(ValueError, match=f"^{field}: "):
        Outcome(**({"name": "x", "role": "secondary"} | settings))


def test_cell_refuses_impossible_counts():
    with pytest.raises(ValueError, match="help: 6 conversions of 5"):
        cell("a", units=5, help=6)
    with pytest.raises(ValueError, match="help: must be a whole number"):
        cell("a", help=-1)
    with pytest.raises(ValueError, match="assigned: must be a whole number"):
        cell("a", units=1.5)


@pytest.mark.parametrize("share", [{"a": 0.5, "b": 0.4}, {"a": 1.5, "b": -0.5}, {}])
def test_counts_refuse_shares_that_are_none(share):
    with pytest.raises(ValueError, match="shares: the probabilities of phase 1"):
        Counts((), shares={1: share})


def test_counts_refuse_a_phase_without_shares():
    with pytest.raises(ValueError, match=r"shares: phase \[2\]"):
        Counts((cell("a", phase=2),), shares={1: {"a": 1.0}})


def test_report_refuses_names_that_the_plan_lacks():
    with pytest.raises(ValueError, match="no variant"):
        report(Plan(**SOUND), Counts((cell("c"),)))
    with pytest.raises(ValueError, match="no variant"):
        report(Plan(**SOUND), Counts((), shares={1: {"a": 0.5, "c": 0.5}}))
    with pytest.raises(ValueError, match="no outcome"):
        report(Plan(**SOUND), Counts((cell("a", hlep=3),)))


def test_tallies_add_up():
    sums = tally((cell("a", help=3), cell("a", help=4), cell("a", phase=2), cell("b", help=1)), "help")
    assert total(sums, "a") == Tally(300, 300, 7)
    assert total(sums, "a", (2,)) == Tally(100, 100, 0)
    assert total(sums, "c") == Tally()


def test_open_arms_and_common_phases():
    shares = {1: {"a": 0.5, "b": 0.25, "c": 0.25}, 2: {"a": 2 / 3, "b": 1 / 3, "c": 0.0}}
    counts = Counts((cell("a"), cell("a", phase=2)), shares=shares)
    assert counts.open_arms(("a", "b", "c")) == ("a", "b")
    assert counts.common_phases(("a", "b")) == (1, 2)
    assert counts.common_phases(("a", "c")) == (1,)
    assert counts.comparable(("a", "b"))  # twice as many units as b in both
    assert Counts((cell("a"),)).open_arms(("a", "b")) == ("a", "b")


def test_changed_weights_are_not_comparable():
    shares = {1: {"a": 0.5, "b": 0.5}, 2: {"a": 0.8, "b": 0.2}}
    cells = (cell("a"), cell("a", phase=2))
    assert not Counts(cells, shares=shares).comparable(("a", "b"))
    assert not Counts(cells).comparable(("a", "b"))
    assert Counts(cells[:1], shares=shares).comparable(("a", "b"))
