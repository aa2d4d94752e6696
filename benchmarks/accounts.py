"""What the ledger holds, to be held against the receipts."""

from __future__ import annotations

import time

from benchmarks.service import Service

REPLAY = 60.0  # seconds in which the spool has to be empty again
LOOK = 0.5


def recorded(service: Service) -> int:
    """Units assigned, by the counts in the ledger."""
    total = 0
    for server in service.ledger:
        with server.client() as client:
            names = list(client.scan_iter("sp:*:c:*", count=10_000))
            total += sum(int(n) for name in names for field, n in client.hgetall(name).items() if field.endswith(b".a"))
    return total


def settled(service: Service, wanted: int = 0) -> int:
    """The same when no more come, and all that was spooled has had the time to be replayed."""
    end, last = time.monotonic() + REPLAY, -1
    while ((found := recorded(service)) < wanted or found != last) and time.monotonic() < end:
        last = found
        time.sleep(LOOK)
    return found
