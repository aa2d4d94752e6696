"""Two services behind the compose file's proxy, renewed one after the other under load: nobody notices.

Twice in `make test`; twenty times with SIGNPOST_FAULTS=full (`make faults`).
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.http.conftest import Served, Service, _until_ready
from tests.proxy import Proxy, free_port, proxied

ROUNDS = 20 if os.environ.get("SIGNPOST_FAULTS") == "full" else 2
CALLERS = 8
PAUSE = 0.005  # seconds between a caller's requests: the load is steady, and the machine has more to do


@dataclass
class Caller:
    """A partner's server that keeps its connection: assignments, and an outcome for every second one."""

    port: int
    key: str
    context: ssl.SSLContext
    name: int
    stop: threading.Event
    acknowledged: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    def run(self) -> None:
        line = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=30)
        number = 0
        while not self.stop.wait(PAUSE):
            number += 1
            session = {"surface": "search-uk", "session": f"{self.name}-{number}", "expose": True}
            given = self._post(line, "assigned", "/v1/assignments", session)
            if number % 2 and "token" in given:
                outcome = {"token": given["token"], "outcome": "help_sought", "channel": "call"}
                self._post(line, "outcomes", "/v1/outcomes", outcome)
        line.close()

    def _post(self, line: http.client.HTTPSConnection, what: str, path: str, body: dict) -> dict:
        """Note it as acknowledged or as failed. A repeated request, whose first answer was lost, is `already`."""
        try:
            line.request("POST", path, json.dumps(body), {"Authorization": f"Bearer {self.key}"})
            with line.getresponse() as answer:
                status, found = answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.failed.append(f"{path}: {error!r}")
            line.close()
            return {}
        if status not in (200, 201) or found.get("receipt") not in ("recorded", "already"):
            self.failed.append(f"{path}: {status} {found}")
            return {}
        self.acknowledged[what] += 1
        return found


@dataclass
class Load:
    """All callers."""

    callers: list[Caller]

    @property
    def acknowledged(self) -> Counter[str]:
        return sum((caller.acknowledged for caller in self.callers), Counter())

    @property
    def failed(self) -> list[str]:
        return [what for caller in self.callers for what in caller.failed]


@contextmanager
def loaded(proxy: Proxy, key: str) -> Iterator[Load]:
    """Callers at work; afterwards each has the answer to its last request."""
    stop = threading.Event()
    context = ssl.create_default_context(cafile=proxy.folder / "certificate")
    load = Load([Caller(proxy.port, key, context, name, stop) for name in range(CALLERS)])
    threads = [threading.Thread(target=caller.run) for caller in load.callers]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


def serve(port: int, environment: dict[str, str], log: Path) -> Served:
    """Start a public service and wait until it is ready."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve", "--surfaces", "public"],
            env={**environment, "PORT": str(port), "SIGNPOST_SPOOL": f"{log}.spool"},
            stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    served = Served(f"http://127.0.0.1:{port}", process, "", log)
    _until_ready(served)
    return served


def stop(served: Served) -> int:
    """Ask it to stop; returns how it ended."""
    served.process.terminate()
    return served.process.wait(30)


@contextmanager
def serving(
    ports: tuple[int, int], environment: dict[str, str], folder: Path
) -> Iterator[tuple[list[Served], Callable[[int], int]]]:
    """Two services, and what renews one of them."""
    logs = [folder / f"service-{port}" for port in ports]
    services = [serve(port, environment, log) for port, log in zip(ports, logs, strict=True)]

    def renew(which: int) -> int:
        status = stop(services[which])
        services[which] = serve(ports[which], environment, logs[which])
        return status

    try:
        yield services, renew
    finally:
        for served in services:
            if served.process.poll() is None:
                stop(served)


@pytest.mark.slow
def test_no_request_fails_while_both_services_are_renewed(
    service: Service, ledger, volatile_server, files: dict[str, str], tmp_path: Path, record_property
):
    service.clock.now = time.time()
    environment = {
        **files, "SIGNPOST_LEDGER_URL": ledger.url, "SIGNPOST_VOLATILE_URL": volatile_server.url,
        "SIGNPOST_TRUSTED_PROXIES": "1", "PATH": os.environ["PATH"],
        "SIGNPOST_STORE_BUDGET_MS": "10000",  # how patient a service is with a slow ledger is not the subject here
    }  # fmt: skip
    ports = free_port(), free_port()
    with (
        serving(ports, environment, tmp_path) as (services, renew),
        proxied(tmp_path, ports) as proxy,
        loaded(proxy, service.keys["server"]) as load,
    ):
        for _ in range(ROUNDS):
            for which in (0, 1):
                before = load.acknowledged.total()
                assert renew(which) == 0, services[which].log.read_text()[-2000:]
                assert load.acknowledged.total() > before, "nobody asked meanwhile: this test would be blind"
    assert load.failed == []
    counted = {"assigned": service.total("a"), "outcomes": service.total("d0")}
    assert counted == dict(load.acknowledged)
    assert service.total("e") == load.acknowledged["assigned"]
    record_property("faults", f"{ROUNDS} rolling restarts, {load.acknowledged.total()} acknowledged, none failed")
