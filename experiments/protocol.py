"""The protocol: what is planned, written down before the first warning is shown, and locked by its hash at the start.

It is a preregistration: hypotheses, arms with their exact texts, unit, shares, outcomes, windows, error probability,
design, stopping rule, exclusions, planned size with its assumptions, ethics, approvals. At the start its canonical
JSON is kept as it stands, and its SHA-256 with the version and in the audit log, so that a later change of any of
them, or of the definition, is seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from experiments import stopping
from experiments.audit import digest
from experiments.errors import InvalidInput, NotFound
from experiments.model import Experiment, Version
from experiments.planning import question_of
from experiments.spec import canonical_json, content_hash
from experiments.store import Store

Standing = Literal["not-locked", "locked", "altered", "never-locked"]
LOWER_IS_BETTER = frozenset({"proceeded", "repeat_trigger", "complaint"})


@dataclass(frozen=True, slots=True)
class Protocol:
    """A version's protocol, and whether it can be trusted.

    document   its content, JSON values;   sha256  of the content's canonical JSON
    standing   not-locked: before the start, it still follows the definition; locked: as it was at the start;
               altered: something was changed after the start; never-locked: it started before protocols were kept
    problems   what does not agree, in words
    """

    document: dict[str, Any]
    sha256: str
    standing: Standing
    problems: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values. SHA-256 of `protocol` as canonical JSON is `sha256`."""
        return {
            "schema": 1, "standing": self.standing, "sha256": self.sha256, "problems": list(self.problems),
            "protocol": self.document,
        }  # fmt: skip


def of(store: Store, key: str, number: int | None = None) -> Protocol:
    """Return the protocol of a version, by default the one that started last, else the latest. Raises NotFound."""
    experiment = store.documents.experiment(key)
    version = _chosen(experiment, number)
    current = document(key, version)
    if version.started is None:
        return Protocol(current, _hash(current), "not-locked")
    if version.protocol_hash is None:
        return Protocol(current, _hash(current), "never-locked")
    kept = store.documents.protocol(key, version.number)
    return verified(version, kept, current)


def verified(version: Version, kept: str | None, current: dict[str, Any]) -> Protocol:
    """Hold the protocol that was kept against its hash and against the definition. Pure."""
    if kept is None:
        return Protocol(current, _hash(current), "altered", ("The protocol that was locked at the start is gone.",))
    problems = []
    found = _read(kept)
    if digest(kept) != version.protocol_hash:
        problems.append("Its text does not give the hash that was kept with the version at the start.")
    if found.get("definition_hash") != content_hash(version.definition):
        problems.append("The definition is not the one that was locked.")
    return Protocol(found or current, digest(kept), "altered" if problems else "locked", tuple(problems))


def locked(key: str, version: Version, *, by: str, now: int) -> str:
    """Return what is kept at the start, as canonical JSON."""
    return canonical_json(document(key, version, by=by, now=now))


def document(key: str, version: Version, *, by: str | None = None, now: int | None = None) -> dict[str, Any]:
    """Return the protocol's content as JSON values; `by` and `now` say who starts the version, and when."""
    definition = version.definition
    plan = definition.plan
    return {
        "schema": 1, "experiment": key, "version": version.number, "definition_hash": content_hash(definition),
        "locked": {"by": by, "at": _time(now)} if now is not None else None,
        "title": definition.title, "description": definition.description, "question": definition.question,
        "hypotheses": list(definition.hypotheses),
        "unit": definition.unit, "block_hours": definition.block_hours,
        "surfaces": list(definition.surfaces), "strata": list(definition.strata),
        "locales": list(definition.served_locales()), "traffic": definition.traffic,
        "arms": [_arm(version, index) for index in range(len(definition.variants))],
        "help": list(definition.help),
        "outcomes": list(_outcomes(version)),
        "window_hours": definition.window_hours, "report_grace_hours": definition.report_grace_hours,
        "repeat_after_seconds": definition.repeat_after_seconds,
        "design": plan.design, "alpha": plan.alpha, "allocation": plan.allocation, "leader_share": plan.leader_share,
        "looks": (plan.looks or 5) if plan.design == "looks" else None,
        "spending": (plan.spending or "obrien-fleming") if plan.design == "looks" else None,
        "stopping_rule": stopping.rule(definition),
        "exclusions": list(definition.exclusions), "size": _size(version),
        "ethics": definition.ethics.model_dump(mode="json") if definition.ethics else None,
        "approvals": [
            {"locale": a.locale, "by": a.who, "at": _time(a.at), "texts": a.texts} for a in version.approvals
        ],
    }  # fmt: skip


def _arm(version: Version, index: int) -> dict[str, Any]:
    variant = version.definition.variants[index]
    served = version.definition.served_locales()
    return {
        "variant": variant.key, "control": variant.control, "weight": variant.weight, "factors": dict(variant.factors),
        "messages": {
            tag: {**message.model_dump(), "sha256": content_hash(message), "served": tag in served}
            for tag, message in variant.messages.items()
        },
    }  # fmt: skip


def _outcomes(version: Version) -> Iterator[dict[str, Any]]:
    outcomes = version.definition.outcomes
    roles = ["primary", *["secondary"] * len(outcomes.secondary), *["guardrail"] * len(outcomes.guardrails)]
    rails = {id(rail): rail for rail in outcomes.guardrails}
    for role, (name, item) in zip(roles, version.outcomes, strict=True):
        rail = rails.get(id(item))
        yield {
            "role": role, "name": name, "outcome": item.outcome,
            "channels": item.channels, "tiers": item.tiers,
            "better": rail.better if rail else "lower" if item.outcome in LOWER_IS_BETTER else "higher",
            "margin_ratio": rail.margin.ratio if rail and rail.margin else None,
        }  # fmt: skip


def _size(version: Version) -> dict[str, Any]:
    """The planned size, and what the assumptions alone would ask for."""
    plan = version.definition.plan
    given = {
        "units_per_variant": plan.units_per_variant, "expected_rate": plan.expected_rate,
        "minimum_effect_ratio": plan.minimum_effect.ratio, "power": plan.power,
    }  # fmt: skip
    lower = version.definition.outcomes.primary.outcome in LOWER_IS_BETTER
    try:
        question = question_of(version.definition, per_day=1.0, lower=lower)
        needed, reason = -(-question.rule()(question.aim()).units // question.arms), None
    except InvalidInput as error:
        needed, reason = None, error.detail
    return {**given, "needed_units_per_variant": needed, "not_computed": reason}


def _chosen(experiment: Experiment, number: int | None) -> Version:
    if number is None:
        started = [version for version in experiment.versions if version.started is not None]
        return started[-1] if started else experiment.latest
    found = experiment.version(number)
    if found is None:
        raise NotFound(f"experiment '{experiment.key}' has no version {number}", pointer="/version")
    return found


def _read(kept: str) -> dict[str, Any]:
    try:
        found = json.loads(kept)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _hash(content: dict[str, Any]) -> str:
    return digest(canonical_json(content))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
