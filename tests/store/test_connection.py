"""Clients and what becomes of their failures; the servers' real settings."""

import socket
import time

import pytest

from experiments.audit import Note
from experiments.errors import InvalidInput, StoreUnavailable
from experiments.store.acts import apart
from experiments.store.connection import connect

NOTE = Note("ann", "create-key", "key/k", 0)


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
    yield lambda: store.ledger.write(apart("{e.1.0}", "late.left"))
    yield lambda: store.ledger.open_day("{e.1.0}", 1, 1)
    yield lambda: store.ledger.units_on("{e.1.0}", 1)
    yield lambda: store.ledger.counts(["{e.1.0}"], [1])
    yield store.documents.experiments
    yield store.documents.catalogue_number
    yield store.documents.next_version_id
    yield store.documents.api_keys
    yield lambda: store.documents.partner_number("p")
    yield lambda: store.documents.save_api_key("k", "{}", NOTE)
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
    for call in (lambda: store.ledger.write(apart("{e.1.0}", "x")), lambda: store.ledger.units_on("{e.1.0}", 1)):
        start = time.monotonic()
        with pytest.raises(StoreUnavailable):
            call()
        assert time.monotonic() - start < 1.5


def test_a_server_that_comes_back_is_met_again(start_server, open_store):
    server = start_server()
    store = open_store(server.url, server.url)
    store.ledger.write(apart("{e.1.0}", "x"))
    with server.client() as client:
        client.client_kill_filter(_type="normal", skipme=True)
    store.ledger.write(apart("{e.1.0}", "x"))
    assert store.ledger.counts(["{e.1.0}"], [])[1] == {"x": 2}


@pytest.mark.parametrize("url", ["http://127.0.0.1", "127.0.0.1:6379", "", "redis+sentinel://x"])
def test_other_addresses_are_refused(url):
    with pytest.raises(InvalidInput, match="is no store address"):
        connect(url, timeout=1)


def test_a_script_error_is_a_store_error(store, ledger):
    ledger.clients[0].set("sp:{e.1.0}:days", "not a hash")
    with pytest.raises(StoreUnavailable, match="ResponseError"):
        store.ledger.open_day("{e.1.0}", 1, 1)


def test_a_password_that_spoils_the_address_is_not_repeated():
    with pytest.raises(InvalidInput, match="cannot be read") as found:
        connect("redis://:se/cret@127.0.0.1:6379/0", timeout=1)
    assert "cret" not in found.value.detail
