"""Who looked at a result while it could still change something: one hash for each version."""

from __future__ import annotations

from experiments.audit import Note
from experiments.store import keys
from experiments.store.audit import Audit, Kept
from experiments.store.connection import Client, translated


class Looks:
    """Looks by `<sealed until> <who>`; each is there once."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def has(self, experiment: str, version: int, name: str) -> bool:
        """Whether this look is known."""
        with translated():
            return bool(self.client.hexists(keys.looks(experiment, version), name))

    def add(self, experiment: str, version: int, name: str, document: str, note: Note) -> None:
        """Keep a look, with its entry in the audit log; nothing if it is known."""
        Audit(self.client).append(note, Kept(keys.looks(experiment, version), name, document, new=True))

    def of(self, experiment: str, version: int) -> list[bytes]:
        """All looks, in no order."""
        with translated():
            return list(self.client.hvals(keys.looks(experiment, version)))
