"""The audit log: who did what with what, in a chain that shows every later edit.

Each entry carries the hash of the one before it and its own SHA-256 over its canonical JSON, so an entry that is
edited, deleted, added or moved no longer fits. Entries cut off at the end are missed by a head that somebody noted
elsewhere, and by the experiments, whose last change must be in the log. What the chain cannot show is a log that
somebody with the right to write to the ledger computed anew from end to end: only the noted head shows that.

Never put a secret or a session into an entry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from experiments.model import Record
from experiments.spec import canonical_json

if TYPE_CHECKING:
    from experiments.store import Store

GENESIS = "0" * 64  # what the first entry follows
TRIES = 5

Details = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Note:
    """What an entry says, before it has its place: who did what with what (`kind/name`), when (unix seconds)."""

    who: str
    act: str
    about: str
    at: int
    details: Details = field(default_factory=dict)


class Entry(Record):
    """One entry. `number` counts from 1; `previous` and `hash` are SHA-256 in hex."""

    number: int
    at: int
    who: str
    act: str
    about: str
    details: Details
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What does not fit, at which entry; None: of the log as a whole."""

    number: int | None
    what: str


def append(store: Store, who: str, act: str, about: str, details: Details, now: int) -> Entry:
    """Write an act into the log; `about` is what it was done to, as `kind/name` (`user/ann`, `key/3f`)."""
    entry = store.audit.append(Note(who, act, about, now, details))
    assert entry is not None, "without a document there is nothing that could be there already"  # noqa: S101
    return entry


def following(last: bytes, note: Note) -> bytes:
    """Return the entry, as it is stored, that says this after the entry `last` (empty: it is the first).

    After an entry that cannot be read the chain begins anew, so that nobody can stop all acts, a suspension among them,
    by spoiling one entry; `verify` names it.
    """
    before = _read(last)
    previous = before.hash if before else digest(last) if last else GENESIS
    body = {
        "number": before.number + 1 if before else 1, "at": note.at, "who": note.who, "act": note.act,
        "about": note.about, "details": dict(note.details), "previous": previous,
    }  # fmt: skip
    return canonical_json({**body, "hash": _hash(body)}).encode()


def verify(
    entries: Iterable[bytes], *, head: str | None = None, documents: Mapping[str, str] | None = None, skipped: int = 0
) -> tuple[Fault, ...]:
    """Return everything that does not fit; empty: the log is whole, or the part of it that is given.

    head       the hash of an entry, as it was noted outside the ledger
    documents  SHA-256 of each experiment as it is stored, by key: the last entry about it must name it
    skipped    entries before these, which are not looked at: nor are experiments that only they are about
    """
    faults: list[Fault] = []
    told: dict[str, Any] = {}
    hashes: set[str] = set()
    before: Entry | None = None
    for place, stored in enumerate(entries, skipped + 1):
        entry = _read(stored)
        faults += _faults(place, stored, entry, before)
        before = entry
        if entry is not None:
            hashes.add(entry.hash)
            if "document" in entry.details:
                told[entry.about] = entry.details["document"]
    if head is not None and head.lower() not in hashes:
        what = "the noted head is not in the log: entries were cut off, or the log was written anew"
        faults.append(Fault(None, what))
    about = {key: told.get(f"experiment/{key}") for key in documents or ()}
    return (*faults, *_unlike(about, documents or {}, only_told=skipped > 0))


def _faults(place: int, stored: bytes, entry: Entry | None, before: Entry | None) -> Iterator[Fault]:
    if entry is None:
        yield Fault(place, "cannot be read: it was edited")
        return
    body = entry.model_dump(mode="json", exclude={"hash"})
    if _hash(body) != entry.hash or canonical_json({**body, "hash": entry.hash}).encode() != stored:
        yield Fault(place, "was edited: its content does not give its hash")
    expected = (before.number + 1, before.hash) if before else (1, GENESIS)
    if (place == 1 or before is not None) and (entry.number, entry.previous) != expected:
        yield Fault(place, "does not follow the entry before it: one was deleted, added, moved or edited")


def _read(stored: bytes) -> Entry | None:
    try:
        return Entry.model_validate_json(stored)
    except ValidationError:
        return None


def _unlike(told: Mapping[str, Any], documents: Mapping[str, str], *, only_told: bool) -> Sequence[Fault]:
    """Experiments that are not as their last entry says."""
    return [
        Fault(None, f"experiment '{key}' is not as its last entry says: the entry was cut off, or it was edited")
        for key, digest in sorted(documents.items())
        if told[key] != digest and not (only_told and told[key] is None)
    ]


def _hash(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(body).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Checked:
    """The log as it is: entries that can be read, what does not fit, the head to note elsewhere (None: no entry).

    `skipped` entries before these were not looked at.
    """

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]
    head: str | None
    skipped: int


def check(store: Store, head: str | None = None, *, last: int | None = None) -> Checked:
    """Read the log, or its last entries, and hold it against itself, the experiments and a noted head."""
    for _ in range(TRIES):
        documents, length = store.documents.digests(), store.audit.length()
        skipped = max(0, length - last) if last else 0
        stored = tuple(store.audit.entries(skipped))
        if documents == store.documents.digests():
            break  # no act came between
    entries = decoded(stored)
    faults = verify(stored, head=head, documents=documents, skipped=skipped)
    return Checked(entries, faults, entries[-1].hash if entries else None, skipped)


def decoded(stored: Iterable[bytes]) -> tuple[Entry, ...]:
    """Entries as values; what cannot be read is left out (`verify` names it)."""
    return tuple(entry for entry in map(_read, stored) if entry is not None)


def digest(document: str | bytes) -> str:
    """SHA-256, in hex, of a document as it is stored."""
    return hashlib.sha256(document.encode() if isinstance(document, str) else document).hexdigest()
