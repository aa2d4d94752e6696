"""The decision about a stopped version: one person proposes it with a reason, an approver confirms it. Pure.

Confirmed, the version is concluded (`lifecycle.conclude`: refused before its last day is sealed); with `adopt` the
variant's text becomes the default of its surfaces. `undo` takes the adopted text back: the surfaces show again what
they showed before. What is proposed and not confirmed changes nothing for anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from experiments import lifecycle
from experiments.errors import InvalidInput, Refused
from experiments.lifecycle import Actor, Change
from experiments.model import ENDED, Choice, Decision, Experiment, LogEntry, Version, day_of

CHOICES: tuple[Choice, ...] = get_args(Choice)


def subject(experiment: Experiment) -> Version:
    """The version that a decision is about: the latest stopped one, else the one on a surface.

    Where there is neither, the last one that was concluded, and before any the latest.
    """
    stopped = _latest(experiment, lambda v: v.state == "stopped")
    ended = _latest(experiment, lambda v: v.state in ENDED)
    return stopped or experiment.on_surface or ended or experiment.latest


def adopted(experiment: Experiment) -> Version | None:
    """The latest version of which a text is adopted, if there is one."""
    return _latest(experiment, lambda v: v.adopted is not None)


def sealed_at(version: Version) -> int:
    """When the last day of a stopped version is sealed, in unix seconds: from then on it can be concluded."""
    return version.sealed_at(day_of(version.stopped or 0))


def propose(experiment: Experiment, actor: Actor, choice: str, variant: str | None = None) -> Change:
    """Say what should be decided, and why. Proposed again, it replaces what was proposed before."""
    version = _stopped(experiment, "propose a decision")
    found = _checked(version, choice, variant)
    if not (actor.why or "").strip():
        raise InvalidInput("say why, in a sentence or two", code="missing-field", pointer="/why")
    made = Decision(
        choice=found, variant=variant, why=str(actor.why).strip(), proposed_by=actor.name, proposed_at=actor.now
    )
    return _changed(experiment, version, "propose", actor, {"decision": made}, _told(made))


def withdraw(experiment: Experiment, actor: Actor) -> Change:
    """Take a proposal back, one's own or somebody else's."""
    version = _proposed(experiment)
    return _changed(experiment, version, "withdraw", actor, {"decision": None}, _told(_decision(version)))


def confirm(experiment: Experiment, actor: Actor) -> Change:
    """Agree to somebody else's proposal: the version is concluded by it."""
    version = _proposed(experiment)
    proposal = _decision(version)
    if proposal.proposed_by == actor.name:
        detail = f"{actor.name} proposed this, so somebody else must confirm it. Next: ask another approver"
        raise Refused(detail, code="own-decision")
    concluded = lifecycle.conclude(experiment, actor, adopt=proposal.variant)
    made = proposal.model_copy(update={"confirmed_by": actor.name, "confirmed_at": actor.now})
    after = concluded.experiment.version(version.number)
    assert after is not None  # noqa: S101  (it was just concluded)
    told = {**_told(made), "proposed_by": made.proposed_by}
    return _changed(experiment, after, "conclude", actor, {"decision": made}, told)


def undo(experiment: Experiment, actor: Actor) -> Change:
    """Take the adopted text back: its surfaces show again what they showed before."""
    version = adopted(experiment)
    if version is None:
        raise Refused(f"no text of '{experiment.key}' is adopted, so there is nothing to take back")
    update: dict[str, Any] = {"adopted": None}
    if version.decision is not None:
        undone = {"undone_by": actor.name, "undone_at": actor.now, "undone_why": actor.why}
        update["decision"] = version.decision.model_copy(update=undone)
    return _changed(experiment, version, "unadopt", actor, update, {"variant": str(version.adopted)})


SIMPLE: dict[str, Callable[[Experiment, Actor], Change]] = {"withdraw": withdraw, "confirm": confirm, "unadopt": undo}


def _latest(experiment: Experiment, wanted: Callable[[Version], bool]) -> Version | None:
    return next((version for version in reversed(experiment.versions) if wanted(version)), None)


def _stopped(experiment: Experiment, wish: str) -> Version:
    version = _latest(experiment, lambda v: v.state == "stopped")
    if version is None:
        state = experiment.latest.state.replace("_", " ")
        raise Refused(f"cannot {wish}: version {experiment.latest.number} is {state}; it must be stopped first")
    return version


def _proposed(experiment: Experiment) -> Version:
    version = _stopped(experiment, "decide")
    if version.decision is None:
        raise Refused("nobody has proposed a decision yet. Next: a researcher or an approver proposes one")
    return version


def _decision(version: Version) -> Decision:
    assert version.decision is not None  # noqa: S101  (see _proposed)
    return version.decision


def _checked(version: Version, choice: str, variant: str | None) -> Choice:
    found = next((known for known in CHOICES if known == choice), None)
    if found is None:
        raise InvalidInput(f"there is no decision '{choice}'; there are: {', '.join(CHOICES)}", pointer="/choice")
    if found != "adopt" and variant is not None:
        raise InvalidInput("only 'adopt' names a variant", pointer="/variant")
    if found == "adopt" and (not isinstance(variant, str) or version.definition.index_of(variant) is None):
        known = ", ".join(v.key for v in version.definition.variants)
        raise InvalidInput(f"name the variant to adopt; there are: {known}", pointer="/variant")
    return found


def _told(decision: Decision) -> dict[str, str | int]:
    return {"decision": decision.choice, **({"variant": decision.variant} if decision.variant else {})}


def _changed(
    experiment: Experiment, version: Version, act: str, actor: Actor, update: dict[str, Any],
    details: dict[str, str | int],
) -> Change:  # fmt: skip
    after = version.model_copy(update=update)
    versions = tuple(after if known.number == after.number else known for known in experiment.versions)
    entry = LogEntry(at=actor.now, who=actor.name, act=act, version=version.number, why=actor.why, details=details)
    changed = experiment.model_copy(update={"versions": versions, "revision": experiment.revision + 1})
    return Change(changed, entry)
