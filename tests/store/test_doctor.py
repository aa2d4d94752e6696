"""`signpost doctor` on real servers: all well on a healthy installation, and each check notices what it is for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.commands.doctor import command
from experiments.doctor import CHECKS, Facts, Finding, examine, gather, house, servers
from experiments.doctor.house import MIB, Disk, Page, Spool
from experiments.identity import DayKeys, Keyring
from experiments.model import DAY, HOUR, day_of
from experiments.runtime import Runtime
from experiments.store import keys
from experiments.store.facts import Node
from experiments.store.spool import Look
from tests.conftest import DURABLE, FORGETFUL, Server, World, _clustered
from tests.store.test_settings import changed, followed, listening, until  # noqa: F401  (fixtures)

DISCREET = ("--slowlog-log-slower-than", "-1", "--crash-log-enabled", "no")


@dataclass
class House:
    """An installation: both servers, and its folder."""

    ledger: Server
    volatile: Server
    var: Path

    def facts(self, wanted: str = "single", **options) -> Facts:
        urls = (self.ledger.url, self.volatile.url)
        where = {"var": self.var, "key_file": self.var / "keys.json", "spool": self.var / "spool"}
        return gather(urls, wanted=wanted, **where, **options)

    def look(self, name: str, wanted: str = "single", **options) -> Finding:
        """One check's finding."""
        return next(one for one in examine(self.facts(wanted, **options)).findings if one.check == name)


@pytest.fixture
def home(start_server, tmp_path, open_store) -> House:
    """A healthy installation, as far as this machine can have one."""
    found = House(start_server(*DURABLE, *DISCREET), start_server(*FORGETFUL, *DISCREET), tmp_path)
    Keyring.at(tmp_path / "keys.json")
    DayKeys(open_store(found.ledger.url, found.volatile.url).volatile).refresh(time.time(), day_of(time.time()))
    return found


@pytest.fixture
def run(monkeypatch) -> Callable[..., Result]:
    """The command, in an environment of nothing but the settings given."""

    def run(*arguments: str, **settings: object) -> Result:
        for name in [name for name in os.environ if name.startswith("SIGNPOST_")]:
            monkeypatch.delenv(name)
        for name, value in settings.items():
            monkeypatch.setenv(f"SIGNPOST_{name.upper()}", str(value))
        return CliRunner().invoke(command, [*arguments])

    return run


def is_wrong(found: Finding, state: str, *words: str) -> bool:
    """Whether it is of the state, and says all of the words in what is so or what to do."""
    assert found.state == state, found
    assert found.advice.endswith(".") or "chmod" in found.advice, found
    return all(word in f"{found.found} {found.advice}" for word in words) or pytest.fail(str(found))


# ------------------------------------------------------------------------------------------ the whole


def test_a_healthy_installation_is_well(home):
    diagnosis = examine(home.facts())
    assert [one for one in diagnosis.findings if one.state != "ok"] == []
    assert tuple(one.check for one in diagnosis.findings) == CHECKS
    assert diagnosis.is_well
    assert (diagnosis.durability, diagnosis.skipped) == ("single", ())


def test_looking_changes_nothing(home):
    def everything():
        with home.ledger.client() as ledger, home.volatile.client() as volatile:
            return ledger.keys("*"), volatile.keys("*"), sorted(home.var.rglob("*"))

    before = everything()
    home.facts()
    assert everything() == before
    (home.var / "keys.json").unlink()
    home.facts()
    assert not (home.var / "keys.json").exists()


def test_the_command_tells_people(home, run):
    where = {"ledger_url": home.ledger.url, "volatile_url": home.volatile.url, "var": home.var}
    well = run(**where)
    assert (well.exit_code, well.output.splitlines()[0]) == (0, "All is well: 16 checks.")
    assert "Durability single: Nothing that was acknowledged is lost" in well.output
    with changed(home.ledger, "maxmemory-policy", "allkeys-lru"):
        ill = run(**where)
    assert ill.exit_code == 1
    assert ill.output.startswith("1 fault; 15 checks are fine.")
    lines = [line for line in ill.output.splitlines() if line]
    fault = next(index for index, line in enumerate(lines) if line.startswith("FAULT"))
    assert fault < min(index for index, line in enumerate(lines) if line.startswith("ok"))
    assert "counts are thrown away when memory is short" in " ".join(ill.output.split())
    assert "→ CONFIG SET maxmemory-policy noeviction" in ill.output
    assert max(map(len, lines)) <= 100


def test_the_command_tells_machines(home, run):
    where = {"ledger_url": home.ledger.url, "volatile_url": home.volatile.url, "var": home.var}
    told = json.loads(run("--json", **where).output)
    assert told.keys() == {"schema", "well", "wanted", "durability", "may_be_lost", "checks", "not_checked"}
    assert (told["schema"], told["well"], told["wanted"], told["durability"]) == (1, True, "single", "single")
    assert all(one.keys() == {"check", "state", "found", "advice"} for one in told["checks"])


def test_stores_that_are_down_are_findings_with_what_to_do(home, run):
    home.ledger.stop()
    home.volatile.stop()
    where = {"ledger_url": "redis://:s3cret@127.0.0.1:1", "volatile_url": home.volatile.url, "var": home.var}
    told = run(**where)
    assert told.exit_code == 1
    assert told.exception is None or isinstance(told.exception, SystemExit)
    assert told.output.startswith("2 faults")
    assert "ledger: does not answer: nobody answers at its address." in told.output
    assert "Not checked, because a store or the key file cannot be read: ledger server," in told.output
    assert "s3cret" not in told.output


def test_one_store_that_is_down_hides_nothing_of_the_other(home):
    home.volatile.stop()
    diagnosis = examine(home.facts())
    assert [one.check for one in diagnosis.findings if one.state != "ok"] == ["volatile"]
    assert set(diagnosis.skipped) == {"volatile server", "volatile memory", "volatile privacy", "day keys"}


def test_a_wrong_password_is_said_and_not_shown(home, run):
    with home.ledger.client() as client:
        client.config_set("requirepass", "right")
    told = run(ledger_url=f"{home.ledger.url}?password=s3cret", volatile_url=home.volatile.url, var=home.var)
    assert "it refuses our name or password" in told.output.replace("\n        ", " ")
    assert "s3cret" not in told.output


def test_bad_input_is_bad_input(run):
    told = run(durability="certain")
    assert "SIGNPOST_DURABILITY must be single, replicated or relaxed" in str(told.exception)


def test_private_servers_that_do_not_run_are_not_started(run, tmp_path):
    told = run(var=tmp_path / "var")
    assert told.exit_code == 1
    assert "service: no private servers are running in" in told.output
    assert not (tmp_path / "var").exists()


# ------------------------------------------------------------------------------------------ servers


@pytest.mark.parametrize(
    ("name", "value", "state"),
    [
        ("appendonly", "no", "fault"),
        ("appendfsync", "everysec", "fault"),
        ("no-appendfsync-on-rewrite", "yes", "fault"),
        ("maxmemory-policy", "allkeys-lru", "fault"),
    ],
)
def test_settings_that_lose_counts(home, name, value, state):
    with changed(home.ledger, name, value):
        found = home.look("ledger durability")
        assert is_wrong(found, state, f"{name} is '{value}'", f"CONFIG SET {name}")
    assert home.look("ledger durability").state == "ok"


def test_relaxed_is_no_finding_where_it_is_wanted(home):
    with changed(home.ledger, "appendfsync", "everysec"):
        diagnosis = examine(home.facts("relaxed"))
    assert diagnosis.is_well
    assert (diagnosis.wanted, diagnosis.durability) == ("relaxed", "relaxed")
    assert "For trials only" in diagnosis.may_be_lost


@pytest.mark.parametrize(
    ("store", "name", "value", "state"),
    [
        ("ledger", "slowlog-log-slower-than", "10000", "warning"),
        ("ledger", "crash-log-enabled", "yes", "warning"),
        ("ledger", "aof-timestamp-enabled", "yes", "warning"),
        ("volatile", "slowlog-log-slower-than", "0", "warning"),
        ("volatile", "appendonly", "yes", "fault"),
        ("volatile", "save", "60 1", "fault"),
    ],
)
def test_settings_that_leave_traces(home, store, name, value, state):
    with changed(getattr(home, store), name, value):
        assert is_wrong(home.look(f"{store} privacy"), state, f"{name} is '{value}'", f"CONFIG SET {name}")


def test_several_wrong_settings_are_all_told_worst_first(home):
    with changed(home.volatile, "crash-log-enabled", "yes"), changed(home.volatile, "save", "60 1"):
        found = home.look("volatile privacy")
    assert found.state == "fault"
    assert 0 <= found.found.index("save is") < found.found.index("crash-log-enabled is")


def test_servers_that_hide_their_settings_are_said_aloud(start_server, home):
    hidden = replace(home, ledger=start_server(*DURABLE, "--rename-command", "CONFIG", ""))
    diagnosis = examine(hidden.facts())
    assert diagnosis.durability == "unverified"
    for name in ("ledger durability", "ledger privacy"):
        assert is_wrong(hidden.look(name), "warning", "does not show its settings", "managed service")


def node(server: Server) -> Node:
    from experiments.store.connection import connect
    from experiments.store.facts import nodes

    client = connect(server.url, timeout=2)
    found = nodes(client)[0]
    client.close()
    return found


def told(kind: str, version: str) -> Node:
    info = {f"{kind}_version": version} | ({"redis_version": "7.2.4"} if kind == "valkey" else {})
    return Node("", info, {}, 0.0)


@pytest.mark.parametrize(
    ("kind", "version", "state"),
    [
        ("redis", "6.0.16", "fault"),
        ("redis", "6.2.14", "warning"),
        ("redis", "6.2.24", "ok"),
        ("redis", "7.0.11", "warning"),
        ("redis", "7.0.15", "ok"),  # a distribution's
        ("redis", "7.2.7", "warning"),
        ("redis", "7.4.2", "warning"),
        ("redis", "8.0.9", "warning"),  # gets no fixes any more
        ("redis", "8.6.6", "ok"),
        ("redis", "9.0.0", "ok"),
        ("valkey", "7.2.4", "warning"),
        ("valkey", "8.1.7", "ok"),
        ("valkey", "9.0.0", "warning"),
        ("valkey", "9.2.0", "ok"),
    ],
)
def test_versions(kind, version, state):
    found = servers.server("ledger", [told(kind, version)])
    assert found.state == state, found
    assert version in found.found
    if state != "ok":
        assert found.advice


def test_a_real_old_server_is_warned_of(old_ledger_server, home):
    assert is_wrong(replace(home, ledger=old_ledger_server).look("ledger server"), "warning", "known security holes")


def test_memory(home):
    with home.ledger.client() as client:
        used = client.info("memory")["used_memory"]
    for share, state in ((0.8, "warning"), (0.99, "fault")):
        with changed(home.ledger, "maxmemory", str(int(used / share))):
            assert is_wrong(home.look("ledger memory"), state, "used of", "maxmemory")
    assert home.look("ledger memory").state == "ok"


def test_replicas_where_they_are_wanted(followed, home):  # noqa: F811
    assert is_wrong(home.look("replication", "replicated"), "fault", "no replica follows", "until 2 follow")
    primary, replicas = followed(2)
    home = replace(home, ledger=primary)
    assert home.look("replication", "replicated").state == "ok"
    assert "2 replicas" in home.look("replication").found
    replicas[0].stop()
    assert until(lambda: home.look("replication", "replicated").state == "warning") is None
    assert is_wrong(home.look("replication", "replicated"), "warning", "one replica follows")


def test_a_replica_that_could_take_over_is_looked_at_too(followed, home):  # noqa: F811
    primary, (replica,) = followed(1)
    with changed(replica, "maxmemory-policy", "allkeys-lru"):
        assert is_wrong(replace(home, ledger=primary).look("ledger durability"), "fault", f"{replica.url[8:]}: maxmem")


def test_a_cluster_is_told_node_by_node(cluster, home):
    home = replace(home, ledger=Server(cluster.url, home.var, home.ledger.process))
    until(lambda: "(6 servers)" in home.look("ledger server").found)  # replicas become known a little later
    with changed(cluster.masters[1], "appendfsync", "no"):
        found = home.look("ledger durability")
    assert is_wrong(found, "fault", f"{cluster.masters[1].url[8:]}: appendfsync is 'no'")
    assert found.found.count("appendfsync") == 1


def test_a_primary_of_a_cluster_that_is_down_hides_nothing_of_the_others(home):
    with _clustered() as cluster:
        home = replace(home, ledger=Server(cluster.url, home.var, home.ledger.process))
        until(lambda: "(6 servers)" in home.look("ledger server").found)
        cluster.masters[1].stop()
        found = home.look("ledger")
        assert is_wrong(found, "fault", f"of its servers, {cluster.masters[1].url[8:]} do not answer", "spool")
        told = home.look("ledger server").found
        assert "(5 servers)" in told or "(4 servers)" in told, "its replica is told of as soon as the others know it"


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_rewrite_that_failed(home):
    pid = home.ledger.process.pid
    with home.ledger.client() as client:
        client.mset({f"k{n}": "v" for n in range(100)})
        client.config_set("rdb-key-save-delay", 10_000_000)
        client.bgrewriteaof()
        until(lambda: bool(children(pid)))
        os.kill(children(pid)[0], signal.SIGKILL)
        until(lambda: client.info("persistence")["aof_last_bgrewrite_status"] == "err")
    assert is_wrong(home.look("ledger file"), "warning", "rewrite of its file failed", "BGREWRITEAOF")


def test_a_write_that_failed():
    bad = Node("", {"aof_last_write_status": "err"}, {}, 0.0)
    assert is_wrong(servers.writing([bad], [None], 0.0), "fault", "last write", "disk")


def test_deleted_rows_in_an_old_file(home, people, definition):
    (base,) = (home.ledger.folder / "appendonlydir").glob("*.base.*")
    os.utime(base, (time.time() - 50 * HOUR,) * 2)
    assert home.look("ledger file").state == "ok", "nothing was ever deleted"
    people().run(definition(), int(time.time()) - 4 * DAY)
    for hours, state in ((48, "ok"), (50, "warning")):
        os.utime(base, (time.time() - hours * HOUR,) * 2)
        assert home.look("ledger file").state == state
    assert is_wrong(
        home.look("ledger file"), "warning", "50 hours ago", "deleted rows are still in it", "signpost tick"
    )
    with home.ledger.client() as client:
        client.bgrewriteaof()
        until(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0)
        until(lambda: home.look("ledger file").state == "ok")


def test_a_file_elsewhere_is_as_old_as_a_server_that_never_rewrote_it(home):
    from experiments.store.files import folder_of, rewritten

    found = node(home.ledger)
    assert folder_of(found, home.ledger.url) == home.ledger.folder
    assert folder_of(found, "rediss://elsewhere.example:6379") is None
    assert rewritten(replace(found, info={**found.info, "uptime_in_seconds": 77}), None, None, 0.0) == 77.0
    with home.ledger.client() as client:
        client.bgrewriteaof()
        until(lambda: client.info("persistence")["aof_rewrite_in_progress"] == 0)
    assert rewritten(node(home.ledger), None, None, 0.0) is None, "it did, and does not tell when"
    assert rewritten(node(home.ledger), None, 100, 300.0) == 200.0, "but we noted it"


def test_a_file_of_6_2_without_a_rewrite(old_ledger_server):
    from experiments.store.files import rewritten

    found = node(old_ledger_server)
    if found.info["aof_last_rewrite_time_sec"] == -1:
        assert rewritten(found, None, None, 0.0) == float(found.info["uptime_in_seconds"])


@pytest.mark.parametrize(("shift", "state"), [(0, "ok"), (-30, "warning"), (3, "warning"), (7200, "fault")])
def test_clocks(home, shift, state):
    """This machine's clock is what is shifted: a server's cannot be set."""
    found = home.look("clock", clock=lambda: time.time() + shift)
    assert found.state == state
    if shift:
        assert ("ahead of" in found.found) == (shift < 0)


# ------------------------------------------------------------------------------------------ house


@pytest.mark.parametrize(
    ("free", "rewrite", "state", "word"),
    [
        (2000 * MIB, 0, "ok", "free"),
        (900 * MIB, 0, "warning", "larger disk"),
        (50 * MIB, 0, "fault", "stops"),
        (2000 * MIB, 3000 * MIB, "warning", "a rewrite of the ledger's file may take 2.9 GiB"),
    ],
)
def test_disks(free, rewrite, state, word):
    found = house.disk([Disk("the ledger", "/data", free, rewrite)])
    assert found.state == state
    assert word in f"{found.found} {found.advice}"


def test_the_ledgers_disk_is_looked_at_where_it_is_here(home):
    assert [one.what for one in home.facts().disks] == ["SIGNPOST_VAR", "the spool", "the ledger"]
    assert home.facts().disks[2].free == pytest.approx(shutil.disk_usage(home.ledger.folder).free, abs=512 * MIB)
    with home.ledger.client() as client:
        assert home.facts().disks[2].rewrite == client.info("persistence")["aof_current_size"]


def test_a_key_file_that_is_not_there(home):
    (home.var / "keys.json").unlink()
    diagnosis = examine(home.facts())
    found = next(one for one in diagnosis.findings if one.check == "key file")
    assert is_wrong(found, "fault", "there is no key file", "its own backup")
    assert set(diagnosis.skipped) == {"pages", "definitions"}


def test_a_key_file_that_is_none(home):
    (home.var / "keys.json").write_text("{}")
    assert is_wrong(home.look("key file"), "fault", "is not a key file of Signpost")


def test_a_key_file_that_others_may_read(home):
    (home.var / "keys.json").chmod(0o644)
    assert is_wrong(home.look("key file"), "warning", "others may read", "0644", "chmod 600")


def test_old_token_keys(home):
    os.utime(home.var / "keys.json", (time.time() - 400 * DAY,) * 2)
    assert is_wrong(home.look("key file"), "warning", "400 days old", "openssl rand -hex 32")
    held = json.loads((home.var / "keys.json").read_text())
    held["tokens"]["2"] = "ab" * 32
    (home.var / "keys.json").write_text(json.dumps(held))
    assert home.look("key file").state == "ok", "the advice works"
    assert "abab" not in json.dumps([str(one) for one in examine(home.facts()).findings])


def test_day_keys(home):
    today = day_of(time.time())
    with home.volatile.client() as client:
        client.delete(keys.day_key(today))
    assert is_wrong(home.look("day keys"), "warning", "today's key is not in the volatile store", "signpost serve")


def test_tomorrows_key_from_noon_on(home, open_store):
    volatile = open_store(home.ledger.url, home.volatile.url).volatile
    day = 20_000
    with home.volatile.client() as client:
        client.flushall()
    DayKeys(volatile).refresh(day * DAY + 60, day)
    at = lambda hours: home.look("day keys", clock=lambda: day * DAY + hours * HOUR)  # noqa: E731
    assert at(11).state == "ok"
    assert is_wrong(at(13), "warning", "tomorrow's key")
    DayKeys(volatile).refresh(day * DAY + 13 * HOUR, day)
    assert at(13).state == "ok"
    assert house.day_keys({}, 0.0, is_live=True).state == "fault", "somebody is being counted"


@pytest.fixture
def people(home, open_store, directory, fallbacks) -> Callable[..., World]:
    """A factory of worlds in the installation, with its key file or another one."""

    def make(key_file: str = "keys.json") -> World:
        store = open_store(home.ledger.url, home.volatile.url)
        return World(Runtime.make(store, Keyring.at(home.var / key_file), directory, fallbacks))

    return make


def test_pages_that_outgrow_the_compact_encoding(home, people, definition):
    now = int(time.time())
    tag, day = people().run(definition(), now).tags[0], day_of(now)
    assert home.look("definitions").state == "ok"
    with home.ledger.client() as client:
        pages = int(client.hget(keys.days(tag), str(day)))
        for rows, state in ((100, "ok"), (400, "warning"), (600, "warning")):
            full = {f"{number:08}": "12345678" for number in range(rows)}
            for number in range(pages // 2, pages // 2 + 10):  # of many pages, every few are looked at
                client.hset(keys.page(tag, day, number), mapping=full)
            found = home.look("pages")
            assert (found.state, str(rows) in found.found) == (state, True), found


def test_a_missing_day_key_is_a_fault_while_people_are_counted(home, people, definition):
    people().run(definition(), int(time.time()))
    assert home.look("day keys").state == "ok"
    with home.volatile.client() as client:
        client.flushall()
    assert is_wrong(home.look("day keys"), "fault", "today's")


def test_a_server_whose_hashes_are_compact_for_less():
    assert is_wrong(house.page(Page(50, 128)), "warning", "up to 128 rows", "CONFIG SET hash-max-ziplist-entries 512")


def test_a_spool_that_cannot_be_written(home):
    (home.var / "spool").write_text("a file, not a folder")
    assert is_wrong(home.look("spool"), "fault", "cannot be written", "SIGNPOST_SPOOL")


NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("look", "state", "word"),
    [
        (Look(0, 0, None, 4096, 100 * MIB, ()), "ok", "nothing waits"),
        (Look(3, 0, NOW - 5, 4096, 100 * MIB, ()), "ok", "3 events wait"),
        (Look(3, 0, NOW - 3600, 4096, 100 * MIB, ()), "warning", "the oldest for 60 minutes"),
        (Look(9, 0, NOW - 5, 60 * MIB, 100 * MIB, ()), "warning", "(60%)"),
        (Look(9, 0, NOW - 5, 95 * MIB, 100 * MIB, ()), "fault", "(95%)"),
        (Look(0, 2, None, 4096, 100 * MIB, ()), "warning", "2 events were set aside"),
        (Look(0, 0, None, 4096, 100 * MIB, ("spool.damaged-1",)), "warning", "spool.damaged-1"),
    ],
)
def test_what_is_in_the_spool(look, state, word):
    found = house.spool(Spool("/var/spool", True, look), NOW)
    assert (found.state, word in found.found) == (state, True), found


def test_a_spool_that_cannot_be_read(home):
    (home.var / "spool").mkdir()
    (home.var / "spool" / "spool.sqlite3").write_bytes(b"no database at all" * 100)
    assert is_wrong(home.look("spool"), "fault", "cannot be read")


def test_definitions_that_no_key_opens(home, people, definition):
    people("other.json").run(definition(), int(time.time()))
    assert is_wrong(home.look("definitions"), "fault", "was hidden by another key file", "SIGNPOST_KEY_FILE")
