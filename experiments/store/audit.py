"""The audit log: a list in the documents' slot, appended to by scripts only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from experiments.audit import Entry, Note, following
from experiments.errors import Stale
from experiments.store import keys
from experiments.store.connection import Client, translated
from experiments.store.scripts import Script

_APPEND = Script("append")
AT_ONCE = 1000
TRIES = 100  # while others append at the same time; each try lets one of them through
APPENDED, BETWEEN = 1, 0


class Kept(NamedTuple):
    """A document that changes in the same act as the log: hash, field, value.

    new     only where the field has no value yet; else neither document nor entry is written
    cached  processes cache it, so they are told to read it again
    """

    key: str
    field: str
    value: str
    new: bool = False
    cached: bool = False


class Audit:
    """Entries are chained by their writer, since Redis knows no SHA-256: whoever meets a new last entry tries again."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def append(self, note: Note, kept: Kept | None = None) -> Entry | None:
        """Append an entry, together with a document. None: the document was there already, so nothing happened."""
        names = [keys.AUDIT, *([kept.key] if kept else []), *([keys.CATALOGUE] if kept and kept.cached else [])]
        rest = [kept.field, kept.value, "new" if kept.new else ""] if kept else []
        for _ in range(TRIES):
            last = self.last()
            entry = following(last, note)
            code = _APPEND(self.client, names, [last, entry, *rest])
            if code != BETWEEN:
                return Entry.model_validate_json(entry) if code == APPENDED else None
        raise busy()

    def last(self) -> bytes:
        """The last entry as it is stored; empty: there is none."""
        with translated():
            return self.client.lindex(keys.AUDIT, -1) or b""

    def length(self) -> int:
        """How many entries there are."""
        with translated():
            return int(self.client.llen(keys.AUDIT))

    def entries(self, first: int = 0) -> Iterator[bytes]:
        """Entries as they are stored, oldest first, from a place on (0: the first)."""
        length = self.length()
        for at in range(first, length, AT_ONCE):
            with translated():
                part = self.client.lrange(keys.AUDIT, at, min(at + AT_ONCE, length) - 1)
            yield from part


def busy() -> Stale:
    """What is raised when the log could not be met at rest."""
    return Stale("too many acts at the same time; repeat yours")
