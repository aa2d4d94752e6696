"""The life of an experiment: draft → in_review → approved → running ⇄ suspended → stopped → concluded → archived.

Pure: every transition takes an experiment and returns the next value with its log entry, or raises
`Refused` with the reason and what to do. The store's compare-and-set makes it true. What changes the shares of a
running version, and so begins a phase, is in `phases`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from experiments import approval
from experiments.errors import InvalidInput, NotFound, Refused, Stale
from experiments.model import Approval, Experiment, LogEntry, Phase, State, Version, day_of
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
    version = version_in(experiment, "submit", "draft")
    approval.require_ethics(version.definition, actor.now)
    return _put(experiment, version, "submit", actor, state="in_review", submitted_by=actor.name)


def reject(experiment: Experiment, actor: Actor) -> Change:
    """Send a version back to its author."""
    version = version_in(experiment, "reject", "in_review", "approved")
    return _put(experiment, version, "reject", actor, state="draft", submitted_by=None, approvals=())


def approve(experiment: Experiment, actor: Actor, *, locales: Collection[str] | None = None) -> Change:
    """Approve the texts of some locales, by default of all that are served; whoever asked or wrote them cannot.

    The version is approved with the last of them. Once it is, approving again renews what would expire.
    """
    version = version_in(experiment, "approve", "in_review", "approved")
    served = version.definition.served_locales()
    chosen = served if locales is None else tuple(tag for tag in served if tag in locales)
    for unknown in sorted(set(locales or ()) - set(served)):
        raise InvalidInput(
            f"there is no locale '{unknown}' to approve; served: {', '.join(served)}", pointer="/locales"
        )
    if not chosen:
        raise InvalidInput(f"name at least one locale; served: {', '.join(served)}", pointer="/locales")
    approval.require_other(version, actor.name)
    approval.require_ethics(version.definition, actor.now)
    given = [
        Approval(who=actor.name, at=actor.now, locale=tag, texts=approval.texts_hash(version.definition, tag))
        for tag in chosen
    ]
    kept = [old for old in version.approvals if old.who != actor.name or old.locale not in chosen]
    after = version.model_copy(update={"approvals": (*kept, *given)})
    state = "approved" if version.state == "approved" or approval.complete(after, actor.now) else "in_review"
    after = after.model_copy(update={"state": state})
    return changed_version(experiment, after, "approve", actor, {"locales": ", ".join(chosen)})


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
    approval.require_ethics(definition, actor.now)
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


def suspend(experiment: Experiment, actor: Actor) -> Change:
    """Stop showing variants at once: everybody gets the fallback until it is resumed."""
    version = version_in(experiment, "suspend", "running")
    return _put(experiment, version, "suspend", actor, state="suspended")


def stop(experiment: Experiment, actor: Actor) -> Change:
    """End the exposures; outcomes of earlier exposures are still taken."""
    version = version_in(experiment, "stop", "running", "suspended")
    return _put(experiment, version, "stop", actor, state="stopped", stopped=actor.now)


def conclude(experiment: Experiment, actor: Actor, *, adopt: str | None = None) -> Change:
    """Close the books once the last day is sealed: destroys K; `adopt` names the text that becomes the fallback."""
    version = version_in(experiment, "conclude", "stopped")
    last = day_of(version.stopped or actor.now)
    if not version.is_sealed(last, actor.now):
        hours = -(-(version.sealed_at(last) - actor.now) // 3600)
        raise Refused(f"the last day is not sealed yet; conclude in {hours} hours", code="not-sealed")
    if adopt is not None and version.definition.index_of(adopt) is None:
        raise InvalidInput(f"there is no variant '{adopt}' to adopt", pointer="/adopt")
    return _put(experiment, version, "conclude", actor, state="concluded", key=None, adopted=adopt, decision=None)


def archive(experiment: Experiment, actor: Actor) -> Change:
    """Put a concluded experiment away; an adopted text stays."""
    version = version_in(experiment, "archive", "concluded")
    return _put(experiment, version, "archive", actor, state="archived")


SIMPLE: dict[str, Callable[[Experiment, Actor], Change]] = {
    "submit": submit, "reject": reject, "suspend": suspend, "stop": stop, "archive": archive,
}  # fmt: skip


def version_in(experiment: Experiment, act: str, *states: State) -> Version:
    """Return the newest version in one of the states. Raises NotFound, or Refused with the state it is in."""
    if not experiment.versions:
        raise NotFound(f"experiment '{experiment.key}' has no version")
    for version in reversed(experiment.versions):
        if version.state in states:
            return version
    latest = experiment.latest
    wanted = " or ".join(s.replace("_", " ") for s in states)
    raise Refused(f"cannot {act}: version {latest.number} is {latest.state.replace('_', ' ')}; it must be {wanted}")


def _to_start(experiment: Experiment, actor: Actor) -> Version:
    latest = experiment.latest if experiment.versions else None
    if latest is not None and latest.state == "in_review":
        what = approval.missing(latest, actor.now)
        raise Refused(f"cannot start: version {latest.number} is in review; {what or 'it must be approved'}")
    return version_in(experiment, "start", "approved")


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


def _stopped(version: Version, now: int) -> Version:
    return version.model_copy(update={"state": "stopped", "stopped": now})


def _put(experiment: Experiment, version: Version, act: str, actor: Actor, **update: Any) -> Change:
    after = version.model_copy(update=update)
    return changed_version(experiment, after, act, actor)


def changed_version(
    experiment: Experiment, after: Version, act: str, actor: Actor, details: dict[str, str | int] | None = None
) -> Change:
    """Return the change that puts a version's next value in its place."""
    versions = tuple(after if v.number == after.number else v for v in experiment.versions)
    return _changed(experiment, versions, after, act, actor, details)


def _changed(
    experiment: Experiment, versions: tuple[Version, ...], version: Version, act: str, actor: Actor,
    details: dict[str, str | int] | None = None,
) -> Change:  # fmt: skip
    after = experiment.model_copy(update={"versions": versions, "revision": experiment.revision + 1})
    entry = LogEntry(
        at=actor.now, who=actor.name, act=act, version=version.number, why=actor.why, details=details or {}
    )
    return Change(after, entry)
