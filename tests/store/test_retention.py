"""Nothing of a sealed day is left in any file; and what is folded gives the same report."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from app import wsgi
from app.settings import Settings
from experiments import lifecycle, retention
from experiments.errors import StoreUnavailable
from experiments.model import DAY, HOUR
from experiments.results import result
from experiments.retention import AFTER_SEALING, FOLD_AFTER, PAUSE, PAUSE_AFTER_FAILURE, Retained, look, retain
from experiments.store import folding, keys
from experiments.store.upkeep import Upkeep, rewrite
from tests.conftest import DURABLE, FORGETFUL, _clustered, _free_ports, _old_redis, _served, _system_redis, _until

FIRST = 20_781
NOON = FIRST * DAY + 12 * HOUR
SEALED = (FIRST + 1) * DAY + 30 * HOUR  # a window of 24 h and a grace of 6 h
DUE = SEALED + AFTER_SEALING
PLAIN = (*DURABLE, "--rdbcompression", "no")  # else a row could hide in a file
TAG = "{four-lines.1.0}"


def written(folder: Path) -> bytes:
    """Everything that a server has in its files."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def holds_rows(folder: Path, names: list[bytes]) -> bool:
    """Whether any page or pseudonym is in a server's files. Redis removes a replaced file a moment later."""
    text = written(folder)
    return any(name in text for name in names)


def soon(is_true, what: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)


def knows_the_replicas(client) -> bool:
    told = client.execute_command("CLUSTER SLOTS")
    return len(told) == 3 and all(len(one) > 3 for one in told)  # first and last slot, primary, replicas


def rows(clients) -> list[bytes]:
    """The names of all pages, and all pseudonyms in them."""
    pages = [(client, page) for client in clients for page in client.scan_iter(match="sp:*:r:*")]
    return [page for _, page in pages] + [name for client, page in pages for name in client.hkeys(page)]


def play(world, definition, **options):
    """Sixty sessions on the first day, twenty of which seek help."""
    live = world.run(definition(), now=NOON, **options)
    for number in range(60):
        assigned = world.assign(f"s{number}", now=NOON, shown=True)
        if number % 3 == 0:
            assert world.outcome(assigned, NOON + 60) == "recorded"
    return live


@pytest.fixture(params=["redis-6.2", "redis-7.0"])
def plain(request, volatile_server):
    """A server whose files can be read, of each supported kind."""
    with volatile_server.client() as client:
        client.flushall()
    program = _old_redis() if request.param == "redis-6.2" else _system_redis()
    with _served(program, *PLAIN) as server:
        yield server


@pytest.fixture
def old_program() -> str:
    return _old_redis()


@pytest.fixture
def world_on(open_store, volatile_server, make_world):
    """A factory of worlds on a server of the test's own."""
    return lambda server: make_world(open_store(server.url, volatile_server.url))


# ------------------------------------------------------------------------------------------------ rows


def test_no_row_of_a_sealed_day_is_left_in_a_file(plain, world_on, definition):
    world = world_on(plain)
    live = play(world, definition)
    counts = world.counts(live, FIRST)
    with plain.client() as client:
        names = rows([client])
        assert len(names) > 60
        assert retain(world.runtime, DUE - 1) == Retained()
        assert holds_rows(plain.folder, names), "the control: else the test is blind"
        client.delete(*[name for name in names if name.startswith(b"sp:")])
        assert holds_rows(plain.folder, names), "what is deleted stays in the file until it is rewritten"
        assert retain(world.runtime, DUE) == Retained(rewritten=("ledger",))
        soon(lambda: not holds_rows(plain.folder, names), "the removal of the replaced file")
    assert world.counts(live, FIRST) == counts


def test_rows_are_deleted_though_the_server_has_not_come_across_them(plain, world_on, definition):
    """By name: an expired key may stay for long where there are many. Here they have not even expired."""
    world = world_on(plain)
    live = play(world, definition, tags=("0", "1"))
    world.runtime.refresh(DUE - HOUR)
    world.assign("of today", now=DUE - HOUR, shown=True)
    retain(world.runtime, DUE)
    with plain.client() as client:
        assert [page for page in rows([client]) if b":r:%d:" % FIRST in page] == []
        assert len(rows([client])) == 2, "the page of the open day, with its row"
    assert world.total(live, "e") == 60


def test_every_node_of_a_cluster_rewrites_its_file(cluster, shared_store, make_world, definition, volatile_server):
    with ExitStack() as stack:
        clients = [stack.enter_context(server.client()) for server in cluster.servers]
        for client in clients:
            client.config_set("rdbcompression", "no")
        for client in clients[:3]:
            client.flushall()
        world = make_world(shared_store(cluster.url))
        live = play(world, definition, tags=("0", "1", "2"))
        names = rows(clients[:3])
        soon(lambda: all(b":r:" in written(server.folder) for server in cluster.servers), "the replicas' copy")
        assert sum(holds_rows(server.folder, names) for server in cluster.servers) >= 2
        soon(lambda: all(knows_the_replicas(client) for client in clients), "the news of the replicas at every node")
        found = retain(world.runtime, DUE)
        assert found.failed == ()
        assert sorted(found.rewritten) == sorted(server.url.removeprefix("redis://") for server in cluster.servers)
        for server in cluster.servers:
            soon(lambda s=server: not holds_rows(s.folder, names), "the removal of the replaced files")
        assert retain(world.runtime, DUE + HOUR) == Retained()
        assert world.total(live, "d0") == 20


def test_replicas_of_a_single_server_rewrite_theirs(open_store, volatile_server, make_world, definition):
    with volatile_server.client() as client:
        client.flushall()
    quick = ("--repl-diskless-sync-delay", "0")
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(_served(_system_redis(), *PLAIN, *quick, port=port)) for port in _free_ports(2)
        )
        other, one = stack.enter_context(second.client()), stack.enter_context(first.client())
        world = make_world(open_store(first.url, volatile_server.url))
        play(world, definition)
        names = rows([one])
        other.execute_command("REPLICAOF", "127.0.0.1", first.url.rpartition(":")[2])
        soon(lambda: one.info("replication").get("slave0", {}).get("state") == "online", "replication")
        soon(lambda: holds_rows(second.folder, names), "the replica's copy")
        assert (second.folder / "dump.rdb").exists(), "a replica keeps the file in which it got its data"
        replica = second.url.removeprefix("redis://")
        assert retain(world.runtime, DUE) == Retained(rewritten=("ledger", replica))
        for server in (first, second):
            soon(lambda s=server: not holds_rows(s.folder, names), "the removal of the replaced files")


# ------------------------------------------------------------------------------------ once, and again if it fails


def test_once_for_each_sealed_day(world, definition, ledger):
    play(world, definition)
    (client,) = ledger.clients
    before = client.info("persistence")["aof_rewrites"]
    found = [retain(world.runtime, at) for at in (NOON, DUE - 1, DUE, DUE + 1, DUE + DAY - 1, DUE + DAY)]
    assert [bool(one.rewritten) for one in found] == [False, False, True, False, False, True]
    assert client.info("persistence")["aof_rewrites"] == before + 2
    assert Upkeep(client).rewritten() == {"ledger": DUE + DAY}


def test_a_concluded_versions_key_is_in_no_file_any_more(plain, world_on, definition):
    """It is wrapped; but backups of the key file may still be there."""
    world = world_on(plain)
    key = play(world, definition).version.key.encode()
    world.change(lifecycle.stop, now=NOON + HOUR)
    retain(world.runtime, DUE)
    world.change(lifecycle.conclude, now=DUE + HOUR)
    assert key in written(plain.folder)
    assert retain(world.runtime, DUE + HOUR + 1) == Retained(rewritten=("ledger",))
    soon(lambda: key not in written(plain.folder), "the removal of the replaced file")
    assert retain(world.runtime, DUE + 2 * HOUR) == Retained()


def test_a_copy_over_the_wire_leaves_no_row_behind(old_program, world_on, definition, tmp_path, volatile_server):
    """Redis 6.2 writes it to a file of its own first, and keeps that."""
    with _served(old_program, *PLAIN) as server:
        world = world_on(server)
        play(world, definition)
        time.sleep(3)  # a copy in the server's first two seconds is taken for its start
        where = server.url.partition("://")[2]
        subprocess.run(["redis-cli", "-s", where, "--rdb", str(tmp_path / "copy")], check=True, capture_output=True)
        with server.client() as client:
            names = rows([client])
        assert any(name in (server.folder / "dump.rdb").read_bytes() for name in names)
        assert retain(world.runtime, DUE) == Retained(rewritten=("ledger",))
        soon(lambda: not holds_rows(server.folder, names), "the removal of the replaced files")


def test_nothing_to_do_without_experiments(world):
    assert retain(world.runtime, DUE) == Retained()


def test_what_is_refused_is_told_and_tried_again(start_server, world_on, definition, caplog):
    server = start_server(*PLAIN)
    world = world_on(server)
    play(world, definition)
    with server.client() as client, caplog.at_level(logging.INFO, "signpost"):
        names = rows([client])
        client.execute_command("ACL", "SETUSER", "default", "-bgrewriteaof")
        assert retain(world.runtime, DUE) == Retained(failed=("ledger",))
        assert holds_rows(server.folder, names)
        client.execute_command("ACL", "SETUSER", "default", "+bgrewriteaof")
        assert retain(world.runtime, DUE + HOUR) == Retained(rewritten=("ledger",))
        assert retain(world.runtime, DUE + DAY) == Retained(rewritten=("ledger",))
    assert [record.getMessage() for record in caplog.records if "append-only" in record.getMessage()] == [
        "append-only file of ledger not rewritten (last time: never): the store did not answer: NoPermissionError",
        "append-only file of ledger rewritten at 2026-11-26T07:05:00Z (last time: never)",
        "append-only file of ledger rewritten at 2026-11-27T06:05:00Z (last time: 2026-11-26T07:05:00Z)",
    ]


def test_a_node_that_is_away_keeps_no_other_one_waiting(open_store, make_world, definition, volatile_server, caplog):
    """And is not forgotten: as soon as it is back, its file is rewritten."""
    with volatile_server.client() as client:
        client.flushall()
    with ExitStack() as stack:
        cluster = stack.enter_context(_clustered())
        clients = [stack.enter_context(server.client()) for server in cluster.servers]
        world = make_world(open_store(cluster.url, volatile_server.url))
        play(world, definition, tags=("0", "1", "2"))
        soon(lambda: all(knows_the_replicas(client) for client in clients), "the news of the replicas at every node")
        away = cluster.servers[-1]
        name = away.url.removeprefix("redis://")
        away.stop()
        found = retain(world.runtime, DUE)
        assert (len(found.rewritten), found.failed) == (5, (name,))
        with (away.folder / "log").open("ab") as log:
            away.process = subprocess.Popen(away.process.args, stdout=log, stderr=log)
        _until(lambda: clients[-1].info("replication")["master_link_status"] == "up", "the replica's return")
        soon(lambda: all(knows_the_replicas(client) for client in clients), "the news of its return")
        assert retain(world.runtime, DUE + HOUR) == Retained(rewritten=(name,))
    assert f"append-only file of {name} not rewritten (last time: never): " in caplog.text


@pytest.fixture
def slow(start_server):
    """A server that takes a while to rewrite its file."""
    server = start_server(*PLAIN, "--rdb-key-save-delay", "20000")
    with server.client() as client:
        client.mset({f"k{number}": "v" for number in range(50)})
        yield server, client


def child_of(pid: int) -> int:
    """The process that writes the file."""
    found: list[str] = []
    soon(lambda: bool(found.extend(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()) or found), "a child")
    return int(found[0])


def test_a_rewrite_that_breaks_off_is_a_failure(slow):
    server, client = slow
    failed: list[StoreUnavailable] = []

    def run() -> None:
        try:
            rewrite(client)
        except StoreUnavailable as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    os.kill(child_of(server.process.pid), signal.SIGKILL)
    thread.join()
    assert [error.detail for error in failed] == [
        "the append-only file could not be rewritten; the server's log says why"
    ]
    client.config_set("rdb-key-save-delay", "0")
    rewrite(client)


def test_a_rewrite_under_way_is_no_substitute(slow):
    """It may have begun before the rows were deleted."""
    server, client = slow
    client.set("marker-in-the-file", "v")
    client.bgrewriteaof()
    child_of(server.process.pid)
    client.delete("marker-in-the-file")
    rewrite(client)
    soon(lambda: b"marker-in-the-file" not in written(server.folder), "the removal of the replaced file")
    assert client.info("persistence")["aof_rewrites"] == 2


def test_a_server_without_a_file_has_nothing_to_rewrite(start_server):
    with start_server(*FORGETFUL).client() as client:
        rewrite(client)
        assert client.info("persistence")["aof_rewrites"] == 0


# --------------------------------------------------------------------------------------------------- turns


def test_one_of_several_has_the_turn(world, store, make_world, definition, volatile_server):
    play(world, definition)
    other = make_world(store)
    assert look(world.runtime, DUE) == Retained(rewritten=("ledger",))
    assert look(other.runtime, DUE) is None
    with volatile_server.client() as client:
        assert 0 < client.ttl(keys.RETENTION) <= PAUSE
        client.delete(keys.RETENTION)
    assert look(other.runtime, DUE) == Retained()


def test_after_a_failure_it_waits_longer(world, definition, volatile_server, monkeypatch):
    play(world, definition)
    monkeypatch.setattr(retention, "retain", lambda *_: Retained(failed=("ledger",)))
    look(world.runtime, DUE)
    with volatile_server.client() as client:
        assert PAUSE < client.ttl(keys.RETENTION) <= PAUSE_AFTER_FAILURE


def test_a_staff_service_does_it_in_the_background(world, definition, monkeypatch, caplog, tmp_path):
    play(world, definition)
    monkeypatch.setattr(wsgi, "LOOK_SECONDS", 0.02)
    settings = replace(Settings.read({"SIGNPOST_VAR": str(tmp_path)}), refresh=0.02)
    with caplog.at_level(logging.INFO, "signpost"):
        done = wsgi.keep_retaining(world.runtime, lambda: DUE, settings)
        try:
            soon(lambda: Upkeep(world.store.documents.client).rewritten() == {"ledger": DUE}, "the rewrite")
        finally:
            done.set()
    assert "append-only file of ledger rewritten at 2026-11-26T06:05:00Z (last time: never)" in caplog.messages


# ------------------------------------------------------------------------------------------------- folding


@pytest.fixture
def over(each_store, make_world, definition):
    """A concluded version of two shards and three days, some of it counted apart; the world, and when it is folded."""
    world = make_world(each_store)
    live = world.run(definition(), now=NOON, tags=("0", "1"))
    for day in range(3):
        now = NOON + day * DAY
        world.runtime.refresh(now)
        for number in range(40 + day):
            assigned = world.assign(
                f"{day} {number}", now=now, shown=number % 4 > 0, stratum=("list-a", None)[number % 2]
            )
            if number % (3 + day) == 0:
                world.outcome(assigned, now + 60, channel=("call", "email")[number % 2])
    world.change(lifecycle.stop, now=NOON + 2 * DAY + HOUR)
    sealed = SEALED + 2 * DAY
    world.change(lifecycle.conclude, now=sealed)
    retain(world.runtime, sealed + AFTER_SEALING)
    return world, live, sealed + FOLD_AFTER


def held(kind) -> set[str]:
    return {key.decode() for key in kind.all_keys() if key.startswith(b"sp:{four-lines")}


def told(world, now: int):
    found = result(world.store, "four-lines", now=now)
    return found.to_dict(), found.to_csv()


def test_a_folded_version_has_the_same_report(over, each_kind):
    world, live, due = over
    before = told(world, due)
    assert before[0]["arms"][0]["units"] > 0
    assert retain(world.runtime, due - 1).folded == ()
    assert {keys.counts(tag, FIRST + day) for tag in live.tags for day in range(3)} <= held(each_kind)
    assert retain(world.runtime, due).folded == ("four-lines, version 1",)
    assert told(world, due) == before
    left = {keys.folded(tag) for tag in live.tags}
    assert (
        left
        <= held(each_kind)
        <= left | {keys.apart(tag) for tag in live.tags} | {keys.spools(tag) for tag in live.tags}
    )
    assert retain(world.runtime, due + DAY).folded == ()
    world.change(lifecycle.archive, now=due)
    assert told(world, due)[1] == before[1]


def test_what_was_interrupted_goes_on(over):
    world, live, due = over
    before = told(world, due)
    client = world.store.documents.client
    assert folding.fold(client, live.tags[0], [FIRST, FIRST + 1, FIRST + 2])
    folding._fold_day(client, live.tags[1], FIRST + 1)
    assert not folding.is_folded(client, live.tags)
    assert told(world, due) == before
    assert retain(world.runtime, due).folded == ("four-lines, version 1",)
    assert told(world, due) == before


def test_counts_that_grew_meanwhile_are_not_folded(over, monkeypatch):
    world, live, _ = over
    client, pack = world.store.documents.client, folding._pack

    def grow(fields):
        client.hincrby(keys.counts(live.tags[0], FIRST), "0.0.0.0.a", 1)
        return pack(fields)

    monkeypatch.setattr(folding, "_pack", grow)
    assert not folding.fold(client, live.tags[0], [FIRST])
    assert not folding.is_folded(client, live.tags)
    assert folding.folded(client, live.tags[0]) == {}
    monkeypatch.undo()
    assert folding.fold(client, live.tags[0], [FIRST])


def test_a_version_that_takes_outcomes_is_never_folded(world, definition):
    live = play(world, definition)
    before = world.counts(live, FIRST)
    world.change(lifecycle.stop, now=NOON + HOUR)
    assert retain(world.runtime, NOON + 4000 * DAY).folded == ()
    assert world.counts(live, FIRST) == before
