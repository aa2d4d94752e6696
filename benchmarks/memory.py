"""Bytes per session in the ledger: 1 000 000 sessions written by the real scripts, every field of the row filled.

The pages are those that `Runtime` chooses when yesterday had as many units. Row layout, page keys, page
expiry and counters are all included: it is the server's used_memory after, minus before.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

import redis

from benchmarks import servers
from experiments.store.keys import tag
from experiments.store.ledger import ROWS_PER_PAGE, Ledger, Slot
from experiments.store.rows import Row

NOW = 20_780 * 86_400 + 40_000
WINDOW, SECONDS, MASKS = 86_400, 100_000, "1023,819,65536"
SHARD = tag("four-lines-uk", 1, "0")


BATCH = 2000


class Later(int):
    """Stands for an answer that comes with the batch."""

    def __iter__(self) -> Iterator[int]:
        return iter((0, 0, 0, 0))


class Batched:
    """A client that sends the real scripts in pipelines, because only the memory is of interest here."""

    def __init__(self, client: Any) -> None:
        self.pipe = client.pipeline(transaction=False)

    def evalsha(self, *args: Any) -> Later:
        self.pipe.evalsha(*args)
        if len(self.pipe) >= BATCH:
            self.pipe.execute()
        return Later()


def main(sessions: int, per_page: int) -> None:
    with servers.ledger(fsync="no") as url:
        client = redis.Redis.from_url(url)
        pages = max(64, -(-sessions // per_page))
        write(Ledger(client, client), 0, pages)  # the server learns the scripts
        client.flushdb()
        before = client.info("memory")["used_memory"]
        batched = Batched(client)
        for number in range(sessions):
            write(Ledger(batched, client), number, pages)
        batched.pipe.execute()
        used = client.info("memory")["used_memory"] - before
        report(client, used, sessions, pages)


def report(client: Any, used: int, sessions: int, pages: int) -> None:
    version = client.info("server")["redis_version"]
    names = list(client.scan_iter("sp:*:r:*", count=10_000))
    pipe = client.pipeline(transaction=False)
    for name in names:
        pipe.hlen(name)
        pipe.object("encoding", name)
    answers = pipe.execute()
    rows, encodings = sum(answers[::2]), sorted({e.decode() for e in answers[1::2]})
    print(f"redis {version}: {rows} rows of {sessions} sessions on {pages} pages ({', '.join(encodings)})")
    print(f"{used / sessions:.2f} bytes per session")


def write(ledger: Ledger, number: int, pages: int) -> None:
    """One session through assignment with exposure and two outcomes: every field of its row is in use."""
    slot = Slot(SHARD, 20_780, SECONDS, pages, os.urandom(8))
    row = Row(variant=number % 12, phase=3, surface=number % 3, stratum=1 + number % 5)
    ledger.assign(
        [slot], now=NOW + number % 40_000, word=row.word(), shown=True, window=WINDOW, life=3600, pause=60,
        locale="en", closed=(), masks=MASKS,
    )  # fmt: skip
    ledger.outcome([slot], at=NOW + number % 40_000 + 100, bit=number % 16, window=WINDOW, masks=MASKS)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, int(sys.argv[2]) if len(sys.argv) > 2 else ROWS_PER_PAGE)
