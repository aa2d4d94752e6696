"""Where an experiment is in its life, what comes next, and who may do it. Pure; sentences by `experiments.words`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

from experiments import approval, decision
from experiments.model import State, Version
from experiments.roles import OF_ACTS, Role
from experiments.words import PLAIN, Words, mark

STEPS: tuple[State, ...] = ("draft", "in_review", "approved", "running", "stopped", "concluded", "archived")


@dataclass(frozen=True, slots=True)
class Next:
    """What comes next, in a sentence. `roles`: who may do it (none: nobody has to do anything), but for `not_by`."""

    told: str
    roles: tuple[Role, ...] = ()
    not_by: frozenset[str] = field(default_factory=frozenset)

    def is_for(self, name: str, roles: Collection[str]) -> bool:
        """Whether it waits for a person of that name, with these roles."""
        return name not in self.not_by and any(role in roles for role in self.roles)


def step_of(state: State) -> int:
    """Number of the step that a state belongs to, from 0; suspended versions are at the step of running ones."""
    return STEPS.index("running" if state == "suspended" else state)


def next_step(version: Version, now: float, words: Words = PLAIN) -> Next:
    """Return what has to be done next with a version."""
    if version.state == "in_review" or (version.state == "approved" and not approval.complete(version, now)):
        return _approval(version, now, words)
    if version.state == "stopped":
        return _deciding(version, now, words)
    told, act = NEXT[version.state]
    return Next(words.say(told), OF_ACTS[act] if act else ())


NEXT: dict[State, tuple[str, str | None]] = {
    "draft": (mark("A draft. When it is ready, a researcher submits it for approval."), "submit"),
    "approved": (mark("Approved. A researcher or an approver may start it."), "start"),
    "running": (mark("It runs. Nothing has to be done; in an emergency anybody may suspend it."), None),
    "suspended": (mark("Suspended. It waits until an approver resumes it, or somebody stops it."), "resume"),
    "concluded": (mark("Decided. A researcher may put it into the archive."), None),
    "archived": (mark("In the archive. Nothing is left to do."), None),
}


def _approval(version: Version, now: float, words: Words) -> Next:
    standings = [standing for standing in approval.standings(version, now) if standing.lacking]
    given = {held.who for standing in standings for held in standing.holding}
    writers = approval.authors(version)
    texts = words.named(standing.locale for standing in standings)
    not_by = ", ".join(sorted(writers | given)) or "–"
    if any(standing.expired and not standing.holding for standing in standings):
        told = mark("The approval of the texts in {texts} is too old. It waits for an approver other than {not_by}.")
    elif given:
        told = mark(
            "It waits for one more approver of the texts in {texts}, other than {not_by}: the control shows no warning."
        )
    elif approval.needed(version.definition) > 1:
        told = mark("It waits for two approvers of the texts in {texts}, other than {not_by}.")
    else:
        told = mark("It waits for approval of the texts in {texts} by somebody other than {not_by}.")
    return Next(words.say(told, texts=texts, not_by=not_by), OF_ACTS["approve"], frozenset(writers | given))


def _deciding(version: Version, now: float, words: Words) -> Next:
    proposed, sealed = version.decision, decision.sealed_at(version)
    if now < sealed:
        day = words.date(datetime.fromtimestamp(sealed, UTC).date().isoformat())
        return Next(words.say("Stopped. It can be decided from {day} on, when its last day is closed.", day=day))
    if proposed is None:
        told = words.say("Stopped. A researcher or an approver proposes what to decide.")
        return Next(told, OF_ACTS["propose"])
    told = words.say("A decision is proposed. It waits for an approver other than {who}.", who=proposed.proposed_by)
    return Next(told, OF_ACTS["confirm"], frozenset({proposed.proposed_by}))
