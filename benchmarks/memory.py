"""Bytes per session in the ledger: `python -m benchmarks.memory [--sessions 1000000] [--rows 100] [--json]`.

Every field of every row is filled. `rows` is how many share a page on average. Row layout, page keys, page expiry,
counts and the day's number of pages are all included: it is the server's used_memory after, minus before.
"""

from __future__ import annotations

from typing import Any

import redis

from benchmarks import rows, servers, told
from experiments.store import keys
from experiments.store.ledger import ROWS_PER_PAGE


def main() -> None:
    options = told.arguments(__doc__, sessions=1_000_000, rows=ROWS_PER_PAGE)
    pages = max(64, -(-options.sessions // options.rows))
    with servers.running(fsync="no") as server, server.client() as client:
        before = used(client)
        rows.write(client, options.sessions, pages)
        for_rows = used(client) - before
        rows.write_counts(client, options.sessions, pages)
        total = used(client) - before
        found = {"versions": told.versions(client), "sessions": options.sessions, "pages": pages, **held(client)}
    found |= {"bytes_per_session": total / options.sessions, "of_rows": for_rows / options.sessions}
    head = ("sessions", "rows held", "pages", "fullest page, rows", "encodings", "bytes per session", "without counts")
    row = (
        f"{options.sessions:,}", f"{found['rows']:,}", f"{pages:,}", found["fullest"], found["encodings"],
        f"{found['bytes_per_session']:.2f}", f"{found['of_rows']:.2f}",
    )  # fmt: skip
    told.tell(options, found, head, [row])


def used(client: redis.Redis) -> int:
    return int(client.info("memory")["used_memory"])


def held(client: redis.Redis) -> dict[str, Any]:
    """Rows that are really there, the fullest page, and how pages are encoded."""
    names = list(client.scan_iter(keys.page(rows.TAG, rows.DAY, 0)[:-1] + "*", count=10_000))
    pipe = client.pipeline(transaction=False)
    for name in names:
        pipe.hlen(name)
        pipe.object("encoding", name)
        pipe.ttl(name)
    answers = pipe.execute()
    if min(answers[2::3]) < 0:
        raise SystemExit("a page without an expiry")
    encodings = ", ".join(sorted({e.decode() for e in answers[1::3]}))
    return {"rows": sum(answers[::3]), "fullest": max(answers[::3]), "encodings": encodings}


if __name__ == "__main__":
    main()
