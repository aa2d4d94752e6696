"""The life of an experiment: draft → in_review → approved → running ⇄ suspended → stopped → concluded → archived.

Pure: every transition takes an experiment and returns the next value with its log entry, or raises
`Refused` with the reason and what to do. The store's compare-and-set makes it true.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from experiments import approval
from experiments.errors import InvalidInput, NotFound, Refused, Stale
from experiments.model import DAY, Approval, Experiment, LogEntry, Phase, State, Version, day_of
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


def apply(
    experiment: Experiment | None, definition: Definition, actor: Actor, *, version_id: int, revision: int | None = None
) -> Change:
    """Take a definition in as a draft: replaces the latest draft, else opens a new version.

    `revision` is that of the experiment when it was read (0: there was none): if it is another one now, somebody
    else changed it meanwhile, and Stale is raised with what is there. None: whatever is there.
    """
    known = experiment or Experiment(key=definition.key)
    if revision is not None and known.revision != revision:
        raise Stale(_overtaken(known), found=known)
    if known.versions and known.latest.state == "draft":
        number, rest = known.latest.number, known.versions[:-1]
    elif known.versions and known.latest.state in ("in_review", "approved"):
        raise Refused(f"version {known.latest.number} is {known.latest.state}; reject it first, then apply the change")
    else:
        number, rest = (known.latest.number + 1 if known.versions else 1), known.versions
    version = Version(
        id=version_id, number=number, state="draft", definition=definition, definition_hash=content_hash(definition),
        changed_by=actor.name, texts_by=_texts_by(known, definition, actor),
    )  # fmt: skip
    return _changed(known, (*rest, version), version, "apply", actor)


def submit(experiment: Experiment, actor: Actor) -> Change:
    """Ask for approval."""
    version = _in(experiment, "submit", "draft")
    _ethics_hold(version.definition, actor)
    return _put(experiment, version, "submit", actor, state="in_review", submitted_by=actor.name)


def reject(experiment: Experiment, actor: Actor) -> Change:
    """Send a version back to its author."""
    version = _in(experiment, "reject", "in_review", "approved")
    return _put(experiment, version, "reject", actor, state="draft", submitted_by=None, approvals=())


def approve(experiment: Experiment, actor: Actor, *, locales: Collection[str] | None = None) -> Change:
    """Approve the texts of some locales, by default of all that are served; whoever asked or wrote them cannot.

    The version is approved with the last of them. Once it is, approving again renews what would expire.
    """
    version = _in(experiment, "approve", "in_review", "approved")
    served = version.definition.served_locales()
    chosen = served if locales is None else tuple(tag for tag in served if tag in locales)
    for unknown in sorted(set(locales or ()) - set(served)):
        raise InvalidInput(
            f"there is no locale '{unknown}' to approve; served: {', '.join(served)}", pointer="/locales"
        )
    if not chosen:
        raise InvalidInput(f"name at least one locale; served: {', '.join(served)}", pointer="/locales")
    _require_other(version, actor)
    _ethics_hold(version.definition, actor)
    given = [
        Approval(who=actor.name, at=actor.now, locale=tag, texts=approval.texts_hash(version.definition, tag))
        for tag in chosen
    ]
    kept = [old for old in version.approvals if old.who != actor.name or old.locale not in chosen]
    after = version.model_copy(update={"approvals": (*kept, *given)})
    state = "approved" if version.state == "approved" or approval.complete(after, actor.now) else "in_review"
    after = after.model_copy(update={"state": state})
    return _changed(experiment, _replace(experiment, after), after, "approve", actor, {"locales": ", ".join(chosen)})


def start(
    experiment: Experiment, actor: Actor, *, key: str, tags: tuple[str, ...] = ("0",), simulated: bool = False,
    protocol: str | None = None,
) -> Change:  # fmt: skip
    """Start the approved version; a running older version is stopped by the same act.

    `key` is the new version's K, wrapped; `protocol` (canonical JSON) is locked by its hash.
    """
    version = _to_start(experiment, actor)
    definition = version.definition
    if definition.unit == "block":
        raise Refused("experiments by time block cannot be started yet; use 'unit: session' or 'unit: view'")
    _ethics_hold(definition, actor)
    approval.require(version, actor.now)
    phase = Phase(
        number=0, started=actor.now, weights=tuple(v.weight for v in definition.variants), traffic=definition.traffic
    )
    started = version.model_copy(
        update={
            "state": "running", "key": key, "tags": tags, "phases": (phase,), "started": actor.now,
            "simulated": simulated, "protocol_hash": sha256(protocol.encode()).hexdigest() if protocol else None,
        }
    )  # fmt: skip
    versions = tuple(_stopped(v, actor.now) if v.state in ("running", "suspended") else v for v in experiment.versions)
    locked: dict[str, str | int] = {"protocol": started.protocol_hash} if started.protocol_hash else {}
    change = _changed(experiment, (*versions[:-1], started), started, "start", actor, locked)
    return replace(change, protocol=protocol)


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
    _ethics_hold(version.definition, actor)
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
    return _put(experiment, version, "conclude", actor, state="concluded", key=None, adopted=adopt, decision=None)


def archive(experiment: Experiment, actor: Actor) -> Change:
    """Put a concluded experiment away; an adopted text stays."""
    version = _in(experiment, "archive", "concluded")
    return _put(experiment, version, "archive", actor, state="archived")


SIMPLE: dict[str, Callable[[Experiment, Actor], Change]] = {
    "submit": submit, "reject": reject, "suspend": suspend, "resume": resume,
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


def _to_start(experiment: Experiment, actor: Actor) -> Version:
    latest = experiment.latest if experiment.versions else None
    if latest is not None and latest.state == "in_review":
        what = approval.missing(latest, actor.now)
        raise Refused(f"cannot start: version {latest.number} is in review; {what or 'it must be approved'}")
    return _in(experiment, "start", "approved")


def _require_other(version: Version, actor: Actor) -> None:
    """Refuse an approval of one's own."""
    did = {
        version.changed_by: "changed the file last", version.texts_by: "wrote the texts",
        version.submitted_by: "asked for the approval",
    }  # fmt: skip
    if actor.name in did:
        detail = f"{actor.name} {did[actor.name]}, so somebody else must approve"
        raise Refused(f"{detail}. Next: ask an approver who has not worked on it", code="own-approval")


def _texts_by(known: Experiment, definition: Definition, actor: Actor) -> str:
    """Who wrote the texts: whoever applies them, unless they are those of before."""
    if not known.versions or _texts(known.latest.definition) != _texts(definition):
        return actor.name
    return known.latest.texts_by or actor.name


def _texts(definition: Definition) -> dict[str, Any]:
    return {variant.key: variant.messages for variant in definition.variants}


def _overtaken(known: Experiment) -> str:
    if not known.versions:
        return f"experiment '{known.key}' does not exist any more; read it again"
    by = f" by {known.latest.changed_by}" if known.latest.changed_by else ""
    detail = f"'{known.key}' was changed meanwhile{by}; nothing was overwritten"
    return f"{detail}. Next: compare with what is there now, and repeat your change"


def _ethics_hold(definition: Definition, actor: Actor) -> None:
    ethics = definition.ethics
    if ethics is not None and day_of(actor.now) > ethics.expires.toordinal() - _EPOCH:
        detail = f"the ethics approval {ethics.reference} expired on {ethics.expires}"
        raise Refused(f"{detail}. Next: renew it, and apply the file with the new date", code="ethics-expired")
    if approval.without_warning(definition) and not (ethics and ethics.reason):
        detail = "the control shows no warning, and the file gives no reason. Next: apply it with 'ethics.reason'"
        raise Refused(detail, code="reason-missing")


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
