"""What waits in the hosts' spools, told to the ledger so that results can say it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from experiments.runtime import Runtime
from experiments.store import Store


def tell(runtime: Runtime, now: float) -> None:
    """Let the ledger know what waits on this host. Raises StoreUnavailable."""
    spool = runtime.spool
    if spool is None or not spool.exists or not spool.take_turn():
        return
    held = spool.waiting()
    runtime.store.documents.tell_spool(spool.id, json.dumps({"at": int(now), "events": held}) if held else None)


def held(store: Store, tags: Sequence[str]) -> tuple[int, int]:
    """Events of an experiment with these shards that wait, and that were set aside. Raises StoreUnavailable."""
    waits = aside = 0
    for text in store.documents.spools():
        events = json.loads(text)["events"]
        for tag in tags:
            of_shard = events.get(tag, (0, 0))
            waits, aside = waits + of_shard[0], aside + of_shard[1]
    return waits, aside


def notices(store: Store, tags: Sequence[str]) -> tuple[str, ...]:
    """Sentences for the report of an experiment with these shards. Raises StoreUnavailable."""
    return told(*held(store, tags))


def told(waits: int, aside: int) -> tuple[str, ...]:
    """Sentences for the report of an experiment of which so many events wait, and so many were set aside."""
    found = []
    if waits:
        found.append(f"Events that wait to be counted since an outage: {waits}.")
    if aside:
        found.append(f"Events that could not be written and were set aside for people to look at: {aside}.")
    return tuple(found)
