"""What a report asks for: which variants close, the new weights, and everything that forbids to act."""

from __future__ import annotations

from dataclasses import replace
from math import isclose

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments import lifecycle, phases, results
from experiments.allocation import basis_points, decide, ruled_out
from experiments.lifecycle import Actor
from experiments.model import DAY
from experiments.phases import Adaptation
from experiments.store import Condition
from stats.reasons import Reason

START = 20_781
NOW = START * DAY + 43_200
SAFE = Condition(server="redis 7", durability="single", problems=(), notices=())
EQUAL = (3334, 3333, 3333)
DAYS = 5
TICK = Actor("signpost tick", NOW + 20 * DAY)


@pytest.fixture
def running(definition, document):
    """A factory of running experiments with the variants present (control), law and harm."""

    def make(weights=EQUAL, **plan):
        variants = document()["variants"]
        for variant, weight in zip(variants, weights, strict=True):
            variant["weight"] = weight
        plan = document()["plan"] | {"allocation": "drop-losers", "units_per_variant": 10**6} | plan
        found = lifecycle.apply(
            None, definition(variants=variants, plan=plan), Actor("ann", NOW), version_id=1
        ).experiment
        found = lifecycle.submit(found, Actor("ann", NOW)).experiment
        found = lifecycle.approve(found, Actor("bob", NOW)).experiment
        return lifecycle.start(found, Actor("bob", NOW), key="1.wrapped").experiment

    return make


def counts(events, units=(3000, 3000, 3000), *, days=DAYS, phase=0, first=START, **more) -> dict:
    """Count fields by day: the same events and units on each; `more` has further measures, per variant."""
    measures = {"a": units, "e": units, "d0": events, **more}
    fields = {f"{phase}.{k}.0.0.{name}": n for name, ns in measures.items() for k, n in enumerate(ns)}
    return dict.fromkeys(range(first, first + days), fields)


def report_of(experiment, *by_day):
    fields = {day: found for part in by_day for day, found in part.items()}
    return results.make("four-lines", experiment.latest, fields, {}, SAFE, TICK.now).report


def asked(experiment, *by_day, sealed=START + DAYS - 1):
    return decide(experiment.latest, report_of(experiment, *by_day), sealed)


# ------------------------------------------------------------------------------------------ what is done


def test_a_loser_is_closed_and_the_others_share(running):
    found = asked(running(), counts((60, 60, 12)))
    assert (found.code, found.closed) == ("changed", ("harm",))
    assert found.wanted == Adaptation(
        version=1, phase=0, sealed=START + 4, weights=(5001, 4999, 0), closed=frozenset({2}), told=found.wanted.told
    )
    assert found.wanted.told["closed"] == "harm"
    assert found.wanted.told["sealed"] == "2026-11-28"
    assert "than harm: " in found.wanted.told["evidence"]
    for part in ("“harm” is closed", "2026-11-", "present 50.01 %, law 49.99 %"):
        assert part in found.text


def test_the_day_it_was_ruled_out_is_remembered_for_ever(running):
    """Closed today for what a week ago showed, even if the counts have come closer since."""
    early, late = counts((60, 60, 12)), counts((60, 60, 90), first=START + DAYS, days=4)
    day = ruled_out(report_of(running(), early))["harm"]
    found = asked(running(), early, late, sealed=START + 8)
    assert found.closed == ("harm",)
    assert f"ruled out as the best on the sealed day {day}" in found.text


def test_the_control_stays_with_its_floor(running):
    found = asked(running(), counts((20, 60, 60)))
    assert (found.code, found.closed, found.wanted.closed) == ("changed", (), frozenset())
    assert found.wanted.weights == (500, 4750, 4750)
    assert found.wanted.told["floor"] == "present"
    assert "“present” keeps 5 % because it is the control" in found.text


def test_the_leader_is_favoured_where_the_plan_says_so(running):
    equal, leader = running(), running(leader_share=True)
    assert asked(equal, counts((60, 60, 62))).code == "nothing-to-change"
    found = asked(leader, counts((60, 60, 62)))
    assert found.wanted.weights == (2929, 2929, 4142)
    assert (found.wanted.told["leader"], found.closed) == ("harm", ())
    assert "“harm” leads and gets 41.42 %" in found.text


def test_the_leader_waits_for_the_burn_in(running):
    few = counts((4, 4, 3), days=5)  # 55 of 60 events
    assert asked(running(leader_share=True), few).code == "nothing-to-change"
    assert asked(running(leader_share=True), few, counts((2, 2, 1), first=START + 5, days=1)).code == "changed"


def test_planned_shares_keep_their_proportions(running):
    found = asked(running(weights=(2000, 6000, 2000)), counts((60, 180, 12), units=(3000, 9000, 3000)))
    assert found.wanted.weights == (2500, 7500, 0)


def test_weights_that_people_set_hold(running):
    """The machine keeps the proportions of people's weights, and does not undo them while nothing is ruled out."""
    experiment = phases.set_weights(running(), Actor("bob", NOW + DAY), [2000, 6000, 2000]).experiment
    early, rest = counts((60, 60, 60), days=1), {"phase": 1, "first": START + 1, "units": (3000, 9000, 3000)}
    assert asked(experiment, early, counts((60, 180, 60), **rest)).code == "nothing-to-change"
    assert asked(experiment, early, counts((60, 180, 10), **rest)).wanted.weights == (2500, 7500, 0)


def test_a_new_leader_is_favoured_over_what_people_set_not_over_the_last_leader(running):
    experiment = running(weights=(2000, 6000, 2000), leader_share=True)
    first = counts((6, 18, 9), units=(300, 900, 300))
    found = asked(experiment, first)
    assert (found.wanted.told["leader"], found.wanted.weights) == ("harm", (1465, 4393, 4142))
    experiment = phases.adapt(experiment, TICK, found.wanted).experiment
    then = counts((12, 12, 10), units=(220, 659, 621), phase=1, first=START + DAYS, days=3)
    found = asked(experiment, first, then, sealed=START + DAYS + 2)
    assert (found.wanted.told["leader"], found.wanted.weights) == ("present", (4142, 4393, 1465))


def test_a_variant_that_people_closed_stays_closed_and_changes_nothing(running):
    experiment = phases.close_arm(running(weights=(2000, 6001, 1999)), Actor("bob", NOW + DAY), "law").experiment
    early = counts((60, 180, 60), units=(3000, 9000, 3000), days=1)
    after = counts((60, 0, 60), units=(3000, 0, 3000), phase=1, first=START + 1)
    assert asked(experiment, early, after).code == "nothing-to-change"


def test_done_once_there_is_nothing_more_to_do(running):
    experiment, before = running(leader_share=True), counts((60, 60, 12))
    wanted = asked(experiment, before).wanted
    after = phases.adapt(experiment, TICK, wanted).experiment
    assert asked(after, before).code == "nothing-to-change"


# --------------------------------------------------------------------------------------- what is not done


def test_nothing_is_done_while_the_split_is_broken(running):
    found = asked(running(), counts((60, 60, 10), units=(3000, 3000, 2500)))
    assert (found.code, found.wanted) == ("srm-alarm", None)
    assert "harm got fewer units than planned" in found.text


def test_nothing_is_done_after_a_winner(running):
    found = asked(running(), counts((20, 20, 90)))
    assert (found.code, found.wanted) == ("winner", None)
    assert "“harm” has won" in found.text


def test_nothing_is_done_while_something_does_harm(running, document):
    """The most helpful message makes people come back and search: it must not be favoured by a machine."""
    harm = {f"d{1 + len(document()['outcomes']['secondary'])}": (30, 30, 300)}
    fine = asked(running(leader_share=True), counts((60, 60, 66)))
    found = asked(running(leader_share=True), counts((60, 60, 66), **harm))
    assert (fine.wanted.told["leader"], found.code, found.wanted) == ("harm", "safety", None)
    assert "repeat_trigger" in found.text


def test_a_suspended_version_is_left_alone(running):
    suspended = lifecycle.suspend(running(), TICK).experiment
    assert asked(suspended, counts((60, 60, 12))).code == "suspended"


def test_the_last_two_stay_open_until_it_is_certain_that_messages_differ(running):
    """Both others are ruled out, but the global evidence has not spoken: closing one would end the learning."""
    experiment = running()
    report = report_of(experiment, counts((60, 60, 60)))
    last = replace(report.path[-1], eliminated=("present", "law"))
    unsure = replace(report, status="narrowed", path=(*report.path[:-1], last))
    found = decide(experiment.latest, unsure, START + 4)
    assert (found.code, found.wanted) == ("nothing-to-change", None)
    assert "only “harm” could still be best" in found.text


@pytest.mark.parametrize("code", ["guardrail-fails", "direction-conflict"])
def test_nothing_is_done_for_a_winner_that_is_held_back(running, code):
    experiment = running(leader_share=True)
    report = report_of(experiment, counts((20, 20, 90)))
    reason = Reason(code, "status", "something speaks against it", ("harm",))
    found = decide(experiment.latest, replace(report, status="narrowed", status_reason=reason), START + 4)
    assert (found.code, found.wanted) == ("decided", None)
    assert found.text.startswith("only “harm” is left, but something speaks against it")


def test_people_must_look_when_nothing_is_left(running):
    experiment = running()
    report = report_of(experiment, counts((60, 60, 60)))
    last = replace(report.path[-1], eliminated=("present", "law", "harm"))
    found = decide(experiment.latest, replace(report, path=(last,)), START + 4)
    assert (found.code, found.wanted) == ("all-ruled-out", None)


@pytest.mark.parametrize("events", [(0, 0, 0), (2, 1, 3)])
def test_few_events_ask_for_nothing(running, events):
    assert asked(running(leader_share=True), counts(events)).code == "nothing-to-change"


def test_a_sealed_day_without_anybody_asks_for_nothing(running):
    assert asked(running(leader_share=True), {START: {}}).code == "nothing-to-change"


# ---------------------------------------------------------------------------------------- whatever is counted

numbers = st.tuples(*[st.integers(0, 90)] * 3)


@settings(max_examples=20)
@given(st.lists(numbers, min_size=1, max_size=5), st.booleans())
def test_whatever_is_counted_the_change_can_be_made(running, days, leader):
    """Day after day through the life cycle, which refuses what may never happen."""
    experiment = running(leader_share=leader)
    by_day: dict[int, dict[str, int]] = {}
    for number, events in enumerate(days):
        phase = experiment.latest.phase
        units = [round(9000 * share) for share in phase.shares()]
        seen = [min(e, n) for e, n in zip(events, units, strict=True)]
        by_day |= counts(seen, units, days=1, phase=phase.number, first=START + number)
        found = asked(experiment, by_day, sealed=START + number)
        if found.wanted is None:
            continue
        actor = Actor("signpost tick", NOW + (number + 3) * DAY)
        after = phases.adapt(experiment, actor, found.wanted).experiment
        assert after.latest.phase.number == phase.number + 1
        assert asked(after, by_day, sealed=START + number).wanted is None
        assert 0 not in after.latest.phase.closed
        assert sum(share > 0 for share in after.latest.phase.shares()) >= 2
        experiment = after


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=60).filter(any))
def test_rounding_is_fair_and_closes_nothing(parts):
    shares = [part / sum(parts) for part in parts]
    weights = basis_points(shares)
    assert weights == basis_points(list(shares))
    assert sum(weights) == 10_000
    assert [weight > 0 for weight in weights] == [share > 0 for share in shares]
    if all(share == 0 or share >= 0.0001 for share in shares):
        assert all(
            abs(weight - 10_000 * share) < 1 or isclose(weight, 10_000 * share)
            for weight, share in zip(weights, shares, strict=True)
        )


def test_rounding_gives_the_rest_to_the_earlier_ones():
    assert basis_points([1 / 3] * 3) == (3334, 3333, 3333)
    assert basis_points([0.5, 0.5, 0]) == (5000, 5000, 0)
    assert basis_points([1 - 3e-6, 1e-6, 1e-6, 1e-6]) == (9997, 1, 1, 1)
