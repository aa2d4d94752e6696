"""Final reports: what a version's result was when it was concluded. Written then, never changed."""

from __future__ import annotations

import zlib

from experiments.store import keys
from experiments.store.connection import Client, translated


class Finals:
    """One packed document for each concluded version."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def keep(self, experiment: str, version: int, document: str) -> None:
        """Keep the final report. It is written just before the version is concluded, so a second try replaces it."""
        with translated():
            self.client.hset(keys.FINALS, keys.final(experiment, version), zlib.compress(document.encode(), 9))

    def of(self, experiment: str, version: int) -> str | None:
        """Return the final report; None: there is none."""
        with translated():
            packed = self.client.hget(keys.FINALS, keys.final(experiment, version))
        return None if packed is None else zlib.decompress(packed).decode()
