"""The way to one shard: a queue that is written in groups, a connection, a breaker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import redis
from redis.exceptions import NoScriptError

from experiments.errors import StoreUnavailable
from experiments.store import keys
from experiments.store.acknowledgement import ALONE, Acknowledgement
from experiments.store.acts import Act, Told
from experiments.store.batch import Origin, answers, packed
from experiments.store.breaker import Breaker
from experiments.store.connection import Client
from experiments.store.group import Group
from experiments.store.scripts import Script
from experiments.store.waits import PLAINLY, Waits
from experiments.store.wire import Wire

MOST = 250  # acts in one call: some milliseconds of the server's time, in which it does nothing else
_BATCH = Script("row", "assign", "expose", "outcome", "batch")
_NOT_OURS = (
    "OOM", "READONLY", "MISCONF", "NOREPLICAS", "MASTERDOWN", "LOADING", "CLUSTERDOWN", "TRYAGAIN",
    "can't run this command",
)  # fmt: skip

Value = TypeVar("Value")


class Spoiled(StoreUnavailable):
    """The script fails on this act, whenever it is tried."""


class Lane:
    """Writes the acts of one shard. With `replicated`, seconds to wait for it, a write counts when a replica has it.

    People do not wait behind batches: those have a connection of their own (`patient`, with a longer time-out).
    """

    def __init__(
        self, client: Client, tag: str, replicated: float = 0.0, waits: Waits = PLAINLY,
        patient: Client | None = None,
    ) -> None:  # fmt: skip
        key = keys.days(tag)
        self._wire, self._batches = Wire(client, key), Wire(patient or client, key)
        self._turn, self._waits = threading.Lock(), waits
        self._milliseconds = int(1000 * replicated)
        self._after = None if replicated else ALONE
        self._breaker = Breaker()
        self._group: Group[Act, Told | Spoiled] = Group(self._write, most=MOST, waits=waits)
        self.fullest = 0

    @property
    def is_away(self) -> bool:
        """Whether the shard did not answer lately."""
        return self._breaker.is_open

    def write(self, acts: Sequence[Act], seconds: float) -> Sequence[Told | Spoiled]:
        """Write acts together with whatever else is waiting, an answer for each.

        Raises StoreUnavailable; they may be written all the same.
        """
        self._breaker.require()
        return self._group.submit(acts, seconds)

    def write_many(self, acts: Sequence[Act], origin: Origin | None = None) -> Sequence[Told | Spoiled]:
        """Write a batch at once; with `origin`, of a spool, leaving out what that has had written before.

        Then the answers end with the first one that is spoiled.
        """
        self._breaker.require()
        with self._waits.aside(), self._turn:
            return self._send(self._batches, acts, origin)

    def guarded(self, call: Callable[[], Value]) -> Value:
        """Do something else with the shard; its failures count, and nobody waits for it while it is away."""
        self._breaker.require()
        try:
            found = call()
        except StoreUnavailable:
            self._breaker.failed()
            raise
        self._breaker.worked()
        return found

    def close(self) -> None:
        self._wire.close()
        self._batches.close()

    def _write(self, acts: list[Act]) -> Sequence[Told | Spoiled]:
        return self._send(self._wire, acts)

    def _send(self, wire: Wire, acts: Sequence[Act], origin: Origin | None = None) -> Sequence[Told | Spoiled]:
        try:
            reply = self._call(wire, acts, origin)
        except StoreUnavailable:
            self._breaker.failed()
            self._after = None if self._milliseconds else ALONE  # after a failover it may be another server
            raise
        self._breaker.worked()
        if isinstance(reply, redis.ResponseError):
            return self._halved(wire, acts, origin)
        fullest, told = answers(reply)
        self.fullest = max(self.fullest, fullest)
        return told

    def _call(self, wire: Wire, acts: Sequence[Act], origin: Origin | None) -> Any:
        """The script's reply, or the error that is its own. Raises StoreUnavailable for every other failure."""
        names, document = packed(acts, origin)
        after = self._acknowledgement(wire)
        reply, *copies = wire.call(_BATCH.by_hash(names, document), *after.commands)
        if isinstance(reply, NoScriptError):
            reply, *copies = wire.call(_BATCH.by_text(names, document), *after.commands)
        if isinstance(reply, redis.ResponseError) and not _is_the_scripts(reply):
            raise StoreUnavailable(f"the store refused to write: {type(reply).__name__}")
        if not after.is_enough(copies):
            raise StoreUnavailable("the write is not on enough servers yet")
        return reply

    def _acknowledgement(self, wire: Wire) -> Acknowledgement:
        after = self._after
        if after is None:
            told = wire.call(("INFO", "server"))[0]
            after = self._after = Acknowledgement.of_a_replica(_fields(told), self._milliseconds)
        return after

    def _halved(self, wire: Wire, acts: Sequence[Act], origin: Origin | None) -> Sequence[Told | Spoiled]:
        """Find the act that the script fails on; all others go on.

        Of a spool, those behind it wait: once they are written, the spool counts as replayed beyond it.
        """
        if len(acts) == 1:
            return [Spoiled("the store cannot make sense of this event")]
        middle = len(acts) // 2
        if origin is None:
            return [*self._send(wire, acts[:middle]), *self._send(wire, acts[middle:])]
        told = self._send(wire, acts[:middle], origin._replace(numbers=origin.numbers[:middle]))
        if isinstance(told[-1], Spoiled):
            return told
        return [*told, *self._send(wire, acts[middle:], origin._replace(numbers=origin.numbers[middle:]))]


def _is_the_scripts(error: redis.ResponseError) -> bool:
    """Tell an error of the script's own from a server's that takes no writes now (it may quote the script, too).

    For most of the latter redis-py has a class, and then leaves their first word out of the text.
    """
    text = str(error)
    is_plain = type(error) is redis.ResponseError
    return is_plain and "user_script" in text and not any(word in text for word in _NOT_OURS)


def _fields(info: object) -> dict[str, str]:
    """INFO's lines as a mapping; empty when the server does not tell."""
    lines = info.decode().splitlines() if isinstance(info, bytes) else []
    return {name: value for name, colon, value in (line.partition(":") for line in lines) if colon}
