"""Day keys: random, shared by all processes, in a store that forgets.

Without them nobody can link a session to a row. Processes keep a copy in memory and re-seed an emptied
store; only the loss of the store and of every process at once makes a new key for a day in progress.
"""

from __future__ import annotations

from experiments.store import keys
from experiments.store.connection import Client, translated


class Volatile:
    """The store of day keys."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def day_key(self, day: int, proposal: bytes, seconds: int) -> bytes:
        """Offer a key for a day and adopt what is there; kept for `seconds`, until the day is sealed."""
        with translated():
            pipe = self.client.pipeline(transaction=False)
            pipe.set(keys.day_key(day), proposal, nx=True, ex=max(1, seconds))
            pipe.get(keys.day_key(day))
            held = pipe.execute()[1]
        return bytes(held) if held is not None else proposal

    def forget(self, day: int) -> None:
        """Drop a sealed day's key."""
        with translated():
            self.client.delete(keys.day_key(day))
