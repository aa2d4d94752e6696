"""A unit on its way to the ledger: from its hash to the places where its rows may be."""

from __future__ import annotations

from typing import NamedTuple

from experiments import assignment
from experiments.catalogue import Live
from experiments.runtime import Runtime
from experiments.store.acts import Slot


class Unit(NamedTuple):
    """`unit` are the 16 bytes of the hash that stand for it, `now` is in unix seconds."""

    live: Live
    unit: bytes
    now: int

    @property
    def shard(self) -> int:
        return assignment.shard(self.unit, len(self.live.tags))

    def slots(self, runtime: Runtime) -> list[Slot]:
        """Where its rows may be, the newest open day first. Raises StoreUnavailable for want of a day key."""
        live, shard = self.live, self.shard
        days = live.open_days(self.now)
        if live.version.definition.unit == "view":
            days = days[:1]
        return [self._slot(runtime, live, shard, day, sealed) for day, sealed in days]

    def _slot(self, runtime: Runtime, live: Live, shard: int, day: int, sealed: int) -> Slot:
        key = runtime.day_key(day, self.now)
        name = assignment.pseudonym(key, live.experiment, live.version.number, self.unit)
        return Slot(live.tags[shard], day, sealed - self.now, runtime.pages_if_known(live, shard, day), name)


def slot_of(runtime: Runtime, live: Live, shard: int, day: int, name: bytes, now: int) -> Slot:
    """Where a pseudonym's row of one day is; kept until the day is sealed."""
    seconds = max(1, live.version.sealed_at(day) - now)
    return Slot(live.tags[shard], day, seconds, runtime.pages_if_known(live, shard, day), name)
