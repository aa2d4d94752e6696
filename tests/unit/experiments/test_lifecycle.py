"""The life of an experiment: every act in every state."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments import lifecycle, phases
from experiments.errors import InvalidInput, NotFound, Refused, Stale
from experiments.lifecycle import Actor
from experiments.model import DAY, Experiment, day_of
from experiments.phases import Adaptation

NOW = 20_781 * DAY + 43_200
LATER = NOW + 30 * DAY
ANN, BOB = Actor("ann", NOW, "because"), Actor("bob", NOW)
PATHS = {
    "draft": (), "in_review": ("submit",), "approved": ("submit", "approve"),
    "running": ("submit", "approve", "start"), "suspended": ("submit", "approve", "start", "suspend"),
    "stopped": ("submit", "approve", "start", "stop"),
    "concluded": ("submit", "approve", "start", "stop", "conclude"),
    "archived": ("submit", "approve", "start", "stop", "conclude", "archive"),
}  # fmt: skip
ALLOWED = {
    ("draft", "submit"): "in_review", ("in_review", "reject"): "draft", ("approved", "reject"): "draft",
    ("in_review", "approve"): "approved", ("approved", "approve"): "approved", ("approved", "start"): "running", ("running", "set_traffic"): "running",
    ("running", "set_weights"): "running", ("running", "close_arm"): "running", ("running", "adapt"): "running", ("running", "suspend"): "suspended",
    ("suspended", "resume"): "running", ("running", "stop"): "stopped", ("suspended", "stop"): "stopped",
    ("stopped", "conclude"): "concluded", ("concluded", "archive"): "archived",
}  # fmt: skip
OPTIONS = {
    "start": {"key": "1.wrapped"}, "set_traffic": {"traffic": 5000}, "set_weights": {"weights": [1000, 1000, 8000]},
    "close_arm": {"variant": "law"},
    "adapt": {"wanted": Adaptation(version=1, phase=0, sealed=day_of(NOW), weights=(500, 0, 9500), closed=frozenset({1}))},
}  # fmt: skip
ACTS = ("submit", "reject", "approve", "start", "set_traffic", "set_weights", "close_arm", "suspend", "resume", "stop",
        "conclude", "archive", "adapt")  # fmt: skip


@pytest.fixture
def adaptive(definition, document):
    return definition(plan=document()["plan"] | {"allocation": "drop-losers"})


def act_of(name):
    """The transition of this name."""
    return getattr(phases, name, None) or getattr(lifecycle, name)


def act(experiment, name, actor=BOB, **options):
    return act_of(name)(experiment, actor, **{**OPTIONS.get(name, {}), **options})


def in_state(state, definition, known=None):
    found = lifecycle.apply(known, definition, ANN, version_id=1).experiment
    for name in PATHS[state]:
        when = LATER if name in ("conclude", "archive") else NOW
        found = act(found, name, Actor("ann" if name == "submit" else "bob", when)).experiment
    return found


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("state", PATHS)
def test_every_act_in_every_state(adaptive, state, name):
    before = in_state(state, adaptive)
    assert before.latest.state == state
    actor = Actor("bob", LATER, "why not")
    if (state, name) not in ALLOWED:
        with pytest.raises(Refused) as caught:
            act(before, name, actor)
        assert caught.value.code == "transition-refused"
        assert state.replace("_", " ") in caught.value.detail
        return
    change = act(before, name, actor)
    assert change.experiment.latest.state == ALLOWED[state, name]
    assert change.experiment.revision == before.revision + 1
    entry = change.entry
    assert (entry.who, entry.at, entry.why, entry.version) == ("bob", LATER, "why not", 1)
    assert entry.act == name.replace("_", "-")
    assert before.latest.state == state, "the old value stays what it was"


def test_an_experiment_without_a_version_can_do_nothing():
    for name in ACTS:
        with pytest.raises(NotFound):
            act(Experiment(key="empty"), name)


# --------------------------------------------------------------------------------------------- apply


@pytest.mark.parametrize("state", PATHS)
def test_applying_in_every_state(definition, state):
    before = in_state(state, definition())
    if state in ("in_review", "approved"):
        with pytest.raises(Refused):
            lifecycle.apply(before, definition(title="New"), ANN, version_id=2)
        return
    after = lifecycle.apply(before, definition(title="New"), ANN, version_id=2).experiment
    assert after.latest.definition.title == "New"
    assert (after.latest.state, after.latest.id) == ("draft", 2)
    assert [v.number for v in after.versions] == ([1] if state == "draft" else [1, 2])
    assert after.versions[:-1] == (() if state == "draft" else before.versions)


def test_version_two_stops_version_one(definition):
    for state in ("running", "suspended"):
        one = in_state(state, definition())
        two = in_state("running", definition(title="Two"), known=one)
        assert [(v.number, v.state, v.stopped) for v in two.versions] == [(1, "stopped", NOW), (2, "running", None)]
        assert two.on_surface.number == 2


def test_a_stopped_version_can_be_concluded_while_the_next_one_runs(definition):
    two = in_state("running", definition(title="Two"), known=in_state("running", definition()))
    after = act(two, "conclude", Actor("bob", LATER)).experiment
    assert [v.state for v in after.versions] == ["concluded", "running"]


# ------------------------------------------------------------------------------------- approval, ethics


def test_nobody_approves_what_they_asked_for(definition):
    asked = act(in_state("draft", definition()), "submit", ANN).experiment
    with pytest.raises(Refused) as caught:
        act(asked, "approve", ANN)
    assert caught.value.code == "own-approval"
    assert act(asked, "approve", BOB).experiment.latest.state == "approved"


def test_after_a_rejection_somebody_else_may_ask(definition):
    rejected = act(in_state("in_review", definition()), "reject").experiment
    assert rejected.latest.submitted_by is None
    asked = act(rejected, "submit", BOB).experiment
    for name in ("ann", "bob"):  # she wrote the texts, he asked
        with pytest.raises(Refused):
            act(asked, "approve", Actor(name, NOW))
    assert act(asked, "approve", Actor("cid", NOW)).experiment.latest.state == "approved"


@pytest.mark.parametrize(("expires", "holds"), [(1, True), (0, True), (-1, False)])
def test_ethics_hold_through_their_last_day(definition, expires, holds):
    last = dt.datetime.fromtimestamp(NOW, dt.UTC).date() + dt.timedelta(expires)
    ethics = {"committee": "REC", "reference": "2026/7", "expires": str(last)}
    asked = lifecycle.apply(None, definition(ethics=ethics), ANN, version_id=1).experiment
    for name, who in (("submit", "ann"), ("approve", "bob")):
        asked = act(asked, name, Actor(who, NOW - 3 * DAY)).experiment
    approved = asked
    for now in (day_of(NOW) * DAY, day_of(NOW) * DAY + DAY - 1):
        if holds:
            assert act(approved, "start", Actor("bob", now)).experiment.latest.state == "running"
            continue
        with pytest.raises(Refused, match="2026/7") as caught:
            act(approved, "start", Actor("bob", now))
        assert caught.value.code == "ethics-expired"


def test_blocks_cannot_be_started_yet(definition):
    blocks = definition(unit="block", block_hours=4, outcomes={"primary": {"outcome": "help_sought"}})
    with pytest.raises(Refused, match="time block"):
        act(in_state("approved", blocks), "start")


# --------------------------------------------------------------------------------------------- phases


def test_phases_are_numbered_and_keep_what_does_not_change(adaptive):
    found = in_state("running", adaptive)
    steps = [
        ("set_traffic", {"traffic": 5000}), ("close_arm", {"variant": "law"}), ("suspend", {}), ("resume", {}),
        ("set_weights", {"weights": [1000, 1000, 8000]}),
    ]  # fmt: skip
    for hours, (name, options) in enumerate(steps, 1):
        found = act(found, name, Actor("bob", NOW + 3600 * hours), **options).experiment
    assert [(p.number, p.traffic, p.weights, sorted(p.closed)) for p in found.latest.phases] == [
        (0, 10_000, (5000, 3000, 2000), []), (1, 5000, (5000, 3000, 2000), []), (2, 5000, (5000, 3000, 2000), [1]),
        (3, 5000, (5000, 3000, 2000), [1]), (4, 5000, (1000, 1000, 8000), [1]),
    ]  # fmt: skip
    assert [p.started for p in found.latest.phases] == [NOW + 3600 * h for h in (0, 1, 2, 4, 5)]
    assert found.latest.phase.shares() == (1 / 9, 0.0, 8 / 9)


def test_a_row_has_room_for_1024_phases(adaptive):
    found = in_state("running", adaptive)
    for number in range(1, 1024):
        found = act(found, "set_traffic", traffic=number).experiment
    with pytest.raises(Refused, match="1024"):
        act(found, "set_traffic", traffic=1)


@pytest.mark.parametrize("traffic", [-1, 10_001])
def test_traffic_is_in_basis_points(adaptive, traffic):
    with pytest.raises(InvalidInput) as caught:
        act(in_state("running", adaptive), "set_traffic", traffic=traffic)
    assert caught.value.pointer == "/traffic"


@pytest.mark.parametrize(
    "weights",
    [[], [10_000], [5000, 5000], [5000, 3000, 1999], [5000, 3000, 2001], [11_000, -1000, 0], [5000, 3000, 2000, 0],
     [0, 5000, 5000]],
    ids=str,
)  # fmt: skip
def test_weights_sum_to_the_whole_and_leave_the_control_in(adaptive, weights):
    with pytest.raises(InvalidInput) as caught:
        act(in_state("running", adaptive), "set_weights", weights=weights)
    assert caught.value.pointer == "/weights"


def test_weights_stay_where_the_plan_says_equal(definition):
    with pytest.raises(Refused, match="equal"):
        act(in_state("running", definition()), "set_weights")


def test_weights_change_at_most_daily(adaptive):
    found = in_state("running", adaptive)
    found = act(found, "set_traffic", Actor("bob", NOW + 5), traffic=9000).experiment
    found = act(found, "set_weights", Actor("bob", NOW + 10)).experiment
    found = act(found, "set_traffic", Actor("bob", NOW + 20), traffic=8000).experiment
    with pytest.raises(Refused) as caught:
        act(found, "set_weights", Actor("bob", NOW + 9 + DAY), weights=[5000, 3000, 2000])
    assert caught.value.code == "too-soon"
    assert act(found, "set_weights", Actor("bob", NOW + 10 + DAY), weights=[5000, 3000, 2000])


def test_the_control_is_never_closed(adaptive):
    with pytest.raises(Refused) as caught:
        act(in_state("running", adaptive), "close_arm", variant="present")
    assert caught.value.code == "control-needed"


def test_an_arm_is_closed_once(adaptive):
    closed = act(in_state("running", adaptive), "close_arm", variant="law").experiment
    with pytest.raises(Refused, match="closed already"):
        act(closed, "close_arm", variant="law")
    with pytest.raises(InvalidInput) as caught:
        act(closed, "close_arm", variant="nothing")
    assert caught.value.pointer == "/variant"
    both = act(closed, "close_arm", variant="harm").experiment
    assert both.latest.phase.shares() == (1.0, 0.0, 0.0)


@given(st.lists(st.sampled_from(["law", "harm"]), unique=True), st.integers(1, 9999))
def test_shares_are_probabilities_whatever_is_closed(definition, document, closed, control):
    found = in_state("running", definition(plan=document()["plan"] | {"allocation": "drop-losers"}))
    found = act(found, "set_weights", weights=[control, 10_000 - control, 0]).experiment
    for variant in closed:
        found = act(found, "close_arm", variant=variant).experiment
    shares = found.latest.phase.shares()
    assert sum(shares) == pytest.approx(1)
    assert min(shares) >= 0


# ------------------------------------------------------------------------------- what the machine changes

NEXT = Actor("signpost tick", NOW + 3 * DAY, "law is ruled out")


def wanted(**changes) -> Adaptation:
    fields = {"version": 1, "phase": 0, "sealed": day_of(NOW), "weights": (500, 0, 9500), "closed": frozenset({1})}
    return Adaptation(**fields | changes)


def test_the_machine_closes_and_shares_anew_in_one_phase(adaptive):
    change = phases.adapt(in_state("running", adaptive), NEXT, wanted(told={"closed": "law"}))
    before, after = change.experiment.latest.phases
    assert (before.closed, before.adapted) == (frozenset(), None)
    assert (after.number, after.started, after.weights, after.closed) == (1, NEXT.now, (500, 0, 9500), {1})
    assert (after.adapted, after.traffic, after.shares()) == (day_of(NOW), 10_000, (0.05, 0.0, 0.95))
    entry = change.entry
    assert (entry.who, entry.act, entry.why) == ("signpost tick", "adapt", "law is ruled out")
    assert entry.details == {"phase": 1, "weights": "500,0,9500", "closed": "law"}


@pytest.mark.parametrize("other", [{"version": 2}, {"phase": 1}])
def test_a_wish_for_another_phase_is_stale(adaptive, other):
    with pytest.raises(Stale):
        phases.adapt(in_state("running", adaptive), NEXT, wanted(**other))


def test_any_other_phase_makes_the_wish_stale(adaptive):
    found = in_state("running", adaptive)
    for act_of_people in ("suspend", "resume"):
        found = act(found, act_of_people).experiment
    with pytest.raises(Stale):
        phases.adapt(found, NEXT, wanted())


def test_the_machine_leaves_equal_shares_alone(definition):
    with pytest.raises(Refused, match="closes nothing"):
        phases.adapt(in_state("running", definition()), NEXT, wanted())


def test_only_a_sealed_day_counts_and_only_once(adaptive):
    found = in_state("running", adaptive)
    with pytest.raises(Refused) as caught:
        phases.adapt(found, NEXT, wanted(sealed=day_of(NEXT.now)))
    assert caught.value.code == "not-sealed"
    found = phases.adapt(found, NEXT, wanted()).experiment
    later = Actor("signpost tick", NEXT.now + DAY)
    with pytest.raises(Refused, match="already") as caught:
        phases.adapt(found, later, wanted(phase=1))
    assert caught.value.code == "too-soon"
    assert phases.adapt(found, later, wanted(phase=1, sealed=day_of(NOW) + 1, weights=(600, 0, 9400)))


def test_the_machine_waits_a_day_after_people(adaptive):
    midnight = (day_of(NOW) + 4) * DAY
    found = act(in_state("running", adaptive), "set_weights", Actor("bob", midnight)).experiment
    with pytest.raises(Refused) as caught:
        phases.adapt(found, Actor("signpost tick", midnight + DAY - 1), wanted(phase=1))
    assert caught.value.code == "too-soon"
    assert phases.adapt(found, Actor("signpost tick", midnight + DAY), wanted(phase=1))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"weights": (0, 0, 10_000)}, "control-needed"),
        ({"weights": (0, 500, 9500), "closed": frozenset({0})}, "control-needed"),
        ({"weights": (5000, 5000)}, "control-needed"),
        ({"weights": (500, 500, 9000)}, "invalid-value"),
        ({"weights": (500, 0, 9000)}, "invalid-value"),
        ({"weights": (10_500, 0, -500)}, "invalid-value"),
    ],
    ids=str,
)
def test_the_machine_may_not_do_harm_whatever_it_wants(adaptive, changes, code):
    with pytest.raises((Refused, InvalidInput)) as caught:
        phases.adapt(in_state("running", adaptive), NEXT, wanted(**changes))
    assert caught.value.code == code


def test_the_machine_opens_nothing_again(adaptive):
    closed = act(in_state("running", adaptive), "close_arm", variant="harm").experiment
    with pytest.raises(Refused, match="stays closed"):
        phases.adapt(closed, NEXT, wanted(phase=1))


def test_the_weights_that_people_set_are_remembered(adaptive):
    found = in_state("running", adaptive)
    assert (found.latest.weights_asked, found.latest.weights_changed) == ((5000, 3000, 2000), None)
    found = act(found, "set_weights", weights=[2000, 2000, 6000]).experiment
    found = phases.adapt(found, NEXT, wanted(phase=1)).experiment
    found = act(found, "set_traffic", NEXT, traffic=9000).experiment
    assert (found.latest.weights_asked, found.latest.weights_changed) == ((2000, 2000, 6000), NEXT.now)
    found = act(found, "set_weights", Actor("bob", NEXT.now + DAY), weights=[7000, 1000, 2000]).experiment
    assert found.latest.weights_asked == (7000, 1000, 2000)
    assert found.latest.phase.adapted == day_of(NOW)


# ------------------------------------------------------------------------------------- the end of it


def test_conclude_waits_for_the_last_day_to_be_sealed(definition):
    stopped = in_state("stopped", definition(window_hours=10, report_grace_hours=3))
    sealed = (day_of(NOW) + 1) * DAY + 13 * 3600
    with pytest.raises(Refused) as caught:
        act(stopped, "conclude", Actor("bob", sealed - 1))
    assert (caught.value.code, "in 1 hours" in caught.value.detail) == ("not-sealed", True)
    assert act(stopped, "conclude", Actor("bob", sealed)).experiment.latest.state == "concluded"


def test_the_key_is_gone_after_it(definition):
    stopped = in_state("stopped", definition())
    assert stopped.latest.key == "1.wrapped"
    concluded = act(stopped, "conclude", Actor("bob", LATER), adopt="harm").experiment
    assert (concluded.latest.key, concluded.latest.adopted) == (None, "harm")
    assert "wrapped" not in concluded.model_dump_json()


def test_only_a_variant_can_be_adopted(definition):
    with pytest.raises(InvalidInput) as caught:
        act(in_state("stopped", definition()), "conclude", Actor("bob", LATER), adopt="nothing")
    assert caught.value.pointer == "/adopt"
