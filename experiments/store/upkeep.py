"""What keeps a deleted row from living on in the ledger's files.

Redis forgets an expired key when it happens to come across it, and its append-only file keeps every command until the
file is rewritten. So the rows of a sealed day are deleted by name, and then each server rewrites its file: one after
the other, because a rewrite takes memory, disk and time that requests need, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import redis

from experiments.errors import StoreUnavailable
from experiments.store import keys
from experiments.store.connection import Client, is_cluster, translated

LONGEST = 1800.0  # seconds that a file may take
LONGEST_BEHIND = 60.0  # seconds that a replica may need to get what its primary has
LOOK_SECONDS = 0.05
PAGES_AT_ONCE = 200

Place = tuple[str, int]
Options = dict[str, Any]


class Upkeep:
    """The ledger and every server that keeps a copy of it."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @contextmanager
    def servers(self) -> Iterator[dict[str, Client]]:
        """Every server by name: of a cluster all nodes, else the one behind the address, and its replicas."""
        with translated():
            here = {} if is_cluster(self.client) else {"ledger": self.client}
            places, options = _replicas(self.client) if here else _nodes(self.client)
        with ExitStack() as stack:  # connections of our own: those of requests know yesterday's nodes
            for host, port in places:
                pool = redis.ConnectionPool(host=host, port=port, **options)
                stack.callback(pool.disconnect)
                here[f"{host}:{port}"] = redis.Redis(connection_pool=pool)
            yield here

    def rewritten(self) -> dict[str, int]:
        """When each server's file was rewritten last, in unix seconds."""
        with translated():
            return {name.decode(): int(at) for name, at in self.client.hgetall(keys.REWRITTEN).items()}

    def note_rewritten(self, server: str, at: int) -> None:
        """Remember that a server's file holds nothing that was deleted by then."""
        with translated():
            self.client.hset(keys.REWRITTEN, server, at)

    def drop_rows(self, tag: str, days: Sequence[int]) -> None:
        """Delete what is left of the rows of these days."""
        if not days:
            return
        with translated():
            held = self.client.hmget(keys.days(tag), [str(day) for day in days])
            for day, pages in zip(days, held, strict=True):
                names = [keys.page(tag, day, number) for number in range(int(pages or 0))]
                for first in range(0, len(names), PAGES_AT_ONCE):
                    self.client.execute_command("UNLINK", *names[first : first + PAGES_AT_ONCE])


def reached(servers: Iterable[Client]) -> dict[str, int]:
    """How far each primary has written, by the name under which its replicas know its writes."""
    found = {}
    for server in servers:
        with suppress(redis.RedisError, OSError):  # one that is away is met again when it shall rewrite
            told = server.info("replication")
            if told["role"] == "master":
                found[str(told["master_replid"])] = int(told["master_repl_offset"])
    return found


def rewrite(server: Client, after: Mapping[str, int] | None = None) -> None:
    """Let a server rewrite its files, one by one, and wait for the end. Raises StoreUnavailable if that fails.

    A replica waits first until it is as far as its primary was (`after`, see `reached`): else what was deleted there
    would be in its new files.
    """
    with translated():
        _follow(server, after or {})
        if _settled(server)["aof_enabled"]:
            server.bgrewriteaof()  # after any that was under way: that one may hold what has been deleted since
            if _settled(server)["aof_last_bgrewrite_status"] != "ok":
                raise StoreUnavailable("the append-only file could not be rewritten; the server's log says why")
        if _may_have_dump(server.info()):
            server.bgsave()
            if _settled(server)["rdb_last_bgsave_status"] != "ok":
                raise StoreUnavailable("the RDB file could not be rewritten; the server's log says why")


def _follow(server: Client, after: Mapping[str, int]) -> None:
    until = time.monotonic() + LONGEST_BEHIND
    while True:
        told = server.info("replication")
        if told["role"] == "master" or int(told["slave_repl_offset"]) >= after.get(str(told["master_replid"]), 0):
            return
        if time.monotonic() > until:
            raise StoreUnavailable("the replica is too far behind its primary to rewrite its file now")
        time.sleep(LOOK_SECONDS)


def _may_have_dump(told: dict[str, Any]) -> bool:
    """A replica keeps the file in which it got its data, and Redis 6.2 the one in which it gave them away."""
    started = told["server_time_usec"] // 1_000_000 - told["uptime_in_seconds"]
    return bool(told["role"] == "slave" or told["rdb_last_save_time"] > started + 2)  # at first it is the start


def _settled(server: Client) -> dict[str, Any]:
    """Wait until no rewrite is under way or about to begin; returns what the server says then."""
    until = time.monotonic() + LONGEST
    while True:
        told: dict[str, Any] = server.info("persistence")
        if not any(
            told[name] for name in ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")
        ):
            return told
        if time.monotonic() > until:
            raise StoreUnavailable("the append-only file takes too long to be rewritten")
        time.sleep(LOOK_SECONDS)


def _nodes(cluster: Client) -> tuple[list[Place], Options]:
    """All nodes of a cluster, masters first, as it says now; and how its client reaches them."""
    parts = list(cluster.cluster_slots().values())
    found = [part["primary"] for part in parts] + [replica for part in parts for replica in part["replicas"]]
    options = {name: value for name, value in cluster.get_connection_kwargs().items() if name not in ("host", "port")}
    return list(dict.fromkeys((str(one[0]), int(one[1])) for one in found)), options


def _replicas(primary: Client) -> tuple[list[Place], Options]:
    """Replicas under the addresses by which their primary knows them, with our own credentials."""
    pool, told = primary.connection_pool, primary.info("replication")
    options = {name: value for name, value in pool.connection_kwargs.items() if name not in ("path", "host", "port")}
    secure = issubclass(pool.connection_class, redis.SSLConnection)
    options["connection_class"] = redis.SSLConnection if secure else redis.Connection
    found = [told.get(f"slave{number}", {}) for number in range(told.get("connected_slaves", 0))]
    # A backup that is being made looks like a replica without a port.
    return [(str(one["ip"]), int(one["port"])) for one in found if int(one.get("port", 0))], options
