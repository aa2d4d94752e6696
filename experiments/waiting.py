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


def notices(store: Store, tags: Sequence[str]) -> tuple[str, ...]:
    """Sentences for the report of an experiment with these shards. Raises StoreUnavailable."""
    waits = aside = 0
    for text in store.documents.spools():
        told = json.loads(text)["events"]
        for tag in tags:
            of_shard = told.get(tag, (0, 0))
            waits, aside = waits + of_shard[0], aside + of_shard[1]
    found = []
    if waits:
        found.append(f"Events that wait to be counted since an outage: {waits}.")
    if aside:
        found.append(f"Events that could not be written and were set aside for people to look at: {aside}.")
    return tuple(found)
