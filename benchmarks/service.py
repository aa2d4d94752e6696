"""Signpost, and what it is compared with, served as in production: by Granian, in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.servers import Server, free_port, running, until
from experiments import desk
from experiments.directory import load_fallbacks, load_help
from experiments.identity import Keyring
from experiments.lifecycle import Actor
from experiments.model import Version
from experiments.reading import load_yaml
from experiments.runtime import Runtime
from experiments.store import Store

LIBRARY = Path(__file__).parents[1] / "experiments" / "library"
SURFACE = "search-uk"
PATIENCE = 5.0  # seconds; nobody waits while an experiment is set up


@dataclass(frozen=True)
class Service:
    """Something that is served, by the processes of `session`.

    `key` is a server key; `ledger` are the servers that hold its counts.
    """

    base: str
    session: int
    key: str
    ledger: list[Server]
    version: Version | None = None
    partner: int = 0
    keyring: Keyring | None = None

    @property
    def where(self) -> tuple[str, int]:
        host, _, port = self.base.removeprefix("http://").partition(":")
        return host, int(port)

    def request(self, path: str, body: bytes, kind: str = "application/json") -> bytes:
        """An HTTP/1.1 request with the key, byte for byte."""
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.key}\r\n"
        return f"{head}Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


@dataclass(frozen=True, slots=True)
class Size:
    """Worker processes, and threads of each."""

    workers: int = 2
    threads: int = 8


@contextmanager
def signpost(size: Size, ledger: list[Server] | None = None, *, url: str | None = None) -> Iterator[Service]:
    """`signpost serve` (surface public) with the library's experiment running on fresh servers.

    `ledger` are the servers of an own ledger at `url`.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="spb-", dir="/tmp")))
        ledger = ledger or [stack.enter_context(running())]
        volatile = stack.enter_context(running(fsync=None))
        address = url or ledger[0].url
        keyring = Keyring.at(folder / "keys.json")
        prepared, now = runtime(address, volatile.url, keyring), int(time.time())
        version = start(prepared, load_yaml((LIBRARY / "four-lines.yml").read_text()), now)
        made, text = desk.create_key(
            prepared, kind="server", partner="benchmark", surfaces=(SURFACE,), origins=(), now=now
        )
        settings = {
            "SIGNPOST_LEDGER_URL": address, "SIGNPOST_VOLATILE_URL": volatile.url, "SIGNPOST_VAR": str(folder),
            "SIGNPOST_SURFACES": "public", "SIGNPOST_WORKERS": str(size.workers),
            "SIGNPOST_THREADS": str(size.threads),
        }  # fmt: skip
        base, session = stack.enter_context(_served(["-m", "app", "serve"], settings, folder / "log"))
        yield Service(base, session, text, ledger, version, made.partner_number, keyring)


@contextmanager
def peer(name: str, size: Size, key: str, ledger: Server | None = None) -> Iterator[Service]:
    """An application of `benchmarks.peers` under Granian as it comes, with the same workers and threads."""
    settings = {"PEER_LEDGER_URL": ledger.url if ledger else "", "PEER_KEY": key}
    command = ["-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws", "--factory"]
    command += ["--workers", str(size.workers), "--blocking-threads", str(size.threads), f"benchmarks.peers:{name}"]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="spb-", dir="/tmp")))
        base, session = stack.enter_context(_served(command, settings, folder / "log"))
        yield Service(base, session, key, [ledger] if ledger else [])


def runtime(ledger: str, volatile: str, keyring: Keyring) -> Runtime:
    """What a command has at hand; patient with the stores."""
    directory = load_help(None)
    store = Store.open(ledger, volatile, budget=PATIENCE)
    return Runtime.make(store, keyring, directory, load_fallbacks(directory, None))


def start(prepared: Runtime, document: Any, now: int) -> Version:
    """Take a document through its life until it runs."""
    found = desk.apply(prepared, document, Actor("ann", now))
    for act, who in (("submit", "ann"), ("approve", "bob"), ("start", "bob")):
        found = desk.act(prepared, found.key, act, Actor(who, now))
    return found.latest


@contextmanager
def _served(command: list[str], settings: Mapping[str, str], log: Path) -> Iterator[tuple[str, int]]:
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIGNPOST_")}
    environment |= {"PORT": str(port), "GRANIAN_PORT": str(port), **settings}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *command], env=environment, stdout=out, stderr=out, start_new_session=True
        )
    base = f"http://127.0.0.1:{port}"
    try:
        until(lambda: process.poll() is not None or _ready(base), f"the start of {command[-1]}")
        if process.poll() is not None:
            raise SystemExit(f"{' '.join(command)} did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.5)  # the other workers
        yield base, process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _ready(base: str) -> bool:
    with urllib.request.urlopen(f"{base}/readyz", timeout=2) as answer:
        return bool(answer.status == 200)
