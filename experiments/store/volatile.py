"""Day keys: random, shared by all processes, in a store that forgets; and whose turn it is to do a day's work.

Without day keys nobody can link a session to a row. Processes keep a copy in memory and re-seed an emptied
store; only the loss of the store and of every process at once makes a new key for a day in progress.
"""

from __future__ import annotations

from experiments.store import keys
from experiments.store.connection import Client, translated


class Volatile:
    """The store of day keys and turns."""

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

    def held_key(self, day: int) -> bytes | None:
        """Return the day's key, or None while nobody has offered one."""
        with translated():
            held = self.client.get(keys.day_key(day))
        return None if held is None else bytes(held)

    def forget(self, day: int) -> None:
        """Drop a sealed day's key."""
        with translated():
            self.client.delete(keys.day_key(day))

    def take_turn(self, experiment: str, version: int, day: int, seconds: int) -> bool:
        """Tell whether it is this process's turn to look at a sealed day; nobody else's for so many seconds.

        It spares work and promises nothing: the store may have forgotten, and the ledger compares before it writes.
        """
        with translated():
            return bool(self.client.set(keys.turn(experiment, version, day), b"1", nx=True, ex=seconds))

    def end_turn(self, experiment: str, version: int, day: int, seconds: int) -> None:
        """Note that a sealed day was looked at, for so many seconds."""
        with translated():
            self.client.set(keys.turn(experiment, version, day), b"1", ex=seconds)

    def take_look(self, seconds: int) -> bool:
        """Tell whether it is this process's turn to see to what is to be deleted; nobody else's for so many seconds."""
        with translated():
            return bool(self.client.set(keys.RETENTION, b"1", nx=True, ex=seconds))

    def take_alerts(self, seconds: int) -> bool:
        """Tell whether it is this process's turn to look for alerts; nobody else's for so many seconds."""
        with translated():
            return bool(self.client.set(keys.ALERTS_TURN, b"1", nx=True, ex=seconds))

    def end_alerts(self) -> None:
        """Let another process look for alerts."""
        with translated():
            self.client.delete(keys.ALERTS_TURN)

    def end_look(self, seconds: int) -> None:
        """Note that it was seen to; nobody has to look again for so many seconds."""
        with translated():
            self.client.set(keys.RETENTION, b"1", ex=seconds)
