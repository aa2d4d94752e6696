"""What comes next, who may do it, and which acts are possible: held against the life cycle itself."""

import pytest

from experiments import decision, lifecycle, phases, possible, steps
from experiments.errors import SignpostError
from experiments.lifecycle import Actor
from experiments.model import DAY

NOW = 20_781 * DAY + 43_200
ANN, BOB, CID = (Actor(name, NOW, "because") for name in ("ann", "bob", "cid"))
SEALED = Actor("bob", 20_782 * DAY + 30 * 3600, "because")


def life(definition, *, without_warning: bool = False):
    """An experiment in each state, by state; `proposed` is stopped with a proposal."""
    ethics = {"committee": "C", "reference": "R", "expires": "2027-12-31", "control": "no warning", "reason": "so"}
    held = definition(ethics=ethics) if without_warning else definition()
    found = {"draft": lifecycle.apply(None, held, ANN, version_id=1).experiment}
    found["in_review"] = lifecycle.submit(found["draft"], ANN).experiment
    found["approved"] = lifecycle.approve(found["in_review"], BOB).experiment
    if without_warning:
        return found
    found["running"] = lifecycle.start(found["approved"], BOB, key="k").experiment
    found["suspended"] = lifecycle.suspend(found["running"], ANN).experiment
    found["stopped"] = lifecycle.stop(found["running"], ANN).experiment
    found["proposed"] = decision.propose(found["stopped"], ANN, "inconclusive").experiment
    found["concluded"] = decision.confirm(found["proposed"], SEALED).experiment
    found["archived"] = lifecycle.archive(found["concluded"], SEALED).experiment
    return found


DUE = {
    "draft": ("researcher", "ann", True), "in_review": ("approver", "bob", True), "approved": ("researcher", "ann", True),
    "running": ("administrator", "ann", False), "suspended": ("approver", "bob", True), "stopped": ("researcher", "ann", True),
    "proposed": ("approver", "bob", True), "concluded": ("researcher", "ann", False), "archived": ("researcher", "ann", False),
}  # fmt: skip


@pytest.mark.parametrize("state", DUE)
def test_what_comes_next_is_for_whom_it_can_be_done_by(definition, state):
    role, name, due = DUE[state]
    found = steps.next_step(life(definition)[state].latest, SEALED.now)
    assert found.told
    assert found.is_for(name, {role}) is due
    assert not found.is_for("zoe", {"reader"})


def test_whoever_asked_or_proposed_is_not_waited_for(definition):
    found = life(definition)
    review = steps.next_step(found["in_review"].latest, NOW)
    assert review.told == "It waits for approval of the texts in “en”, “de” by somebody other than ann."
    assert not review.is_for("ann", {"approver"})
    proposed = steps.next_step(found["proposed"].latest, SEALED.now)
    assert "other than ann" in proposed.told
    assert not proposed.is_for("ann", {"approver"})


def test_without_a_warning_two_are_waited_for_then_one(definition):
    found = life(definition, without_warning=True)
    assert "two approvers" in steps.next_step(found["in_review"].latest, NOW).told
    after_one = steps.next_step(found["approved"].latest, NOW)
    assert found["approved"].latest.state == "in_review"
    assert "one more approver" in after_one.told
    assert not after_one.is_for("bob", {"approver"})
    assert after_one.is_for("cid", {"approver"})


def test_an_old_approval_is_asked_for_again(definition):
    version = life(definition)["approved"].latest
    assert "may start it" in steps.next_step(version, NOW + 89 * DAY).told
    assert "too old" in steps.next_step(version, NOW + 91 * DAY).told


def test_before_the_last_day_is_closed_it_says_when(definition):
    found = steps.next_step(life(definition)["proposed"].latest, NOW)
    assert "27 November 2026" not in found.told
    assert "26 November 2026" in found.told
    assert found.roles == ()


ROLES_OF = {"ann": {"researcher"}, "bob": {"approver"}, "zoe": {"reader"}}


@pytest.mark.parametrize("state", DUE)
@pytest.mark.parametrize("name", ROLES_OF)
def test_what_is_said_to_be_possible_is(definition, state, name):
    experiment = life(definition)[state]
    actor = Actor(name, SEALED.now, "because")
    for tries in (possible.TRIES, possible.DECIDING):
        for act, found in possible.acts(experiment, actor, ROLES_OF[name], tries).items():
            try:
                change = tries[act](experiment, actor)
            except SignpostError as error:
                assert (found.reason, found.version, found.now) == (error.detail, None, False)
            else:
                assert (found.reason, found.version) == (None, change.entry.version)


def test_everybody_can_suspend_and_only_approvers_resume(definition):
    found = life(definition)
    zoe = Actor("zoe", NOW)
    assert possible.acts(found["running"], zoe, {"reader"})["suspend"].now
    resume = possible.acts(found["suspended"], zoe, {"reader"})["resume"]
    assert (resume.reason, resume.now, resume.roles) == (None, False, ("approver",))


def test_the_control_and_what_is_closed_are_not_closable(definition):
    running = life(definition)["running"]
    assert possible.closable(running.latest) == ["law", "harm"]
    closed = phases.close_arm(running, ANN, "law").experiment
    assert possible.closable(closed.latest) == ["harm"]


def test_a_suspended_version_is_at_the_step_of_a_running_one():
    assert steps.step_of("suspended") == steps.step_of("running") == 3
    assert steps.STEPS[steps.step_of("archived")] == "archived"
