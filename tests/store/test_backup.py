"""The restore drill, by the documented steps: copy, wipe, restore; then everything is as it was at the copy."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from experiments import desk
from experiments.model import DAY
from experiments.results import result
from experiments.store import Store
from experiments.store.embedded import Embedded
from tests.conftest import (
    BUDGET,
    DURABLE,
    TODAY,
    Server,
    World,
    _clustered,
    _known,
    _old_redis,
    _opened,
    _served,
    _state,
    _system_redis,
    _until,
)  # fmt: skip

DOCS = Path(__file__).parents[2] / "docs"
RESTORE = DOCS / "restore-ledger.sh"
NOON = TODAY * DAY + 43_200
QUICK = ("--repl-diskless-sync-delay", "0")
NODES = "nodes.conf"


@pytest.fixture(params=["redis-6.2", "redis-7.0"])
def program(request) -> str:
    return _old_redis() if request.param == "redis-6.2" else _system_redis()


@pytest.fixture
def world_of(volatile_server, make_world):
    """A factory of worlds on a ledger, each with clients of its own; the day keys are shared, as in life."""
    with ExitStack() as stack:
        with volatile_server.client() as client:
            client.flushall()

        def make(url: str) -> World:
            store: Store = stack.enter_context(_opened(url, volatile_server.url, BUDGET))
            world = make_world(store)
            world.runtime.refresh(NOON)
            return world

        yield make


def copy(server: Server, path: Path) -> Path:
    """The documented command, for a server at a socket or at a port."""
    where = server.url.partition("://")[2]
    host, _, port = where.rpartition(":")
    at = ["-s", where] if server.url.startswith("unix") else ["-h", host, "-p", port]
    subprocess.run(["redis-cli", *at, "--rdb", str(path)], check=True, capture_output=True, timeout=60)
    return path


def restore(path: Path, folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    called = [str(RESTORE), str(path), str(folder)]
    environment = {"PATH": os.environ["PATH"], "SERVER": program, "REDISCLI_AUTH": "the ledger's, as in a container"}
    return subprocess.run(called, env=environment, capture_output=True, text=True, timeout=60, check=False)


def wipe(server: Server) -> None:
    """The machine is lost: the process at once, and everything in its folder."""
    server.stop()
    shutil.rmtree(server.folder)
    server.folder.mkdir()


def begin(server: Server) -> None:
    """Start it again as it was started before."""
    with (server.folder.parent / f"{server.folder.name}.log").open("wb") as log:
        server.process = subprocess.Popen(server.process.args, stdout=log, stderr=log)
    with server.client() as client:
        _until(client.ping, "the start after the restore")
    Path(log.name).unlink()


def play(world: World, definition: Callable, **options) -> tuple[list, dict]:
    """Sixty sessions of which every fourth seeks help; returns their assignments, and all that must come back."""
    desk.create_key(
        world.runtime, kind="server", partner="A partner", surfaces=("search-uk",), origins=(), now=NOON
    )  # fmt: skip
    live = world.run(definition(), now=NOON, **options)
    assigned = [world.assign(f"s{number}", now=NOON, shown=True) for number in range(60)]
    assert {world.outcome(one, NOON + 60) for one in assigned[::4]} == {"recorded"}
    return assigned, held(world, live.tags)


def held(world: World, tags) -> dict:
    documents = world.store.documents
    return {
        "counts": world.store.ledger.counts(tags, [TODAY]),
        "report": result(world.store, "four-lines", now=NOON + 3600).to_dict(),
        "experiments": documents.experiments(),
        "log": documents.log("four-lines"),
        "keys": documents.api_keys(),
    }


def check_restored(world: World, assigned: list, before: dict) -> None:
    """Everything as it was at the copy; tokens from before and after it count, once."""
    assert world.store.condition().durability == "single"
    live = world.runtime.catalogue.snapshot.by_key["four-lines"]
    assert held(world, live.tags) == before
    assert world.total(live, "d0") == 15
    assert {world.outcome(one, NOON + 90) for one in assigned[::4]} == {"already"}
    assert {world.outcome(one, NOON + 90) for one in assigned[1::4]} == {"recorded"}
    assert [world.total(live, measure) for measure in ("a", "e", "d0")] == [60, 60, 30]


def test_a_copy_brings_everything_back(program, world_of, definition, tmp_path):
    with _served(program, *DURABLE, *QUICK) as server:
        world = world_of(server.url)
        assigned, before = play(world, definition)
        path = copy(server, tmp_path / "ledger.rdb")
        given = world.store.documents.next_version_id(), world.store.documents.partner_number("another")
        late = world.assign("after the copy", now=NOON, shown=True)
        assert world.outcome(late, NOON + 60) == "recorded"

        wipe(server)
        done = restore(path, server.folder, program)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        assert re.fullmatch(r"restore-ledger: .* holds \d+ keys\n", done.stderr)
        assert not (server.folder / "dump.rdb").exists(), "nothing would ever delete the rows in it"
        begin(server)
        world = world_of(server.url)
        check_restored(world, assigned, before)
        anew = world.store.documents.next_version_id(), world.store.documents.partner_number("a third one")
        assert all(new > old for new, old in zip(anew, given, strict=True)), "tokens name versions by number"
        # What came after the copy is lost, and its token brings its unit back when it is used.
        assert world.outcome(late, NOON + 90) == "recorded"
        live = world.runtime.catalogue.snapshot.by_key["four-lines"]
        assert [world.total(live, measure) for measure in ("a", "e", "d0")] == [61, 61, 31]
        server.stop()
        begin(server)
        assert world_of(server.url).total(live, "d0") == 31, "kept by the append-only file"


def test_without_the_steps_the_server_starts_empty(program, world_of, definition, tmp_path):
    """Why the order matters; should a server read the copy one day, the page can be made shorter."""
    with _served(program, *DURABLE, *QUICK) as server:
        play(world_of(server.url), definition)
        path = copy(server, tmp_path / "ledger.rdb")
        wipe(server)
        shutil.copy(path, server.folder / "dump.rdb")
        begin(server)
        with server.client() as client:
            assert client.dbsize() == 0


def test_what_cannot_be_restored_is_said(program, tmp_path):
    bad, full = tmp_path / "bad.rdb", tmp_path / "full"
    bad.write_bytes(b"REDIS0009 this is no copy")
    full.mkdir()
    (full / "appendonly.aof").write_text("kept")
    for path, folder, code, words in (
        (tmp_path / "none.rdb", tmp_path / "data", 2, "cannot read"),
        (bad, full, 2, "there is a ledger in"),
        (bad, tmp_path / "data", 1, "does not read"),
    ):
        done = restore(path, folder, program)
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert [path.name for path in full.iterdir()] == ["appendonly.aof"]
    assert not (tmp_path / "data" / "dump.rdb").exists()


def test_a_cluster_comes_back_master_by_master(world_of, definition, tmp_path):
    with _clustered() as cluster:
        assigned, before = play(world_of(cluster.url), definition, tags=("0", "1", "2"))
        paths = [copy(server, tmp_path / f"{number}.rdb") for number, server in enumerate(cluster.masters)]
        maps = [(server.folder / NODES).read_bytes() for server in cluster.servers]
        for server in cluster.servers:
            wipe(server)
        for server, path in zip(cluster.masters, paths, strict=True):
            done = restore(path, server.folder, _system_redis())
            assert done.returncode == 0, done.stderr
        for server, nodes in zip(cluster.servers, maps, strict=True):
            (server.folder / NODES).write_bytes(nodes)
            begin(server)
        with ExitStack() as stack:
            clients = [stack.enter_context(server.client()) for server in cluster.servers]
            _until(lambda: all(_state(c) == "ok" and _known(c) == 6 for c in clients), "the cluster's readiness")
            _until(lambda: all(c.info("replication")["connected_slaves"] == 1 for c in clients[:3]), "replication")
        check_restored(world_of(cluster.url), assigned, before)


def test_a_private_ledger_comes_back(tmp_path, definition, world_of, program):
    """Its folder keeps what the supervisor has in it."""
    var = tmp_path / "var"
    with Embedded.start(var, preferred=program) as stores:
        assigned, before = play(world_of(stores.ledger_url), definition)
        path = copy(Server(stores.ledger_url, var / "ledger", None), tmp_path / "ledger.rdb")
    assert not (var / "ledger" / "dump.rdb").exists(), "nothing would ever delete the rows in it"
    for kept in (var / "ledger").glob("appendonly*"):
        kept.rename(tmp_path / kept.name)
    done = restore(path, var / "ledger", program)
    assert done.returncode == 0, done.stderr
    with Embedded.start(var, preferred=program) as stores:
        check_restored(world_of(stores.ledger_url), assigned, before)


def test_the_page_names_the_steps():
    text = (DOCS / "operations.md").read_text(encoding="utf-8")
    assert "restore-ledger.sh ledger.rdb" in text
    assert "--rdb" in text
