"""What the servers' real settings promise, held against the mode that is wanted."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import pytest
import redis

from app.wsgi import check
from experiments.errors import UnsafeStore
from experiments.results import make
from experiments.store import Store
from experiments.store.settings import MAY_BE_LOST, MODES, Condition, acknowledgement
from tests.conftest import DURABLE, NOON, Cluster, Server

QUICK = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")


def until(is_true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with suppress(redis.RedisError):
            if is_true():
                return
        time.sleep(0.05)
    raise AssertionError("it did not come true within 20 s")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def followers(server: Server) -> int:
    with server.client() as client:
        told = client.info("replication")
    return sum(told[f"slave{n}"]["state"] == "online" for n in range(told["connected_slaves"]))


@pytest.fixture
def listening(start_server) -> Callable[..., Server]:
    """A factory of servers that listen on a port, too, as replication needs it."""

    def start(*options: str) -> Server:
        port = free_port()
        server = start_server(*DURABLE, *QUICK, *options)
        with server.client() as client:
            client.config_set("protected-mode", "no")
            client.config_set("port", port)
        return Server(f"redis://127.0.0.1:{port}", server.folder, server.process)

    return start


@pytest.fixture
def followed(listening) -> Callable[[int], tuple[Server, list[Server]]]:
    """A factory of a primary with so many replicas that follow it."""

    def start(wanted: int) -> tuple[Server, list[Server]]:
        primary, replicas = listening(), [listening() for _ in range(wanted)]
        for replica in replicas:
            with replica.client() as client:
                client.replicaof("127.0.0.1", primary.url.rpartition(":")[2])
        until(lambda: followers(primary) == wanted)
        return primary, replicas

    return start


@contextmanager
def changed(server: Server, name: str, value: str) -> Iterator[None]:
    with server.client() as client:
        before = client.config_get(name)[name]
        client.config_set(name, value)
        try:
            yield
        finally:
            client.config_set(name, before)


@pytest.fixture
def condition(open_store, volatile_server) -> Callable[..., Condition]:
    """What is found behind a ledger's URL when a mode is wanted."""
    return lambda url, wanted="single": replace(open_store(url, volatile_server.url), durability=wanted).condition()


# ------------------------------------------------------------------------------------------ single, relaxed


def test_a_durable_store_is_safe(each_store):
    found = each_store.condition()
    assert (found.durability, found.problems, found.notices, found.lacking) == ("single", (), (), ())
    assert found.server.startswith("redis ")
    assert found.may_be_lost == MAY_BE_LOST["single"]
    found.require()


@pytest.mark.parametrize(
    ("options", "durability", "problems"),
    [
        (("--appendonly", "yes", "--appendfsync", "everysec"), "relaxed", 0),
        (("--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "yes"), "relaxed", 0),
        (("--appendonly", "no", "--appendfsync", "always"), "single", 1),
        (("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "allkeys-lru"), "single", 1),
        (("--appendonly", "no", "--maxmemory-policy", "volatile-ttl"), "relaxed", 2),
    ],
)
def test_what_would_lose_counts_is_refused(start_server, condition, options, durability, problems):
    server = start_server(*options)
    found = condition(server.url)
    assert found.durability == durability
    assert len(found.problems) == problems
    with pytest.raises(UnsafeStore):
        found.require()
    relaxed = condition(server.url, "relaxed")
    assert relaxed.durability == durability, "what holds does not depend on what is wanted"
    if problems:
        with pytest.raises(UnsafeStore):
            relaxed.require()
    else:
        relaxed.require()
        assert any("before it is on disk" in notice for notice in relaxed.notices)


def test_the_refusal_says_what_to_do(start_server, condition):
    with pytest.raises(UnsafeStore, match=r"appendfsync must be 'always'.*SIGNPOST_DURABILITY=relaxed"):
        condition(start_server("--appendonly", "yes", "--appendfsync", "everysec").url).require()


def test_settings_that_cannot_be_read_are_said_aloud(start_server, condition):
    hidden = start_server("--appendonly", "yes", "--rename-command", "CONFIG", "")
    found = condition(hidden.url)
    assert (found.durability, found.problems) == ("unverified", ())
    assert "unverified" in found.notices[0]
    found.require()


def test_settings_that_our_user_may_not_read_are_hidden_too(start_server, condition):
    server = start_server()
    with server.client() as client:
        client.execute_command("ACL SETUSER", "default", "-config")
        assert condition(server.url).durability == "unverified"


def test_a_volatile_store_that_writes_is_noticed(start_server, open_store, ledger_server):
    writing = start_server("--save", "60 1")
    notices = open_store(ledger_server.url, writing.url).condition().notices
    assert any("day keys" in notice for notice in notices)


def test_every_master_of_a_cluster_must_be_safe(cluster, volatile_server, open_store):
    store: Store = open_store(cluster.url, volatile_server.url)
    for master in cluster.masters:
        with changed(master, "maxmemory-policy", "allkeys-lru"):
            assert store.condition().problems, "one of three masters throws counts away"
        with changed(master, "appendfsync", "everysec"):
            assert store.condition().durability == "relaxed"
    assert not store.condition().problems
    assert store.condition().durability == "single"


# ------------------------------------------------------------------------------------------ replicated


def test_without_a_replica_nothing_is_replicated(ledger_server, condition):
    found = condition(ledger_server.url, "replicated")
    assert found.durability == "single"
    with pytest.raises(UnsafeStore, match=r"no replica follows the primary: connect 2 replicas"):
        found.require()


def test_two_replicas_are_what_it_takes(followed, condition):
    primary, replicas = followed(2)
    found = condition(primary.url, "replicated")
    assert (found.durability, found.lacking, found.notices) == ("replicated", (), ())
    found.require()
    assert condition(primary.url).durability == "single", "where nothing waits for replicas, they promise nothing"

    with changed(replicas[1], "appendfsync", "everysec"):
        with pytest.raises(UnsafeStore, match=r"'always' on the replicas too"):
            condition(primary.url, "replicated").require()
        condition(primary.url).require()
    with changed(replicas[0], "maxmemory-policy", "allkeys-lru"):
        assert condition(primary.url, "replicated").problems, "it may take over"

    replicas[0].stop()
    until(lambda: followers(primary) == 1)
    found = condition(primary.url, "replicated")
    found.require()  # the other one still has every write
    assert found.durability == "replicated"
    assert "A replica of the ledger is away" in found.notices[0]

    replicas[1].stop()
    until(lambda: followers(primary) == 0)
    with pytest.raises(UnsafeStore):
        condition(primary.url, "replicated").require()


def test_a_replica_behind_a_password_is_asked_with_the_primarys(followed, condition):
    primary, (replica,) = followed(1)
    for server in (replica, primary):
        with server.client() as client:
            client.config_set("masterauth", "s3cret")
            client.config_set("requirepass", "s3cret")
    url = primary.url.replace("redis://", "redis://:s3cret@")
    with redis.Redis.from_url(replica.url, password="s3cret") as client:
        client.config_set("appendfsync", "everysec")
    assert any("replicas too" in text for text in condition(url, "replicated").lacking)


def test_every_master_of_a_cluster_needs_its_replicas(cluster: Cluster, condition):
    until(lambda: condition(cluster.url, "replicated").durability == "replicated")  # they may still be catching up
    found = condition(cluster.url, "replicated")
    assert "A replica of the ledger is away" in found.notices[0], "the test's cluster has one for each master"
    with changed(cluster.servers[4], "appendfsync", "everysec"):
        assert condition(cluster.url, "replicated").durability == "single"


# ------------------------------------------------------------------------------------------ words, versions


def test_every_mode_says_what_may_be_lost():
    assert {*MODES, "unverified"} == set(MAY_BE_LOST)
    assert all(text.endswith(".") for text in MAY_BE_LOST.values())


def test_the_log_is_told_at_start(store, caplog):
    with caplog.at_level("INFO", "signpost"):
        check(store)
    (line,) = caplog.messages
    assert "durability single" in line
    assert MAY_BE_LOST["single"] in line


def test_a_report_says_what_may_be_lost(start_server, open_store, volatile_server, world, definition):
    """Of the ledger as it is when the report is made."""
    version = world.run(definition()).version
    ledger = start_server("--appendonly", "yes", "--appendfsync", "everysec")
    relaxed = replace(open_store(ledger.url, volatile_server.url), durability="relaxed").condition()
    report = make("four-lines", version, {}, {}, relaxed, NOON).to_dict()
    assert (report["durability"], report["may_be_lost"]) == ("relaxed", MAY_BE_LOST["relaxed"])
    assert any("before it is on disk" in notice for notice in report["notices"])
    safe = make("four-lines", version, {}, {}, world.store.condition(), NOON).to_dict()
    assert (safe["may_be_lost"], safe["notices"]) == (MAY_BE_LOST["single"], []), "told, without an alarm"


@pytest.mark.parametrize(
    ("told", "how"),
    [
        ({"redis_version": "6.2.14"}, "wait"),
        ({"redis_version": "7.0.15"}, "wait"),
        ({"redis_version": "7.2.7"}, "wait"),
        ({"redis_version": "7.4.2"}, "wait"),
        ({"redis_version": "7.4.3"}, "waitaof"),
        ({"redis_version": "7.4.11"}, "waitaof"),
        ({"redis_version": "8.0.0"}, "waitaof"),
        ({"redis_version": "8.10.1"}, "waitaof"),
        ({"redis_version": "7.2.4", "valkey_version": "7.2.4"}, "waitaof"),
        ({"redis_version": "7.2.4", "valkey_version": "8.0.1"}, "waitaof"),
        ({}, "wait"),
    ],
)
def test_how_a_replicas_write_is_asked_for(told, how):
    assert acknowledgement(told) == how
