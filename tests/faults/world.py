"""One service on its stores, with a running experiment, a key, and a book of what was acknowledged."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import redis

from experiments import desk
from experiments.directory import Fallbacks, HelpDirectory
from experiments.identity import Keyring
from experiments.lifecycle import Actor
from experiments.runtime import Runtime
from experiments.store import Store
from tests.faults.books import Books, Verdict, judge
from tests.faults.load import Batcher, Caller, Load, Notes, Visitor
from tests.faults.proxy import Proxy
from tests.faults.servers import DURABLE, FORGETFUL, Server, Service, until
from tests.http.conftest import DOCUMENT, FALLBACKS, HELP

FULL = os.environ.get("SIGNPOST_FAULTS", "short") == "full"


def scaled(short: int, full: int) -> int:
    """How much of something: in `make test`, and in `make faults`."""
    return full if FULL else short


class World:
    """`servers` are all that may hold rows; `address` is what the service is told of the ledger."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.notes = Notes()
        self.day_keys: dict[int, bytes] = {}

    # ---------------------------------------------------------------------------------------- building

    def start_store(self, *, synced: Path | None = None, **options: str) -> World:
        """A ledger and a volatile store; options are the ledger's, with _ for -."""
        changed = {name.replace("_", "-"): value for name, value in options.items()}
        self.ledger = self.server("ledger", DURABLE | changed, synced=synced)
        self.servers, self.address = [self.ledger], self.ledger.url
        return self.start_volatile()

    def start_volatile(self) -> World:
        self.volatile = self.server("volatile", FORGETFUL)
        return self

    def server(self, name: str, options: dict[str, str], *, synced: Path | None = None) -> Server:
        made = Server(self.folder / name, options, synced=synced)
        self._stack.callback(made.close)
        return made.start()

    def through_proxy(self) -> World:
        self.proxy = Proxy(self.ledger.port).start()
        self._stack.callback(self.proxy.close)
        self.address = self.proxy.url
        return self

    def serve(self, **environment: str) -> World:
        """As `prepare`, and start the service."""
        self.prepare(**environment).service.start()
        return self

    def prepare(self, **environment: str) -> World:
        """Run the experiment and make a key; the service is ready to be started."""
        files = {"SIGNPOST_HELP_FILE": HELP, "SIGNPOST_FALLBACK_FILE": FALLBACKS}
        var = self.folder / "var"
        var.mkdir()
        self.spool = Path(environment.get("SIGNPOST_SPOOL", var / "spool"))
        self._define(var)
        for name, content in files.items():
            files[name] = str(var / f"{name}.yml")
            Path(files[name]).write_text(json.dumps(content))
        stores = {"SIGNPOST_LEDGER_URL": self.address, "SIGNPOST_VOLATILE_URL": self.volatile.url}
        self.service = Service(var, **stores, **files, **environment)
        self._stack.callback(self.service.close)
        return self

    def _define(self, var: Path) -> None:
        store = Store.open(self.address, self.volatile.url, budget=5, patience=20)
        keyring = Keyring.at(var / "keys.json")
        runtime = Runtime.make(
            store, keyring, HelpDirectory.model_validate(HELP), Fallbacks.model_validate(FALLBACKS)
        )  # fmt: skip
        now = int(time.time())
        desk.apply(runtime, DOCUMENT, Actor("ann", now))
        for act, who in (("submit", "ann"), ("approve", "bob"), ("start", "bob")):
            desk.act(runtime, DOCUMENT["key"], act, Actor(who, now))
        _, self.key = desk.create_key(
            runtime, kind="server", partner="ours", surfaces=("search-uk", "search-de"), origins=(), now=now
        )  # fmt: skip
        runtime.refresh(now)
        live = runtime.catalogue.snapshot.by_key[DOCUMENT["key"]]
        self.version_key, self.plan = live.key, [outcome for _, outcome in live.version.outcomes]
        for client in (store.ledger.client, store.ledger.patient, store.volatile.client):
            client.close()

    # ------------------------------------------------------------------------------------------- using

    def visitor(self, notes: Notes | None = None) -> Visitor:
        caller = Caller(self.service.port, self.key)
        self._stack.callback(caller.close)
        return Visitor(caller, self.notes if notes is None else notes, self.version_key)

    def load(self, visitors: int = 4, batchers: int = 0, *, pause: float = 0.0, size: int = 400) -> Load:
        """Start load from so many connections of each kind."""
        works = []
        for number in range(visitors + batchers):
            notes, caller = Notes(), Caller(self.service.port, self.key)
            work = Visitor(caller, notes, self.version_key).visits()
            if number >= visitors:
                work = Batcher(caller, notes, size).batches()
            works.append((work, notes, caller))
        load = Load(works, pause).start()
        self._stack.callback(load.close)
        return load

    def waiting(self, table: str = "events") -> int:
        """Events in the spool; `aside` are those that were set aside."""
        file = self.spool / "spool.sqlite3"
        if not file.is_file():
            return 0
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as spool:
            return spool.execute(f"select count(*) from {table}").fetchone()[0]

    def settle(self, seconds: float = 60) -> None:
        """Wait until the service is well again and nothing waits in the spool."""
        until(self._is_well, f"the end of the replay ({self.waiting()} waiting; {self.service.told()})", seconds)
        assert self.waiting("aside") == 0, "events were set aside"

    def _is_well(self) -> bool:
        return self.service.is_up() and self.service.get("/readyz")[1]["status"] == "ok" and self.waiting() == 0

    # ---------------------------------------------------------------------------------------- checking

    def clients(self) -> Sequence[redis.Redis]:
        return [server.client for server in self.servers]

    def books(self) -> Books:
        return Books.read(self.clients())

    def read_day_keys(self) -> dict[int, bytes]:
        client = self.volatile.client
        return {int(name.rpartition(b":")[2]): client.get(name) for name in client.scan_iter(match="sp:day:*")}

    def verdict(self, books: Books) -> Verdict:
        self.day_keys = self.read_day_keys() | self.day_keys
        return judge(books, self.notes, self.day_keys, f"{DOCUMENT['key']}:1".encode() + b"\0")

    def check_counters(self) -> Books:
        """Counters say what the rows say."""
        books = self.books()
        assert books.differences(self.plan) == {}
        return books

    def check(self) -> Books:
        """Nothing is lost, nothing is there twice, counters say what the rows say."""
        books = self.check_counters()
        assert self.verdict(books) == Verdict()
        assert self.notes.moved == []
        return books
