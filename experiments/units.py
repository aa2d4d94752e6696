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

    def slot(self, runtime: Runtime, day: int) -> Slot:
        live = self.live
        name = assignment.pseudonym(runtime.day_key(day, self.now), live.experiment, live.version.number, self.unit)
        return slot_of(runtime, live, self.shard, day, name, self.now)

    def slots(self, runtime: Runtime) -> list[Slot]:
        days = self.live.version.open_days(self.now)
        if self.live.version.definition.unit == "view":
            days = days[:1]
        return [self.slot(runtime, day) for day in days]


def slot_of(runtime: Runtime, live: Live, shard: int, day: int, name: bytes, now: int) -> Slot:
    """Where a pseudonym's row of one day is; kept until the day is sealed."""
    seconds = max(1, live.version.sealed_at(day) - now)
    return Slot(live.tags[shard], day, seconds, runtime.pages_if_known(live, shard, day), name)
