"""Clients and what becomes of their failures; the servers' real settings."""

import socket
import time

import pytest

from experiments.errors import InvalidInput, StoreUnavailable, UnsafeStore
from experiments.store import Store
from experiments.store.connection import connect


@pytest.fixture
def nobody() -> int:
    """A port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield free.getsockname()[1]


@pytest.fixture
def silent():
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}"


def calls(store):
    yield lambda: store.ledger.count_apart("{e.1.0}", "late.left")
    yield lambda: store.ledger.open_day("{e.1.0}", 1, 1)
    yield lambda: store.ledger.units_on("{e.1.0}", 1)
    yield lambda: store.ledger.counts(["{e.1.0}"], [1])
    yield store.documents.experiments
    yield store.documents.catalogue_number
    yield store.documents.next_version_id
    yield store.documents.api_keys
    yield lambda: store.documents.partner_number("p")
    yield lambda: store.documents.save_api_key("k", "{}")
    yield lambda: store.volatile.day_key(1, bytes(32), 10)
    yield lambda: store.volatile.forget(1)
    yield store.condition


@pytest.mark.parametrize("scheme", ["redis", "redis+cluster"])
def test_a_store_that_is_down_is_met_by_the_first_call(nobody, scheme, open_store):
    address = f"127.0.0.1:{nobody}"
    store = open_store(f"{scheme}://{address}", f"redis://{address}")
    for call in calls(store):
        with pytest.raises(StoreUnavailable):
            call()


def test_a_person_waits_for_one_try_only(silent, open_store):
    store = open_store(silent, silent, budget=0.1)
    for call in (lambda: store.ledger.count_apart("{e.1.0}", "x"), lambda: store.ledger.units_on("{e.1.0}", 1)):
        start = time.monotonic()
        with pytest.raises(StoreUnavailable):
            call()
        assert time.monotonic() - start < 1.5


def test_a_server_that_comes_back_is_met_again(start_server, open_store):
    server = start_server()
    store = open_store(server.url, server.url)
    store.ledger.count_apart("{e.1.0}", "x")
    with server.client() as client:
        client.client_kill_filter(_type="normal", skipme=True)
    store.ledger.count_apart("{e.1.0}", "x")
    assert store.ledger.counts(["{e.1.0}"], [])[1] == {"x": 2}


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1:6379", "", "redis+sentinel://x"])
def test_other_addresses_are_refused(url):
    with pytest.raises(InvalidInput, match="is no store address"):
        connect(url, timeout=1)


def test_a_script_error_is_a_store_error(store, ledger):
    ledger.clients[0].set("sp:{e.1.0}:days", "not a hash")
    with pytest.raises(StoreUnavailable, match="ResponseError"):
        store.ledger.open_day("{e.1.0}", 1, 1)


# ------------------------------------------------------------------------------------------ settings


def test_a_durable_store_is_safe(each_store):
    found = each_store.condition()
    assert (found.durability, found.problems, found.notices) == ("single", (), ())
    assert found.server.startswith("redis ")
    found.require("single")


@pytest.mark.parametrize(
    ("options", "durability", "problems"),
    [
        (("--appendonly", "yes", "--appendfsync", "everysec"), "relaxed", 0),
        (("--appendonly", "no", "--appendfsync", "always"), "single", 1),
        (("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "allkeys-lru"), "single", 1),
        (("--appendonly", "no", "--maxmemory-policy", "volatile-ttl"), "relaxed", 2),
    ],
)
def test_what_would_lose_counts_is_refused(start_server, open_store, volatile_server, options, durability, problems):
    found = open_store(start_server(*options).url, volatile_server.url).condition()
    assert found.durability == durability
    assert len(found.problems) == problems
    with pytest.raises(UnsafeStore):
        found.require("single")
    if problems:
        with pytest.raises(UnsafeStore):
            found.require("relaxed")
    else:
        found.require("relaxed")


def test_settings_that_cannot_be_read_are_said_aloud(start_server, open_store, volatile_server):
    hidden = start_server("--appendonly", "yes", "--rename-command", "CONFIG", "")
    found = open_store(hidden.url, volatile_server.url).condition()
    assert (found.durability, found.problems) == ("unverified", ())
    assert "unverified" in found.notices[0]
    found.require("single")


def test_a_volatile_store_that_writes_is_noticed(start_server, open_store, ledger_server):
    writing = start_server("--save", "60 1")
    notices = open_store(ledger_server.url, writing.url).condition().notices
    assert any("day keys" in notice for notice in notices)


def test_every_master_of_a_cluster_must_be_safe(cluster, volatile_server, open_store):
    store: Store = open_store(cluster.url, volatile_server.url)
    for client in cluster.clients():
        with client:
            client.config_set("maxmemory-policy", "allkeys-lru")
            try:
                assert store.condition().problems, "one of three masters throws counts away"
            finally:
                client.config_set("maxmemory-policy", "noeviction")
    assert not store.condition().problems


def test_a_password_that_spoils_the_address_is_not_repeated():
    with pytest.raises(InvalidInput, match="cannot be read") as found:
        connect("redis://:se/cret@127.0.0.1:6379/0", timeout=1)
    assert "cret" not in found.value.detail
