"""What an assignment and an outcome add to the ledger's append-only file, by how many share a call of the script.

`python -m benchmarks.file_bytes [--acts 2000]`

Assignments with their exposure, by a partner's server, each of a new unit; then an outcome of each. The file is
rewritten first, and holds no page's beginning: pages are there already.
"""

from __future__ import annotations

import os
import time

from benchmarks import servers, told
from experiments.store import acts
from experiments.store.acts import Slot, Terms
from experiments.store.connection import connect
from experiments.store.keys import tag
from experiments.store.lane import Lane

SHARD = tag("four-lines-uk", 1, "0")
PAGES = 64
TERMS = Terms(86_400, 3_600, 60, (1023, 819, 65_536))


def _slots(day: int) -> list[Slot]:
    return [Slot(SHARD, day - back, 90_000, PAGES, os.urandom(8)) for back in range(2)]


def main() -> None:
    options = told.arguments(__doc__, acts=2000)
    now, rows = int(time.time()), []
    with servers.running() as server, server.client() as client:
        lane = Lane(connect(server.url, timeout=5.0), SHARD)

        def added(batch: list[acts.Act], together: int) -> float:
            before = int(client.info("persistence")["aof_current_size"])
            for begin in range(0, len(batch), together):
                lane.write(batch[begin : begin + together], 5.0)
            return (int(client.info("persistence")["aof_current_size"]) - before) / len(batch)

        for together in (1, 1, 8, 32, 250):  # the first one makes the pages
            units = [_slots(now // 86_400) for _ in range(options.acts)]
            rows.append(
                (
                    together,
                    added([_shown(unit, now) for unit in units], together),
                    added([_sought(unit, now) for unit in units], together),
                )
            )
        lane.close()
        versions = told.versions(client)
    rows = rows[1:]
    head = ("acts in a call", "assignment with exposure, bytes", "outcome, bytes")
    told.tell(options, {"rows": rows, "versions": versions}, head, [(n, f"{a:.0f}", f"{o:.0f}") for n, a, o in rows])


def _shown(unit: list[Slot], now: int) -> acts.Act:
    return acts.assign(unit, TERMS, now=now, word=1 << 27, shown=True, locale="en", by_partner=True)


def _sought(unit: list[Slot], now: int) -> acts.Act:
    return acts.outcome(unit, TERMS, at=now, bit=4, what="help_sought", by_partner=True)


if __name__ == "__main__":
    main()
