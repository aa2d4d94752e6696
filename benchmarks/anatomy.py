"""Where the time of an assignment goes: CPU of one thread, without server, sockets and ledger.

`python -m benchmarks.anatomy [--rounds 40] [--json]`

The same request goes through the bare route and through Signpost, in turns; the ledger's answer is there at once. Then
the parts of the latter, each by itself. Of all rounds the fastest counts, as other work on the machine only adds.
"""

from __future__ import annotations

import io
import json
import os
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app import create_app
from app.entrance import Entrance, Places
from app.public.bodies import AssignmentRequest
from app.settings import Settings
from benchmarks import peers, servers, service, told
from experiments import assignment, recording
from experiments.access import find_server_key
from experiments.identity import Keyring
from experiments.reading import load_json
from experiments.store import Store, acts
from experiments.store.batch import packed
from experiments.store.wire import Wire
from experiments.tokens import Grant
from experiments.units import Unit

REQUESTS, CALLS = 150, 2000
PATH = "/v1/assignments"


def measured(rounds: int) -> dict[str, float]:
    """Microseconds of CPU of a request and of its parts, by name."""
    with tempfile.TemporaryDirectory() as folder, servers.running() as ledger, servers.running(fsync=None) as volatile:
        settings = Settings.read({"SIGNPOST_VAR": folder, "SIGNPOST_SURFACES": "public"})
        prepared = service.runtime(ledger.url, volatile.url, Keyring.at(Path(settings.key_file)))
        now = int(time.time())
        service.start(prepared, service.load_yaml((service.LIBRARY / "four-lines.yml").read_text()), now)
        _, key = service.desk.create_key(
            prepared, kind="server", partner="benchmark", surfaces=(service.SURFACE,), origins=(), now=now
        )
        app = create_app(settings, store=Store.open(ledger.url, volatile.url, budget=service.PATIENCE))
        Wire.call = _at_once  # type: ignore[method-assign, assignment]
        bare = peers.bare()
        ours = Entrance(app, Places(settings.threads))
        whole = {"bare": lambda: _cpu(bare, key), "signpost": lambda: _cpu(ours, key)}
        found = {name: min(times) for name, times in _in_turns(whole, rounds).items()}
        return found | _parts(app.extensions["signpost"].runtime, key, now)


def _in_turns(whole: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in whole}
    for _ in range(rounds):
        for name, once in whole.items():
            times[name].append(once())
    return times


def _at_once(self: Wire, *commands: Any) -> list[Any]:  # noqa: ARG001
    """What the script answers to one new unit."""
    return [[1, 1, 1 << 27, int(time.time()) // 86_400]]


def _cpu(application: Any, key: str) -> float:
    fresh = os.urandom(6).hex()
    bodies = [json.dumps(_body(f"{fresh}-{number}")).encode() for number in range(REQUESTS)]
    begin = time.process_time()
    for body in bodies:
        answer = application(_environ(body, key), lambda *_: None)
        b"".join(answer)
        getattr(answer, "close", bool)()
    return (time.process_time() - begin) / REQUESTS * 1e6


def _body(session: str) -> dict[str, Any]:
    return {"surface": service.SURFACE, "session": session, "expose": True}


def _environ(body: bytes, key: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "POST", "PATH_INFO": PATH, "QUERY_STRING": "", "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "localhost", "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": "application/json", "HTTP_AUTHORIZATION": f"Bearer {key}", "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http", "wsgi.errors": sys.stderr, "wsgi.version": (1, 0), "wsgi.multithread": True,
        "wsgi.multiprocess": True, "wsgi.run_once": False, "REMOTE_ADDR": "127.0.0.1",
    }  # fmt: skip


def _parts(runtime: Any, key: str, now: int) -> dict[str, float]:
    live = next(iter(runtime.catalogue.snapshot.by_id.values()))
    phase = live.version.phase
    unit = Unit(live, assignment.draw(live.key, b"session").unit, now)
    slots = unit.slots(runtime)
    act = acts.assign(slots, live.terms, now=now, word=1 << 27, shown=True, locale="en", by_partner=True)
    grant = Grant(live.version.id, 1, 0, slots[0].day, slots[0].pseudonym, 1, 0, 0, 0, now)
    body = json.dumps(_body("session-0123456789")).encode()
    document = load_json(body)
    asked = recording.Asked(1, surface=service.SURFACE, session="session", shown=True, by_server=True)
    parts: dict[str, Callable[[], object]] = {
        "JSON, no field twice": lambda: load_json(body),
        "validation": lambda: AssignmentRequest.model_validate(document),
        "key": lambda: find_server_key(runtime.catalogue.snapshot.api_keys, key, now),
        "choice of the variant": lambda: assignment.choose(live.key, b"session", phase.weights, phase.traffic),
        "pseudonyms and places": lambda: unit.slots(runtime),
        "a lone write, without the ledger": lambda: runtime.store.ledger.write(act),
        "packing an act, of 16": lambda: packed([act] * 16),
        "two tokens": lambda: [runtime.keyring.sealer.seal(grant, purpose) for purpose in ("unit", "go")],
        "the use case as a whole": lambda: recording.assign(runtime, asked, now),
    }
    found = {name: min(timeit.repeat(call, number=CALLS, repeat=7)) / CALLS * 1e6 for name, call in parts.items()}
    found["packing an act, of 16"] /= 16
    return found


def main() -> None:
    options = told.arguments(__doc__, rounds=40)
    found = measured(options.rounds)
    rows = [(name, f"{microseconds:.1f}") for name, microseconds in found.items()]
    end = f"signpost over bare: {found['signpost'] / found['bare']:.2f}"
    told.tell(options, {"microseconds": found, "versions": told.versions()}, ("what", "CPU, µs"), rows, end)


if __name__ == "__main__":
    main()
