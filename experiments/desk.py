"""What researchers and staff do with experiments: take in a definition, move it through its life.

Each act reads the experiment, asks `lifecycle`, `phases` or `decision` for the next value, and saves that by
compare-and-set.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from experiments import decision, lifecycle, phases, spec
from experiments.access import ApiKey, Kind, new_key
from experiments.audit import Note
from experiments.errors import InvalidInput, NotFound, Stale
from experiments.lifecycle import Actor, Change
from experiments.model import Experiment, Version
from experiments.phases import Adaptation
from experiments.runtime import Runtime
from experiments.store.sharding import choose_tags

ACTS = (
    "submit", "reject", "approve", "start", "set-traffic", "set-weights", "close-arm", "suspend", "resume", "stop",
    "conclude", "archive", "propose", "withdraw", "confirm", "unadopt",
)  # fmt: skip

COMMAND_LINE = "command line"  # who makes and revokes keys without saying so


def apply(runtime: Runtime, document: Any, actor: Actor, *, revision: int | None = None) -> Experiment:
    """Take in an experiment's document as a draft. Raises InvalidDefinition with every violation.

    `revision` is that of the experiment as the editor read it, 0 for a new one; if somebody else was faster, Stale
    is raised with what is there now, and nothing is overwritten.
    """
    definition = spec.parse(document, help_resources=runtime.directory.by_key)
    documents = runtime.store.documents
    try:
        known = documents.experiment(definition.key)
    except NotFound:
        known = None
    change = lifecycle.apply(known, definition, actor, version_id=documents.next_version_id(), revision=revision)
    try:
        return documents.save(change)
    except Stale as error:
        raise Stale(error.detail, found=documents.experiment(definition.key)) from None


def act(
    runtime: Runtime, key: str, name: str, actor: Actor, options: Mapping[str, Any] | None = None,
    *, revision: int | None = None,
) -> Experiment:  # fmt: skip
    """Make one transition. `options` are the act's: locales, traffic, weights, variant, adopt, simulated, choice.

    `revision` is that of the experiment as whoever acts saw it; if somebody else was faster, Stale is raised with what
    is there now, and nothing is done.
    """
    experiment = runtime.store.documents.experiment(key)
    if revision is not None and experiment.revision != revision:
        raise Stale(f"'{key}' was changed meanwhile; nothing was done. Next: look at it again", found=experiment)
    change = _change(runtime, experiment, name, actor, dict(options or {}))
    if name == "submit":
        _require_kept_promises(runtime, experiment)
    if change.entry.act == "conclude":
        _freeze(runtime, key, change.entry.version, actor)
    return runtime.store.documents.save(change)


def adapt(runtime: Runtime, key: str, wanted: Adaptation, actor: Actor) -> Experiment:
    """Give new units the shares that sealed counts ask for. Raises Stale, and changes nothing, if somebody was first.

    Version and phase are compared with those the wish was made for, and the save compares the revision: of several
    that want the same one does it.
    """
    experiment = runtime.store.documents.experiment(key)
    return runtime.store.documents.save(phases.adapt(experiment, actor, wanted))


def _change(runtime: Runtime, experiment: Experiment, name: str, actor: Actor, options: dict[str, Any]) -> Change:
    simple = (lifecycle.SIMPLE | phases.SIMPLE | decision.SIMPLE).get(name)
    if simple is not None:
        _only(options)
        return simple(experiment, actor)
    taken: dict[str, Callable[[], Change]] = {
        "approve": lambda: lifecycle.approve(experiment, actor, locales=_locales(options)),
        "start": lambda: _start(runtime, experiment, actor, simulated=bool(options.get("simulated", False))),
        "set-traffic": lambda: phases.set_traffic(experiment, actor, _need(options, "traffic", int)),
        "set-weights": lambda: phases.set_weights(experiment, actor, _need(options, "weights", list)),
        "close-arm": lambda: phases.close_arm(experiment, actor, _need(options, "variant", str)),
        "conclude": lambda: lifecycle.conclude(experiment, actor, adopt=options.get("adopt")),
        "propose": lambda: decision.propose(experiment, actor, _need(options, "choice", str), options.get("variant")),
    }
    if name not in taken:
        raise NotFound(f"there is no act '{name}'; there are: {', '.join(ACTS)}")
    own = {
        "approve": ("locales",), "start": ("simulated",), "set-traffic": ("traffic",), "set-weights": ("weights",),
        "close-arm": ("variant",), "conclude": ("adopt",), "propose": ("choice", "variant"),
    }  # fmt: skip
    _only(options, *own[name])
    return taken[name]()


def _require_kept_promises(runtime: Runtime, experiment: Experiment) -> None:
    from experiments.wording import require_kept_promises  # noqa: PLC0415  (only here, and it reads its rules)

    require_kept_promises(experiment.latest.definition, runtime.directory)


def _freeze(runtime: Runtime, key: str, version: int, actor: Actor) -> None:
    """Keep the final report just before the version is concluded: if that fails, nobody asks for it."""
    from experiments import final, results  # noqa: PLC0415  (with the statistics, as below)

    found = results.result(runtime.store, key, now=actor.now, version=version)
    final.freeze(runtime.store, found, by=actor.name, now=actor.now)


def _start(runtime: Runtime, experiment: Experiment, actor: Actor, *, simulated: bool) -> Change:
    version = experiment.latest
    wrapped = runtime.keyring.wrap(secrets.token_bytes(32), experiment.key, version.number)
    tags = choose_tags(runtime.store.documents.client, experiment.key, version.number, runtime.shards)
    protocol = _protocol(experiment.key, version, actor) if version.state == "approved" else None
    return lifecycle.start(experiment, actor, key=wrapped, tags=tags, simulated=simulated, protocol=protocol)


def _protocol(key: str, version: Version, actor: Actor) -> str:
    from experiments import protocol  # noqa: PLC0415  (with the statistics, which integrators' processes do without)

    return protocol.locked(key, version, by=actor.name, now=actor.now)


def _locales(options: Mapping[str, Any]) -> list[str] | None:
    """The locales to approve; None: all that are served."""
    if options.get("locales") is None:
        return None
    found: list[str] = _need(options, "locales", list, str)
    return found


def _only(options: Mapping[str, Any], *names: str) -> None:
    for unknown in sorted(set(options) - set(names)):
        raise InvalidInput(f"there is no field '{unknown}' in this act", code="unknown-field", pointer=f"/{unknown}")


def _need(options: Mapping[str, Any], name: str, kind: type, of: type = int) -> Any:
    if name not in options:
        raise InvalidInput(f"the field '{name}' is required", code="missing-field", pointer=f"/{name}")
    value = options[name]
    if not isinstance(value, kind) or isinstance(value, bool) or (isinstance(value, list) and not _all(value, of)):
        raise InvalidInput(f"'{name}' has the wrong type", code="wrong-type", pointer=f"/{name}")
    return value


def _all(values: list[Any], kind: type) -> bool:
    return all(isinstance(v, kind) and not isinstance(v, bool) for v in values)


def create_key(
    runtime: Runtime, *, kind: Kind, partner: str, surfaces: tuple[str, ...], origins: tuple[str, ...], now: int,
    by: str = COMMAND_LINE,
) -> tuple[ApiKey, str]:  # fmt: skip
    """Make an integrator's key and return it with the text that its owner needs; the secret is kept nowhere."""
    if not partner.strip():
        raise InvalidInput("a key belongs to a partner", pointer="/partner")
    if not surfaces:
        raise InvalidInput("name at least one surface ('*' for all)", pointer="/surfaces")
    if kind == "browser" and not origins:
        raise InvalidInput("a browser key needs the origins that may use it", pointer="/origins")
    number = runtime.store.documents.partner_number(partner)
    key, text = new_key(kind=kind, partner=partner, partner_number=number, surfaces=surfaces, origins=origins, now=now)
    note = Note(
        by, "create-key", f"key/{key.id}", now, {"kind": kind, "partner": partner, "surfaces": ", ".join(surfaces)}
    )
    runtime.store.documents.save_api_key(key.id, key.model_dump_json(), note)
    return key, text


def revoke_key(runtime: Runtime, key_id: str, now: int, *, by: str = COMMAND_LINE) -> ApiKey:
    """Revoke a key at once; processes notice within their refresh interval."""
    held = runtime.store.documents.api_keys().get(key_id)
    if held is None:
        raise NotFound(f"there is no key '{key_id}'")
    key = ApiKey.model_validate_json(held).model_copy(update={"revoked": now})
    note = Note(by, "revoke-key", f"key/{key_id}", now, {"partner": key.partner})
    runtime.store.documents.save_api_key(key_id, key.model_dump_json(), note)
    return key
