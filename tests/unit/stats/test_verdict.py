"""The status: each step of the rule, in its order."""

from __future__ import annotations

import pytest

from stats import Cell, Counts, Outcome, Plan, report

CLEAR = {"a": (100, 1_000), "b": (110, 1_000), "c": (200, 1_000)}
EQUAL_THREE = dict.fromkeys("abc", 1 / 3)


def outcome_cells(table, phase=1):
    return tuple(Cell(arm, phase, "", "", "", n, n, {"help": x}) for arm, (x, n) in table.items())


def with_guardrail(events, better="lower", *, clicks_only=True):
    outcomes = (Outcome("help", "primary", clicks_only=clicks_only), Outcome("again", "guardrail", better))
    made = tuple(Cell(arm, 1, "", "", "", n, n, {"help": x, "again": events[arm]}) for arm, (x, n) in CLEAR.items())
    return report(Plan(("a", "b", "c"), "a", outcomes), Counts(made))


def test_nothing_counted_is_not_started(analyse):
    made = analyse({"a": (0, 0), "b": (0, 0)})
    assert (made.status, made.status_reason.code) == ("not-started", "no-sealed-units")


@pytest.mark.parametrize("kind", ["provisional", "assigned"])
def test_nothing_sealed_is_collecting(kind):
    plan = Plan(("a", "b"), "a", (Outcome("help", "primary"),))
    shown = Cell("a", 1, "", "", "", 10, 10 if kind == "provisional" else 0, {})
    counts = Counts((), (shown,)) if kind == "provisional" else Counts((shown,))
    made = report(plan, counts)
    assert (made.status, made.status_reason.code) == ("collecting", "no-sealed-units")


def test_before_the_planned_size_there_are_no_p_values(analyse, pair):
    made = analyse(CLEAR | {"b": (110, 999)}, planned_units=1_000)
    assert (made.status, made.status_reason.code) == ("collecting", "planned-size-not-reached")
    assert made.status_reason.where == ("b",)
    found = pair(made, "c", "a")
    assert (found.p_value, found.p_value_adjusted) == (None, None)
    assert found.ratio_ci is not None
    assert (made.global_.p_value, made.global_.chi2) == (None, None)
    assert {row.p_value for row in made.multiplicity.adjusted} == {None}
    fields = {reason.field for reason in made.reasons if reason.code == "planned-size-not-reached"}
    assert {"pairs[].p_value", "global.p_value", "multiplicity.adjusted[].p_value"} <= fields


def test_at_the_planned_size_there_are(analyse, pair):
    made = analyse(CLEAR, planned_units=1_000)
    assert pair(made, "c", "a").p_value < 1e-6
    assert made.status == "winner"


def test_a_closed_arm_is_not_waited_for():
    plan = Plan(("a", "b", "c"), "a", (Outcome("help", "primary"),), planned_units=1_000)
    first = {"a": (30, 300), "b": (30, 300), "c": (30, 300)}
    second = {"a": (70, 700), "b": (140, 700), "c": (0, 0)}
    shares = {1: EQUAL_THREE, 2: {"a": 0.5, "b": 0.5, "c": 0.0}}
    made = report(plan, Counts((*outcome_cells(first), *outcome_cells(second, 2)), shares=shares))
    assert (made.status, made.status_arms) == ("winner", ("b",))


def test_winner_is_better_than_every_other_arm(analyse):
    made = analyse(CLEAR)
    assert (made.status, made.status_arms, made.status_reason) == ("winner", ("c",), None)
    assert [arm.could_be_best for arm in made.arms] == [False, False, True]


def test_the_control_may_win(analyse):
    assert analyse({"a": (200, 1_000), "b": (100, 1_000)}).status_arms == ("a",)


def test_where_lower_is_better_the_lowest_wins(analyse):
    made = analyse({"a": (100, 1_000), "b": (200, 1_000)}, better="lower")
    assert (made.status, made.status_arms) == ("winner", ("a",))


def test_narrowed_names_those_that_are_left(analyse):
    made = analyse({"a": (100, 1_000), "b": (190, 1_000), "c": (200, 1_000)})
    assert (made.status, made.status_arms) == ("narrowed", ("b", "c"))
    assert [arm.could_be_best for arm in made.arms] == [False, True, True]


def test_equal_arms_leave_no_clear_winner(analyse):
    made = analyse({"a": (100, 1_000), "b": (105, 1_000), "c": (110, 1_000)})
    assert (made.status, made.status_arms) == ("no-clear-winner", ())
    assert {arm.could_be_best for arm in made.arms} == {True}


def test_all_pairs_count_in_the_adjustment(analyse, pair):
    """p = 0.03 suffices alone, not as one of three."""
    two = analyse({"a": (100, 1_000), "b": (131, 1_000)})
    three = analyse({"a": (100, 1_000), "b": (131, 1_000), "c": (116, 1_000)})
    assert two.status == "winner"
    assert pair(three, "b", "a").p_value == pair(two, "b", "a").p_value < 0.05
    assert pair(three, "b", "a").p_value_adjusted == pytest.approx(3 * pair(two, "b", "a").p_value)
    assert three.status == "no-clear-winner"


def test_winner_on_clicks_says_so():
    made = with_guardrail({"a": 100, "b": 100, "c": 100})
    assert (made.status, made.status_arms) == ("winner-on-clicks", ("c",))


@pytest.mark.parametrize("clicks_only", [True, False])
@pytest.mark.parametrize(("better", "events"), [("lower", 152), ("higher", 58)])
def test_a_guardrail_that_fails_withholds_the_winner(better, events, clicks_only):
    made = with_guardrail({"a": 100, "b": 100, "c": events}, better, clicks_only=clicks_only)
    assert made.guardrails[0].fails == ("c",)
    assert (made.status, made.status_arms) == ("narrowed", ("c",))
    assert made.status_reason.code == "guardrail-fails"
    assert "again" in made.status_reason.detail


def test_a_guardrail_of_another_arm_withholds_nothing():
    made = with_guardrail({"a": 100, "b": 152, "c": 100})
    assert made.guardrails[0].fails == ("b",)
    assert made.status == "winner-on-clicks"


def test_weights_that_changed_wait_for_another_method(pair):
    """Both arms equal in each phase, rate and weights rising together: the sum would call b worse."""
    phases = {1: {"a": (9, 900), "b": (9, 900)}, 2: {"a": (180, 1_800), "b": (18, 180)}}
    shares = {1: {"a": 0.5, "b": 0.5}, 2: {"a": 10 / 11, "b": 1 / 11}}
    cells = tuple(cell for phase, table in phases.items() for cell in outcome_cells(table, phase))
    plan = Plan(("a", "b"), "a", (Outcome("help", "primary"),), design="fixed")
    made = report(plan, Counts(cells, shares=shares))
    found = pair(made, "b", "a")
    assert found.ratio == pytest.approx(1)
    assert found.difference == pytest.approx(0)
    assert found.ratio_cs[0] < 1 < found.ratio_cs[1]
    assert (found.ratio_ci, found.p_value) == (None, None)
    assert (made.status, made.status_reason.code) == ("collecting", "weights-changed")
    assert ("weights-changed", "pairs[].ratio_ci") in {(reason.code, reason.field) for reason in made.reasons}


def test_arms_are_compared_where_both_were_open(pair):
    """c joins when the rate has doubled: it is compared with the second phase only."""
    shares = {1: {"a": 0.5, "b": 0.5}, 2: EQUAL_THREE}
    first, second = {"a": (50, 1_000), "b": (50, 1_000)}, dict.fromkeys("abc", (100, 1_000))
    plan = Plan(("a", "b", "c"), "a", (Outcome("help", "primary"),), design="fixed")
    made = report(plan, Counts((*outcome_cells(first), *outcome_cells(second, 2)), shares=shares))
    assert pair(made, "c", "a").ratio == 1
    assert pair(made, "c", "a").p_value == 1
    assert pair(made, "b", "a").event_ratio == 1
    assert made.arms[0].rate == pytest.approx(0.075)
    assert made.status == "no-clear-winner"
