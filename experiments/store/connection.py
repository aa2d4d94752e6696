"""Clients for a URL, with our own time-outs and no retries of their own.

redis-py repeats a command up to ten times when a reply is late; our scripts are safe to repeat, but a
person waits, so one try it is. Every error of redis-py becomes `StoreUnavailable` at this boundary.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import RedisClusterException
from redis.retry import Retry

from experiments.errors import InvalidInput, StoreUnavailable

Client = Any  # redis.Redis or RedisCluster: their stubs share no useful base
CLUSTER = "+cluster"
CONNECTIONS = 10_000  # to one server: two for each shard that was ever written to. redis-py's own limit is 100


def connect(url: str, *, timeout: float) -> Client:
    """Return a client for redis://, rediss://, unix:// or redis+cluster:// (one node's address is enough)."""
    options: dict[str, Any] = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "max_connections": CONNECTIONS,
    }
    scheme = url.partition("://")[0]
    if scheme not in ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster"):
        raise InvalidInput(f"'{scheme}' is no store address; use redis://, rediss://, unix:// or redis+cluster://")
    try:
        _ = urlsplit(url).port
    except ValueError:
        # Never the address itself: it holds a password.
        raise InvalidInput("a store address cannot be read; write / and @ in a password as %2F and %40") from None
    if scheme.endswith(CLUSTER):
        return _Cluster(lambda: RedisCluster.from_url(url.replace(CLUSTER, "", 1), **options))
    return redis.Redis.from_url(url, **options)


class _Cluster:
    """A cluster's client, made by the first call: redis-py's own connects while it is made."""

    def __init__(self, make: Callable[[], RedisCluster]) -> None:
        self._make = make
        self._made: RedisCluster | None = None
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._make()
        return getattr(self._made, name)

    def close(self) -> None:
        if self._made is not None:
            self._made.close()


def is_cluster(client: Client) -> bool:
    """Tell whether the keys behind the client lie on several servers."""
    return isinstance(client, _Cluster)


def everywhere(client: Client) -> dict[str, Any]:
    """Options that send a command to every server behind the client, not to any one."""
    return {"target_nodes": RedisCluster.ALL_NODES} if is_cluster(client) else {}


@contextmanager
def translated() -> Iterator[None]:
    """Turn any failure of the client or the server into StoreUnavailable."""
    try:
        yield
    except (redis.RedisError, RedisClusterException, OSError) as error:  # the second is no RedisError
        raise StoreUnavailable(f"the store did not answer: {type(error).__name__}") from error
