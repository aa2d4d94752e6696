"""What every server behind a client tells of itself, in one round trip each. Reads, judges nothing, writes nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from experiments.store import keys
from experiments.store.connection import Client, is_cluster, translated

MOST_PAGES = 2_000
NEIGHBOUR_SECONDS = 0.5  # a replica that we cannot reach must not keep a report waiting
SETTINGS = (
    "appendonly", "appendfsync", "no-appendfsync-on-rewrite", "maxmemory-policy", "save", "slowlog-log-slower-than",
    "crash-log-enabled", "hide-user-data-from-log", "aof-timestamp-enabled", "hash-max-ziplist-entries", "dir",
    "appenddirname", "appendfilename",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Replica:
    """A connected replica as its primary sees it: address, and whether it follows."""

    host: str
    port: int
    is_online: bool


@dataclass(frozen=True, slots=True)
class Node:
    """One server. `name` is its address, empty if there is only one; `settings` None if it does not show them.

    `ahead` is its clock minus ours in seconds, as exact as half a round trip.
    """

    name: str
    info: Mapping[str, Any]
    settings: Mapping[str, str] | None
    ahead: float

    @property
    def kind(self) -> str:
        return kind_and_version(self.info)[0]

    @property
    def version(self) -> tuple[int, ...]:
        return kind_and_version(self.info)[1]

    @property
    def is_primary(self) -> bool:
        return self.info.get("role") != "slave"

    @property
    def replicas(self) -> tuple[Replica, ...]:
        told = [value for name, value in self.info.items() if re.fullmatch(r"slave\d+", name)]
        return tuple(
            Replica(str(one["ip"]), int(one["port"]), one.get("state") == "online")
            for one in told
            if isinstance(one, dict) and "ip" in one and "port" in one
        )

    @property
    def online(self) -> int:
        """Replicas that follow it."""
        return sum(replica.is_online for replica in self.replicas)

    def __str__(self) -> str:
        return f"{self.kind} {'.'.join(map(str, self.version))}"


def kind_and_version(info: Mapping[str, Any]) -> tuple[str, tuple[int, ...]]:
    """Who it is, from INFO server. Valkey also tells a `redis_version`, that of the Redis it can stand in for."""
    kind = "valkey" if info.get("valkey_version") else "redis"
    return kind, tuple(map(int, re.findall(r"\d+", str(info.get(f"{kind}_version", "")))[:3]))


def nodes(
    client: Client, *, neighbours: bool = False, clock: Callable[[], float] = time.time,
    silent: list[str] | None = None,
) -> list[Node]:  # fmt: skip
    """Ask every server behind the client; `neighbours` asks replicas that only their primary knows, too.

    A replica that cannot be reached is left out. Raises StoreUnavailable when a primary does not answer, or puts the
    name of a cluster's into `silent`.
    """
    with translated():
        found = _cluster(client, clock, silent) if is_cluster(client) else [(client, _ask(client, "", clock))]
    more = [one for at, node in found if neighbours for one in _neighbours(at, node, clock)]
    return _distinct([node for _, node in found] + more)


def _distinct(found: Iterable[Node]) -> list[Node]:
    """Each server once, whatever it is called."""
    by_run: dict[str, Node] = {}
    for node in found:
        by_run.setdefault(str(node.info.get("run_id", node.name)), node)
    return list(by_run.values())


def _cluster(client: Client, clock: Callable[[], float], silent: list[str] | None) -> list[tuple[Client, Node]]:
    """Every node; after a failover the client's map may be old, so it is drawn anew before giving up."""
    try:
        return list(_members(client, clock))
    except (redis.ConnectionError, redis.TimeoutError):
        client.nodes_manager.initialize()
        return list(_members(client, clock, silent))


def _members(
    client: Client, clock: Callable[[], float], silent: list[str] | None = None
) -> Iterable[tuple[Client, Node]]:
    for member in client.get_nodes():
        try:
            connected = client.get_redis_connection(member)
            yield connected, _ask(connected, str(member.name), clock)
        except (redis.ConnectionError, redis.TimeoutError):
            if member.server_type != "primary":
                continue
            if silent is None:
                raise
            silent.append(str(member.name))


def _neighbours(client: Client, primary: Node, clock: Callable[[], float]) -> Iterable[Node]:
    for replica in primary.replicas:
        with suppress(redis.RedisError, OSError), _beside(client, replica) as connected:
            yield _ask(connected, f"{replica.host}:{replica.port}", clock)


def _beside(client: Client, replica: Replica) -> redis.Redis:
    """A client of a replica, let in by what its primary lets us in with."""
    pool = client.connection_pool
    told = pool.connection_kwargs
    kept = {name: told[name] for name in told if name in ("username", "password") or name.startswith("ssl_")}
    return redis.Redis(
        host=replica.host, port=replica.port, ssl=issubclass(pool.connection_class, redis.SSLConnection), protocol=2,
        socket_timeout=NEIGHBOUR_SECONDS, socket_connect_timeout=NEIGHBOUR_SECONDS, retry=Retry(NoBackoff(), 0), **kept,
    )  # fmt: skip


def _ask(client: Client, name: str, clock: Callable[[], float]) -> Node:
    pipe = client.pipeline(transaction=False)
    pipe.time()
    pipe.info()
    for setting in SETTINGS:
        pipe.config_get(setting)
    before = clock()
    told, info, *settings = pipe.execute(raise_on_error=False)
    after = clock()
    if isinstance(info, Exception):
        raise info
    return Node(name, info, _shown(settings), _seconds(told) - (before + after) / 2)


def _shown(answers: Iterable[Any]) -> dict[str, str] | None:
    """The settings; None where CONFIG is renamed, forbidden or empty, as managed services have it."""
    found: dict[str, str] = {}
    for answer in answers:
        if isinstance(answer, Exception):
            return None
        found.update(answer)
    return found if "appendfsync" in found else None


def _seconds(told: Any) -> float:
    seconds, microseconds = told
    return float(seconds) + float(microseconds) / 1e6


def held_days(volatile: Client, days: Iterable[int]) -> dict[int, bool]:
    """Which days have a key. The keys themselves stay where they are."""
    with translated():
        return {day: bool(volatile.exists(keys.day_key(day))) for day in days}


def fullest_page(ledger: Client, places: Iterable[tuple[str, int]]) -> int:
    """Rows in the fullest page of each tag and day. Of very many pages, some thousand: rows fall evenly."""
    return max((_fullest(ledger, tag, day) for tag, day in places), default=0)


def _fullest(ledger: Client, tag: str, day: int) -> int:
    with translated():
        pages = int(ledger.hget(keys.days(tag), str(day)) or 0)
        pipe = ledger.pipeline(transaction=False)
        for number in range(0, pages, max(1, pages // MOST_PAGES)):
            pipe.hlen(keys.page(tag, day, number))
        return max(map(int, pipe.execute()), default=0)
