"""The decision: proposed by one, confirmed by another, taken back by one act."""

import pytest

from experiments import decision, lifecycle
from experiments.errors import InvalidInput, Refused
from experiments.lifecycle import Actor
from experiments.model import DAY, Experiment

NOW = 20_781 * DAY + 43_200
SEALED = 20_782 * DAY + 30 * 3600  # 24 hours of window and 6 of grace after the day
ANN, BOB, CID = (Actor(name, NOW, "because") for name in ("ann", "bob", "cid"))


@pytest.fixture
def stopped(definition) -> Experiment:
    experiment = lifecycle.apply(None, definition(), ANN, version_id=1).experiment
    for act, actor in ((lifecycle.submit, ANN), (lifecycle.approve, BOB)):
        experiment = act(experiment, actor).experiment
    experiment = lifecycle.start(experiment, BOB, key="wrapped").experiment
    return lifecycle.stop(experiment, ANN).experiment


def at(actor: Actor, now: int) -> Actor:
    return Actor(actor.name, now, actor.why)


def test_two_people_adopt_a_text_and_its_key_is_gone(stopped):
    proposed = decision.propose(stopped, ANN, "adopt", "law")
    assert (proposed.entry.act, proposed.entry.details) == ("propose", {"decision": "adopt", "variant": "law"})
    assert proposed.experiment.latest.adopted is None
    confirmed = decision.confirm(proposed.experiment, at(BOB, SEALED))
    version = confirmed.experiment.latest
    assert (version.state, version.adopted, version.key) == ("concluded", "law", None)
    assert (version.decision.why, version.decision.proposed_by, version.decision.confirmed_by) == (
        "because",
        "ann",
        "bob",
    )
    assert confirmed.entry.act == "conclude"
    assert confirmed.entry.details == {"decision": "adopt", "variant": "law", "proposed_by": "ann"}
    assert confirmed.experiment.revision == proposed.experiment.revision + 1


@pytest.mark.parametrize("choice", ["keep-control", "inconclusive", "stopped-for-harm"])
def test_the_other_decisions_adopt_nothing(stopped, choice):
    confirmed = decision.confirm(decision.propose(stopped, ANN, choice).experiment, at(BOB, SEALED)).experiment
    assert (confirmed.latest.state, confirmed.latest.adopted) == ("concluded", None)
    assert confirmed.latest.decision.choice == choice


def test_nobody_confirms_their_own(stopped):
    proposed = decision.propose(stopped, ANN, "inconclusive").experiment
    with pytest.raises(Refused, match="ann proposed this") as error:
        decision.confirm(proposed, at(ANN, SEALED))
    assert error.value.code == "own-decision"


def test_the_last_proposal_counts_and_its_proposer_is_who_cannot_confirm(stopped):
    first = decision.propose(stopped, ANN, "adopt", "law").experiment
    second = decision.propose(first, BOB, "adopt", "harm").experiment
    with pytest.raises(Refused):
        decision.confirm(second, at(BOB, SEALED))
    assert decision.confirm(second, at(ANN, SEALED)).experiment.latest.adopted == "harm"


def test_it_waits_for_the_last_day(stopped):
    proposed = decision.propose(stopped, ANN, "inconclusive").experiment
    assert decision.sealed_at(stopped.latest) == SEALED
    with pytest.raises(Refused) as error:
        decision.confirm(proposed, at(BOB, SEALED - 1))
    assert error.value.code == "not-sealed"


def test_a_proposal_can_be_withdrawn(stopped):
    proposed = decision.propose(stopped, ANN, "adopt", "law").experiment
    withdrawn = decision.withdraw(proposed, CID)
    assert withdrawn.experiment.latest.decision is None
    with pytest.raises(Refused, match="nobody has proposed"):
        decision.confirm(withdrawn.experiment, at(BOB, SEALED))


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"choice": "win"}, "/choice"), ({"choice": "adopt"}, "/variant"),
        ({"choice": "adopt", "variant": "none"}, "/variant"), ({"choice": "adopt", "variant": 7}, "/variant"),
        ({"choice": "inconclusive", "variant": "law"}, "/variant"),
    ],
)  # fmt: skip
def test_a_proposal_that_is_wrong_names_the_field(stopped, given, pointer):
    with pytest.raises(InvalidInput) as error:
        decision.propose(stopped, ANN, **given)
    assert error.value.pointer == pointer


@pytest.mark.parametrize("why", [None, "", "  "])
def test_a_proposal_says_why(stopped, why):
    with pytest.raises(InvalidInput) as error:
        decision.propose(stopped, Actor("ann", NOW, why), "inconclusive")
    assert error.value.pointer == "/why"


def test_only_what_is_stopped_is_decided(definition):
    draft = lifecycle.apply(None, definition(), ANN, version_id=1).experiment
    for act in (lambda: decision.propose(draft, ANN, "inconclusive"), lambda: decision.confirm(draft, BOB)):
        with pytest.raises(Refused, match="it must be stopped"):
            act()


def test_a_conclusion_by_one_person_leaves_no_decision_by_two(stopped):
    proposed = decision.propose(stopped, ANN, "adopt", "law").experiment
    concluded = lifecycle.conclude(proposed, at(ANN, SEALED)).experiment
    assert concluded.latest.decision is None


def test_undoing_says_who_and_why_and_is_done_once(stopped):
    proposed = decision.propose(stopped, ANN, "adopt", "law").experiment
    adopted = decision.confirm(proposed, at(BOB, SEALED)).experiment
    undone = decision.undo(adopted, Actor("cid", SEALED + 5, "complaints"))
    version = undone.experiment.latest
    assert (version.state, version.adopted) == ("concluded", None)
    told = version.decision
    assert (told.variant, told.undone_by, told.undone_at, told.undone_why) == ("law", "cid", SEALED + 5, "complaints")
    assert (undone.entry.act, undone.entry.details) == ("unadopt", {"variant": "law"})
    with pytest.raises(Refused, match="nothing to take back"):
        decision.undo(undone.experiment, CID)


def test_an_adoption_from_the_command_line_can_be_undone_too(stopped):
    concluded = lifecycle.conclude(stopped, at(ANN, SEALED), adopt="law").experiment
    archived = lifecycle.archive(concluded, at(ANN, SEALED)).experiment
    assert decision.undo(archived, at(BOB, SEALED)).experiment.latest.adopted is None


def test_the_subject_is_the_stopped_version_while_the_next_one_runs(stopped, definition):
    second = lifecycle.apply(stopped, definition(title="Second"), ANN, version_id=2).experiment
    assert decision.subject(second).number == 1
    concluded = lifecycle.conclude(second, at(ANN, SEALED)).experiment
    assert decision.subject(concluded).number == 1, "a draft has nothing to decide"
