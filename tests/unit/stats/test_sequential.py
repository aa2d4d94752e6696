"""The verdict of the sequential design: what each status needs, and what holds a winner back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stats import Cell, Counts, Outcome, Plan, report

ARMS = ("present", "law", "harm")
EQUAL = dict.fromkeys(ARMS, 1 / 3)
HELP = Outcome("help", "primary")
PLAN = Plan(ARMS, "present", (HELP,), expected_rate=0.01)


def cells(events, days=10, units=2_000, phase=0, first=1, **others):
    """The same counts each day: events of help per arm and day; other outcomes by name."""
    return tuple(
        Cell(arm, phase, f"2026-01-{first + day:02}", "search", "", units, units,
             {"help": x} | {name: values[k] for name, values in others.items()})
        for day in range(days)
        for k, (arm, x) in enumerate(zip(ARMS, events, strict=True))
    )  # fmt: skip


def made(*groups, plan=PLAN, shares=None, live=()):
    return report(plan, Counts(sum(groups, ()), live, shares or {0: EQUAL}))


def test_a_clear_lead_is_a_winner():
    found = made(cells((20, 21, 40)))
    assert (found.status, found.status_arms, found.status_reason) == ("winner", ("harm",), None)
    assert [arm.could_be_best for arm in found.arms] == [False, False, True]
    assert found.global_.decisive
    assert found.path[-1].eliminated == ("present", "law")


def test_winner_on_clicks_says_so():
    plan = replace(PLAN, outcomes=(replace(HELP, clicks_only=True),))
    assert made(cells((20, 21, 40)), plan=plan).status == "winner-on-clicks"


def test_fewer_is_better():
    plan = replace(PLAN, outcomes=(replace(HELP, better="lower"),))
    found = made(cells((40, 41, 20)), plan=plan)
    assert (found.status, found.status_arms) == ("winner", ("harm",))


def test_two_that_could_still_be_best_are_narrowed():
    found = made(cells((20, 40, 41)))
    assert (found.status, found.status_arms) == ("narrowed", ("law", "harm"))
    assert [arm.could_be_best for arm in found.arms] == [False, True, True]


def test_little_evidence_goes_on_collecting():
    plan = replace(PLAN, planned_units=60_000)
    found = made(cells((20, 21, 22)), plan=plan)
    assert (found.status, found.status_arms) == ("collecting", ())
    assert all(arm.could_be_best for arm in found.arms)


def test_a_winner_need_not_wait_for_the_planned_size_and_has_no_p_value_before():
    found = made(cells((20, 21, 40)), plan=replace(PLAN, planned_units=60_000))
    assert found.status == "winner"
    assert {pair.p_value for pair in found.pairs} == {None}
    assert ("planned-size-not-reached", "pairs[].p_value") in {(r.code, r.field) for r in found.reasons}


def test_p_values_at_the_planned_size_are_one_over_the_largest_e_value():
    found = made(cells((20, 21, 25)), plan=replace(PLAN, planned_units=20_000))
    best = next(pair for pair in found.pairs if (pair.a, pair.b) == ("harm", "present"))
    assert best.e_value > 1
    assert best.p_value == pytest.approx(1 / best.e_value)
    back = next(pair for pair in found.pairs if (pair.a, pair.b) == ("present", "harm"))
    assert back.e_value < 1
    assert back.p_value > 0.5
    assert {pair.p_value_adjusted for pair in found.pairs} == {None}


def test_the_planned_size_without_a_winner_names_those_that_are_left():
    found = made(cells((20, 40, 41)), plan=replace(PLAN, planned_units=20_000))
    assert (found.status, found.status_arms) == ("no-clear-winner", ("law", "harm"))


def test_equal_beyond_doubt_is_practically_equal():
    found = made(cells((4_000, 4_010, 4_005), units=400_000))
    assert (found.status, found.status_arms) == ("practically-equal", ARMS)
    wider = made(cells((4_000, 4_010, 4_005), units=400_000), plan=replace(PLAN, equality_ratio=1.005))
    assert wider.status == "no-clear-winner"


def test_a_split_that_is_broken_blocks_every_verdict():
    broken = tuple(replace(c, assigned=c.assigned * 3 // 2) if c.variant == "law" else c for c in cells((20, 21, 40)))
    found = made(broken)
    assert (found.status, found.srm.alarm, found.srm.arm, found.srm.direction) == ("blocked", True, "law", "more")
    assert {pair.e_value for pair in found.pairs} == {None}
    assert {pair.ratio_cs for pair in found.pairs} == {None}
    assert [arm.conversions for arm in found.arms] == [200, 210, 400]


def test_an_arm_closed_by_elimination_leaves_the_others_to_go_on():
    shares = {0: EQUAL, 1: {"present": 0.5, "law": 0.0, "harm": 0.5}}
    late = tuple(cell for cell in cells((20, 0, 21), phase=1, first=11) if cell.variant != "law")
    found = made(cells((20, 5, 22)), late, shares=shares)
    assert (found.status, found.status_arms) == ("narrowed", ("present", "harm"))
    late = tuple(cell for cell in cells((20, 0, 45), phase=1, first=11) if cell.variant != "law")
    assert made(cells((20, 5, 22)), late, shares=shares).status == "winner"


def test_an_arm_that_somebody_closed_is_no_candidate():
    """Law was closed without evidence: harm wins over those that were compared with it."""
    shares = {0: {"present": 0.5, "law": 0.0, "harm": 0.5}}
    table = tuple(cell for cell in cells((20, 0, 45)) if cell.variant != "law")
    found = made(table, shares=shares)
    assert (found.status, found.status_arms) == ("winner", ("harm",))
    assert found.arms[1].could_be_best is False


def test_every_arm_eliminated_is_no_clear_winner():
    """The effects turned round: each was shown to be worse at some time."""
    found = made(cells((40, 39, 12)), cells((12, 11, 60), first=11), cells((10, 60, 11), first=21, days=8))
    assert found.status == "no-clear-winner"
    assert found.status_reason.code == "all-eliminated"


def test_unsealed_counts_decide_nothing():
    found = made(cells((20, 21, 22)), live=cells((0, 0, 2_000), days=1, first=11))
    assert found.status == "no-clear-winner"
    assert found.arms[2].conversions == 220


def test_weights_that_changed_are_no_obstacle():
    """A base rate that triples while the shares move: pooled counts would show 2.3 times; the sequence does not."""
    shares = {0: {"present": 0.8, "law": 0.1, "harm": 0.1}, 1: {"present": 0.2, "law": 0.1, "harm": 0.7}}
    first = tuple(
        Cell(arm, 0, "1", "", "", n, n, {"help": n // 100})
        for arm, n in zip(ARMS, (8_000, 1_000, 1_000), strict=True)
    )  # fmt: skip
    second = tuple(
        Cell(arm, 1, "2", "", "", n, n, {"help": 3 * n // 100})
        for arm, n in zip(ARMS, (2_000, 1_000, 7_000), strict=True)
    )  # fmt: skip
    found = made(first, second, shares=shares)
    pair = next(pair for pair in found.pairs if (pair.a, pair.b) == ("harm", "present"))
    assert pair.ratio == pytest.approx(1)
    assert pair.event_ratio > 1.5
    assert pair.ratio_cs[0] < 1 < pair.ratio_cs[1]
    assert pair.ratio_ci is None
    assert found.status == "no-clear-winner"


AGAIN = Outcome("again", "guardrail", "lower", margin_ratio=1.1)
GUARDED = replace(PLAN, outcomes=(HELP, AGAIN))


def test_a_guardrail_that_is_worse_stops_for_safety():
    found = made(cells((20, 21, 40), again=(100, 100, 160)), plan=GUARDED)
    assert (found.status, found.status_arms) == ("stopped-for-safety", ("harm",))
    assert found.status_reason.code == "harm"
    law, harm = found.guardrails[0].safety
    assert (harm.harmed, harm.basis, harm.non_inferior) == (True, "sealed", False)
    assert harm.e_value > 100
    assert (law.harmed, law.basis) == (False, None)
    assert law.non_inferior in (True, False)


def test_worse_but_within_the_margin_is_tolerated():
    """Four per cent more, known to a hair: worse than the control beyond doubt, and less than the margin."""
    table = cells((20, 21, 40), units=200_000, again=(40_000, 40_000, 41_600))
    found = made(table, plan=GUARDED)
    harm = found.guardrails[0].safety[1]
    assert harm.e_value is None or harm.e_value > 100
    assert (harm.harmed, harm.non_inferior) == (False, True)
    assert found.guardrails[0].fails == ()
    assert found.status == "winner"
    without = replace(PLAN, outcomes=(HELP, replace(AGAIN, margin_ratio=None)))
    assert made(table, plan=without).status == "stopped-for-safety"


def test_live_counts_may_stop_and_say_so():
    live = cells((0, 0, 0), days=1, first=11, again=(100, 100, 400))
    found = made(cells((20, 21, 22), again=(100, 100, 100)), plan=GUARDED, live=live)
    assert (found.status, found.status_arms) == ("stopped-for-safety", ("harm",))
    assert found.guardrails[0].safety[1].basis == "live"
    assert "to be confirmed" in found.status_reason.detail


def test_a_harmful_arm_that_is_closed_stops_nothing_more():
    shares = {0: EQUAL, 1: {"present": 0.5, "law": 0.5, "harm": 0.0}}
    late = tuple(c for c in cells((20, 21, 0), phase=1, first=11, again=(100, 100, 0)) if c.variant != "harm")
    found = made(cells((20, 21, 40), again=(100, 100, 160)), late, plan=GUARDED, shares=shares)
    assert found.guardrails[0].safety[1].harmed
    assert found.status != "stopped-for-safety"


def test_a_guardrail_where_more_is_better():
    left = Outcome("left", "guardrail", "higher", margin_ratio=0.9)
    plan = replace(PLAN, outcomes=(HELP, left))
    found = made(cells((20, 21, 40), left=(300, 300, 200)), plan=plan)
    assert found.status == "stopped-for-safety"
    fine = made(cells((20, 21, 40), units=20_000, left=(9_000, 9_000, 9_000)), plan=plan)
    assert fine.guardrails[0].safety[1].non_inferior
    assert fine.status == "winner"


def test_the_tipping_point_is_where_the_verdict_falls():
    table = cells((20, 21, 40))
    found = made(table)
    assert 0 < found.tipping_point < 400
    assert found.tipping_arm == "harm"

    def forged(number):
        """One batch of the same totals, the harm message without so many of its outcomes."""
        return made(cells((200, 210, 400 - number), days=1, units=20_000))

    assert abs(next(n for n in range(400) if forged(n).status != "winner") - found.tipping_point) <= 12


def test_the_tipping_point_of_a_fixed_design_is_exact():
    plan = replace(PLAN, design="fixed")
    found = made(cells((20, 21, 40)), plan=plan)
    statuses = [made(cells((200, 210, 400 - n), days=1, units=20_000), plan=plan).status for n in range(200)]
    assert found.tipping_point == statuses.index("narrowed")
    assert set(statuses[: found.tipping_point]) == {"winner"}


def test_no_winner_has_no_tipping_point():
    found = made(cells((20, 21, 22)))
    assert (found.tipping_point, found.tipping_arm) == (None, None)
    assert ("no-winner", "tipping_point") in {(r.code, r.field) for r in found.reasons}


def test_the_same_counts_in_another_order_of_cells_give_the_same_report():
    table = cells((20, 21, 30), again=(9, 8, 7))
    by_arm = tuple(sorted(table, key=lambda cell: cell.variant))
    assert made(by_arm, plan=GUARDED) == made(table, plan=GUARDED)


def test_unknown_shares_are_the_observed_split():
    found = report(PLAN, Counts(cells((20, 21, 40))))
    assert found.rho == "observed"
    assert found.srm.reason == "weights-unknown"
    assert found.status == "winner"
    assert next(p.e_value for p in found.pairs if p.a == "harm") == pytest.approx(
        next(p.e_value for p in made(cells((20, 21, 40))).pairs if p.a == "harm")
    )


def test_what_was_within_the_margin_once_may_still_do_harm():
    """Twenty quiet days, then forty on which twice as many go on after b as the margin allows."""
    plan = replace(
        PLAN, variants=("a", "b"), control="a", outcomes=(Outcome("help", "primary"), replace(AGAIN, margin_ratio=1.5))
    )
    days = [
        Cell(arm, 1, f"{day:02}", "", "", 1_000, 1_000, {"help": 9, "again": 60 if arm == "b" and day >= 20 else 20})
        for day in range(60)
        for arm in "ab"
    ]
    shares = {1: {"a": 0.5, "b": 0.5}}
    quiet = report(plan, Counts(tuple(days[:40]), shares=shares)).guardrails[0].safety[0]
    assert (quiet.harmed, quiet.non_inferior) == (False, True)
    found = report(plan, Counts(tuple(days), shares=shares))
    assert (found.status, found.guardrails[0].fails) == ("stopped-for-safety", ("b",))
    assert (found.guardrails[0].safety[0].basis, found.guardrails[0].safety[0].non_inferior) == ("sealed", False)


@pytest.mark.parametrize("design", ["fixed", "looks"])
def test_only_the_sequential_design_has_evidence_day_by_day(design):
    found = made(cells((10, 40, 20)), plan=replace(PLAN, design=design, planned_units=None))
    assert {(point.log10_e, point.eliminated) for point in found.path} == {(None, ())}
    assert ("not-followed", "path[].log10_e") in {(reason.code, reason.field) for reason in found.reasons}


def test_an_open_arm_that_nobody_has_seen_is_waited_for():
    rows = (Cell("a", 1, "", "", "", 0, 0, {}), Cell("b", 1, "", "", "", 100, 100, {"help": 100}))
    plan = Plan(("a", "b"), "a", (Outcome("help", "primary"),))
    found = report(plan, Counts(rows, shares={1: {"a": 0.5, "b": 0.5}}))
    assert (found.status, found.status_reason.code, found.status_reason.where) == ("collecting", "no-units", ("a",))


def test_a_probability_that_is_a_mistake_is_refused():
    with pytest.raises(ValueError, match=r"shares: variant \['b'\] of phase 1 has under 1e-09; use 0"):
        Counts((), shares={1: {"a": 1.0, "b": 1e-20}})
