"""The life of an experiment: draft → in_review → approved → running ⇄ suspended → stopped → concluded → archived.

Pure: every transition takes an experiment and returns the next value with its log entry, or raises
`Refused` with the reason and what to do. The store's compare-and-set makes it true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiments.errors import InvalidInput, NotFound, Refused, Stale
from experiments.model import DAY, Experiment, LogEntry, Phase, State, Version, day_of
from experiments.spec import Definition, content_hash


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, when (unix seconds) and why."""

    name: str
    now: int
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """The next value of an experiment, what the log says about it, and at a start the protocol that is locked."""

    experiment: Experiment
    entry: LogEntry
    protocol: str | None = None


@dataclass(frozen=True, slots=True)
class Adaptation:
    """New shares that follow from sealed counts.

    version, phase  numbers of what they were made for
    sealed          the last day they rest on
    weights         basis points in file order, 0 for closed variants
    closed          positions of the closed variants
    told            what the log keeps beside the new weights
    """

    version: int
    phase: int
    sealed: int
    weights: tuple[int, ...]
    closed: frozenset[int]
    told: Mapping[str, str | int] = field(default_factory=dict)


def apply(experiment: Experiment | None, definition: Definition, actor: Actor, *, version_id: int) -> Change:
    """Take a definition in as a draft: replaces the latest draft, else opens a new version."""
    known = experiment or Experiment(key=definition.key)
    if known.versions and known.latest.state == "draft":
        number, rest = known.latest.number, known.versions[:-1]
    elif known.versions and known.latest.state in ("in_review", "approved"):
        raise Refused(f"version {known.latest.number} is {known.latest.state}; reject it first, then apply the change")
    else:
        number, rest = (known.latest.number + 1 if known.versions else 1), known.versions
    version = Version(
        id=version_id, number=number, state="draft", definition=definition, definition_hash=content_hash(definition)
    )
    return _changed(known, (*rest, version), version, "apply", actor)


def submit(experiment: Experiment, actor: Actor) -> Change:
    """Ask for approval."""
    version = _in(experiment, "submit", "draft")
    return _put(experiment, version, "submit", actor, state="in_review", submitted_by=actor.name)


def reject(experiment: Experiment, actor: Actor) -> Change:
    """Send a version back to its author."""
    version = _in(experiment, "reject", "in_review", "approved")
    return _put(experiment, version, "reject", actor, state="draft", submitted_by=None)


def approve(experiment: Experiment, actor: Actor) -> Change:
    """Approve a version; whoever asked for it cannot."""
    version = _in(experiment, "approve", "in_review")
    if actor.name == version.submitted_by:
        raise Refused(f"{actor.name} asked for the approval, so somebody else must give it", code="own-approval")
    return _put(experiment, version, "approve", actor, state="approved")


def start(
    experiment: Experiment, actor: Actor, *, key: str, tags: tuple[str, ...] = ("0",), simulated: bool = False
) -> Change:
    """Start the approved version; a running older version is stopped by the same act.

    `key` is the new version's K, wrapped.
    """
    version = _in(experiment, "start", "approved")
    definition = version.definition
    if definition.unit == "block":
        raise Refused("experiments by time block cannot be started yet; use 'unit: session' or 'unit: view'")
    _ethics_hold(definition, actor)
    phase = Phase(
        number=0, started=actor.now, weights=tuple(v.weight for v in definition.variants), traffic=definition.traffic
    )
    started = version.model_copy(
        update={
            "state": "running", "key": key, "tags": tags, "phases": (phase,), "started": actor.now,
            "simulated": simulated,
        }
    )  # fmt: skip
    versions = tuple(_stopped(v, actor.now) if v.state in ("running", "suspended") else v for v in experiment.versions)
    return _changed(experiment, (*versions[:-1], started), started, "start", actor)


def set_traffic(experiment: Experiment, actor: Actor, traffic: int) -> Change:
    """Raise or lower the share of units that take part (basis points); starts a new phase."""
    version = _running(experiment, "set-traffic")
    if not 0 <= traffic <= 10_000:
        raise InvalidInput("traffic is in basis points, 0 to 10000", pointer="/traffic")
    return _new_phase(experiment, version, "set-traffic", actor, {"traffic": traffic}, {"traffic": traffic})


def set_weights(experiment: Experiment, actor: Actor, weights: Sequence[int]) -> Change:
    """Change the shares, in file order; only where the plan adapts them, and once a day at most."""
    version = _running(experiment, "set-weights")
    if version.definition.plan.allocation == "equal":
        raise Refused("the plan says 'allocation: equal', so the weights cannot change while it runs")
    if len(weights) != len(version.definition.variants) or sum(weights) != 10_000 or min(weights) < 0:
        wanted = len(version.definition.variants)
        raise InvalidInput(f"give {wanted} weights of 0 or more that sum to 10000", pointer="/weights")
    if weights[version.definition.index_of(version.definition.control) or 0] == 0:
        raise InvalidInput("the control needs a weight above 0", pointer="/weights")
    if version.weights_changed is not None and actor.now - version.weights_changed < DAY:
        raise Refused("weights change at most once a day", code="too-soon")
    told: dict[str, str | int] = {"weights": ",".join(map(str, weights))}
    return _new_phase(experiment, version, "set-weights", actor, {"weights": tuple(weights)}, told)


def close_arm(experiment: Experiment, actor: Actor, variant: str) -> Change:
    """Close an arm for good: nobody is shown it again, outcomes of earlier exposures still count."""
    version = _running(experiment, "close-arm")
    index = version.definition.index_of(variant)
    if index is None:
        raise InvalidInput(f"there is no variant '{variant}'", pointer="/variant")
    if variant == version.definition.control:
        raise Refused("the control is never closed: without it nothing can be compared", code="control-needed")
    if index in version.phase.closed:
        raise Refused(f"'{variant}' is closed already")
    closed = version.phase.closed | {index}
    return _new_phase(experiment, version, "close-arm", actor, {"closed": closed}, {"variant": variant})


def adapt(experiment: Experiment, actor: Actor, wanted: Adaptation) -> Change:
    """Close variants and change the shares in one phase, as sealed counts ask for; for the machine, once for a day.

    Raises Stale when the version that runs, or its phase, is no longer the one that the wish was made for.
    """
    version = _running(experiment, "adapt")
    if version.definition.plan.allocation != "drop-losers":
        raise Refused("the plan does not say 'allocation: drop-losers', so the machine closes nothing")
    if (version.number, version.phase.number) != (wanted.version, wanted.phase):
        raise Stale("the experiment has another version or phase by now; look at its counts again")
    if not version.is_sealed(wanted.sealed, actor.now):
        raise Refused("shares follow sealed days only, and this one is not sealed", code="not-sealed")
    if version.phase.adapted is not None and wanted.sealed <= version.phase.adapted:
        raise Refused("the shares follow this sealed day already", code="too-soon")
    if version.weights_changed is not None and day_of(version.weights_changed) == day_of(actor.now):
        raise Refused("the weights were changed today; they change at most once a day", code="too-soon")
    _sound(version, wanted)
    update = {"weights": wanted.weights, "closed": wanted.closed, "adapted": wanted.sealed}
    told = {"weights": ",".join(map(str, wanted.weights)), **wanted.told}
    return _new_phase(experiment, version, "adapt", actor, update, told)


def suspend(experiment: Experiment, actor: Actor) -> Change:
    """Stop showing variants at once: everybody gets the fallback until it is resumed."""
    version = _in(experiment, "suspend", "running")
    return _put(experiment, version, "suspend", actor, state="suspended")


def resume(experiment: Experiment, actor: Actor) -> Change:
    """Go on after a suspension, as a new phase."""
    version = _in(experiment, "resume", "suspended")
    return _new_phase(experiment, version.model_copy(update={"state": "running"}), "resume", actor, {}, {})


def stop(experiment: Experiment, actor: Actor) -> Change:
    """End the exposures; outcomes of earlier exposures are still taken."""
    version = _in(experiment, "stop", "running", "suspended")
    return _put(experiment, version, "stop", actor, state="stopped", stopped=actor.now)


def conclude(experiment: Experiment, actor: Actor, *, adopt: str | None = None) -> Change:
    """Close the books once the last day is sealed: destroys K; `adopt` names the text that becomes the fallback."""
    version = _in(experiment, "conclude", "stopped")
    last = day_of(version.stopped or actor.now)
    if not version.is_sealed(last, actor.now):
        hours = -(-(version.sealed_at(last) - actor.now) // 3600)
        raise Refused(f"the last day is not sealed yet; conclude in {hours} hours", code="not-sealed")
    if adopt is not None and version.definition.index_of(adopt) is None:
        raise InvalidInput(f"there is no variant '{adopt}' to adopt", pointer="/adopt")
    return _put(experiment, version, "conclude", actor, state="concluded", key=None, adopted=adopt)


def archive(experiment: Experiment, actor: Actor) -> Change:
    """Put a concluded experiment away; an adopted text stays."""
    version = _in(experiment, "archive", "concluded")
    return _put(experiment, version, "archive", actor, state="archived")


SIMPLE: dict[str, Callable[[Experiment, Actor], Change]] = {
    "submit": submit, "reject": reject, "approve": approve, "suspend": suspend, "resume": resume,
    "stop": stop, "archive": archive,
}  # fmt: skip


def _in(experiment: Experiment, act: str, *states: State) -> Version:
    if not experiment.versions:
        raise NotFound(f"experiment '{experiment.key}' has no version")
    for version in reversed(experiment.versions):
        if version.state in states:
            return version
    latest = experiment.latest
    wanted = " or ".join(s.replace("_", " ") for s in states)
    raise Refused(f"cannot {act}: version {latest.number} is {latest.state.replace('_', ' ')}; it must be {wanted}")


def _running(experiment: Experiment, act: str) -> Version:
    return _in(experiment, act, "running")


def _sound(version: Version, wanted: Adaptation) -> None:
    """Hold the machine's shares against what may never happen, whatever the counts say."""
    weights, size = wanted.weights, len(version.definition.variants)
    control = version.definition.index_of(version.definition.control) or 0
    if control in wanted.closed or len(weights) != size or weights[control] <= 0:
        raise Refused("the control is never closed: without it nothing can be compared", code="control-needed")
    if not version.phase.closed <= wanted.closed:
        raise Refused("a closed variant stays closed")
    if sum(weights) != 10_000 or min(weights) < 0 or any(weights[index] for index in wanted.closed):
        raise InvalidInput("weights sum to 10000, and closed variants have none", pointer="/weights")


def _ethics_hold(definition: Definition, actor: Actor) -> None:
    ethics = definition.ethics
    if ethics is not None and day_of(actor.now) > ethics.expires.toordinal() - _EPOCH:
        raise Refused(f"the ethics approval {ethics.reference} expired on {ethics.expires}", code="ethics-expired")


_EPOCH = 719_163  # date(1970, 1, 1).toordinal()


def _stopped(version: Version, now: int) -> Version:
    return version.model_copy(update={"state": "stopped", "stopped": now})


def _new_phase(
    experiment: Experiment, version: Version, act: str, actor: Actor,
    update: dict[str, Any], told: dict[str, str | int],
) -> Change:  # fmt: skip
    phase = version.phase.model_copy(update={"number": version.phase.number + 1, "started": actor.now, **update})
    if phase.number >= 1024:
        raise Refused("a version has at most 1024 phases; start a new version")
    after = version.model_copy(update={"phases": (*version.phases, phase)})
    return _changed(experiment, _replace(experiment, after), after, act, actor, {"phase": phase.number, **told})


def _put(experiment: Experiment, version: Version, act: str, actor: Actor, **update: Any) -> Change:
    after = version.model_copy(update=update)
    return _changed(experiment, _replace(experiment, after), after, act, actor)


def _replace(experiment: Experiment, after: Version) -> tuple[Version, ...]:
    return tuple(after if v.number == after.number else v for v in experiment.versions)


def _changed(
    experiment: Experiment, versions: tuple[Version, ...], version: Version, act: str, actor: Actor,
    details: dict[str, str | int] | None = None,
) -> Change:  # fmt: skip
    after = experiment.model_copy(update={"versions": versions, "revision": experiment.revision + 1})
    entry = LogEntry(
        at=actor.now, who=actor.name, act=act, version=version.number, why=actor.why, details=details or {}
    )
    return Change(after, entry)
