"""Alerts and what became of them: small documents by their id."""

from __future__ import annotations

from experiments.store import keys
from experiments.store.connection import Client, translated

MOST = 1000  # kept; the oldest go


class Alerts:
    """A hash of alerts (JSON), and of the days that were looked at."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def add(self, name: str, document: str) -> bool:
        """Keep an alert unless it is known already; tells whether it was new."""
        with translated():
            return bool(self.client.hsetnx(keys.ALERTS, name, document))

    def save(self, name: str, document: str) -> None:
        """Write what became of an alert."""
        with translated():
            self.client.hset(keys.ALERTS, name, document)

    def all(self) -> list[bytes]:
        """Every alert, in no order."""
        with translated():
            return list(self.client.hvals(keys.ALERTS))

    def forget(self, names: list[str]) -> None:
        """Drop alerts."""
        with translated():
            self.client.hdel(keys.ALERTS, *names)

    def seen(self) -> dict[str, int]:
        """The last sealed day whose result was looked at, by `<experiment>.<version>`."""
        with translated():
            return {name.decode(): int(day) for name, day in self.client.hgetall(keys.ALERTS_SEEN).items()}

    def note_seen(self, version: str, day: int) -> None:
        """Note that a sealed day's result was looked at."""
        with translated():
            self.client.hset(keys.ALERTS_SEEN, version, day)
