"""Experiments, their log, integrators' keys: small documents, changed by compare-and-set."""

from __future__ import annotations

from experiments.audit import Note, digest, following
from experiments.errors import NotFound, Stale, SurfaceTaken
from experiments.lifecycle import Change
from experiments.model import Experiment, LogEntry
from experiments.store import keys
from experiments.store.audit import TRIES, Audit, Kept, busy
from experiments.store.connection import Client, translated
from experiments.store.copy import Held
from experiments.store.scripts import Script

_SAVE = Script("save_experiment")
SAVED, CHANGED, TAKEN, BETWEEN = 1, 0, -1, -2


class Documents:
    """Every document lies in one slot, so that they change together."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def save(self, change: Change) -> Experiment:
        """Write the next value of an experiment with its entry in the audit log.

        Raises Stale or SurfaceTaken, and changes nothing. Two round trips, and two more for each act that comes
        between in the audit log.
        """
        after = change.experiment
        live = after.on_surface
        surfaces = live.definition.surfaces if live else []
        names = [
            keys.EXPERIMENTS, keys.REVISIONS, keys.SURFACES, keys.log(after.key), keys.CATALOGUE, keys.AUDIT,
            keys.PROTOCOLS,
        ]  # fmt: skip
        document, entry = after.model_dump_json(by_alias=True), change.entry.model_dump_json()
        protocol = (f"{after.key}.{change.entry.version}", change.protocol) if change.protocol else ("", "")
        note, audit = _note(change, document), Audit(self.client)
        for _ in range(TRIES):
            last = audit.last()
            chained = (last, following(last, note), *protocol)
            code, *told = _SAVE(
                self.client, names, [after.key, after.revision - 1, document, entry, *chained, *surfaces]
            )
            if code != BETWEEN:
                _require_saved(after.key, code, told)
                return after
        raise busy()

    def experiment(self, key: str) -> Experiment:
        """Return one experiment, or raise NotFound."""
        with translated():
            document = self.client.hget(keys.EXPERIMENTS, key)
        if document is None:
            raise NotFound(f"there is no experiment '{key}'", code="unknown-experiment", pointer="/experiment")
        return Experiment.model_validate_json(document)

    def experiments(self) -> list[Experiment]:
        """All experiments, by key."""
        with translated():
            found = self.client.hgetall(keys.EXPERIMENTS)
        return [Experiment.model_validate_json(found[key]) for key in sorted(found)]

    def held(self, number: int) -> Held:
        """Everything that the catalogue is made of, as it is stored."""
        with translated():
            experiments, api_keys = self.client.hgetall(keys.EXPERIMENTS), self.client.hgetall(keys.API_KEYS)
        return Held(
            number,
            tuple(experiments[key].decode() for key in sorted(experiments)),
            {key.decode(): document.decode() for key, document in api_keys.items()},
        )

    def log(self, key: str) -> list[LogEntry]:
        """The experiment's log, oldest first."""
        with translated():
            entries = self.client.lrange(keys.log(key), 0, -1)
        return [LogEntry.model_validate_json(entry) for entry in entries]

    def next_version_id(self) -> int:
        """Return a number for a version, never given twice."""
        with translated():
            return int(self.client.incr(keys.IDS))

    def partner_number(self, partner: str) -> int:
        """Return the partner's number, the next free one if it is new (two tries meet the same)."""
        with translated():
            known = self.client.hget(keys.PARTNERS, partner)
            if known is None:
                pipe = self.client.pipeline(transaction=False)
                pipe.hsetnx(keys.PARTNERS, partner, self.client.incr(keys.PARTNER_IDS))
                pipe.hget(keys.PARTNERS, partner)
                known = pipe.execute()[1]
        return int(known)

    def catalogue_number(self) -> int:
        """Return the number that changes with anything that processes cache."""
        with translated():
            return int(self.client.get(keys.CATALOGUE) or 0)

    def tell_spool(self, spool: str, told: str | None) -> None:
        """Note what waits in a host's spool (JSON), or that nothing does any more."""
        with translated():
            if told is None:
                self.client.hdel(keys.SPOOLS, spool)
            else:
                self.client.hset(keys.SPOOLS, spool, told)

    def spools(self) -> list[bytes]:
        """What the hosts told of their spools last (JSON)."""
        with translated():
            return list(self.client.hvals(keys.SPOOLS))

    def save_api_key(self, key_id: str, document: str, note: Note) -> None:
        """Write an integrator's key (its secret hashed), with its entry in the audit log."""
        Audit(self.client).append(note, Kept(keys.API_KEYS, key_id, document, cached=True))

    def protocol(self, experiment: str, version: int) -> str | None:
        """The protocol that was locked when a version started, as it is stored; None: there is none."""
        with translated():
            found = self.client.hget(keys.PROTOCOLS, f"{experiment}.{version}")
        return None if found is None else found.decode("utf-8", "replace")

    def digests(self) -> dict[str, str]:
        """SHA-256 of every experiment as it is stored, by key."""
        with translated():
            return {key.decode(): digest(found) for key, found in self.client.hgetall(keys.EXPERIMENTS).items()}

    def api_keys(self) -> dict[str, bytes]:
        """All integrators' keys by id."""
        with translated():
            return {key.decode(): document for key, document in self.client.hgetall(keys.API_KEYS).items()}


def _note(change: Change, document: str) -> Note:
    entry = change.entry
    why = {"why": entry.why} if entry.why else {}
    details = {**entry.details, **why, "version": entry.version, "document": digest(document)}
    return Note(entry.who, entry.act, f"experiment/{change.experiment.key}", entry.at, details)


def _require_saved(key: str, code: int, told: list[bytes]) -> None:
    if code == CHANGED:
        raise Stale(f"'{key}' was changed by somebody else meanwhile; read it again and repeat the change")
    if code == TAKEN:
        surface, holder = (text.decode() for text in told)
        raise SurfaceTaken(
            f"surface '{surface}' already shows experiment '{holder}'; stop that one first, or use another surface",
            pointer="/surfaces",
        )
