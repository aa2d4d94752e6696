"""The application over real stores, with a clock that tests move. Every answer is held against the promises.

Each response that passes through `Service.call` is checked: headers, no cookies, and, for a problem, that
its type is one of ours and is listed in the API description for the operation that gave it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from app import create_app
from app.problems import KINDS
from app.settings import Settings
from app.staff.cookies import FORMS, SESSION
from app.staff.gate import is_of_staff
from experiments import accounts, desk, signing_in
from experiments.accounts import Account
from experiments.errors import NotFound, StoreUnavailable
from experiments.lifecycle import Actor
from experiments.model import DAY, HOUR
from experiments.signing_in import Limits
from experiments.store import Store

TODAY = 20_781  # 2026-11-24, as days since 1970-01-01
NOON = TODAY * DAY + 12 * HOUR
ORIGIN = "https://partner.example"
AR = {"title": "توقف", "body": "هناك مساعدة.", "action": "اتصل"}


def resource(key: str, audience: list[str], *channels: tuple[str, str]) -> dict[str, Any]:
    return {
        "key": key, "name": key.title(), "countries": ["GB"], "languages": ["en"], "audience": audience,
        "time_zone": "Europe/London", "verified_on": "2026-11-01", "source": "https://example.org/",
        "channels": [
            {
                "channel": channel, "address": address, "display": address.partition(":")[2],
                "label": {"en": f"{key} by {channel}", "de": f"{key} per {channel}", "ar": f"{key} عبر {channel}"},
                **({"hours": [{"days": ["tue"], "from": "09:00", "to": "17:00"}]} if channel == "call" else {}),
            }
            for channel, address in channels
        ],
    }  # fmt: skip


HELP = {
    "schema": 1,
    "young_people": {"en": "Are you under 18?", "de": "Bist du unter 18?", "ar": "هل عمرك أقل من 18؟"},
    "resources": [
        resource(
            "helpline", ["adults"], ("call", "tel:+448081000900"), ("email", "mailto:help@example.org"),
            ("click", "https://help.example.org/start?from=a&to=b"),
        ),
        resource("young-line", ["under_18"], ("click", "https://young.example.org/"), ("call", "tel:+448001111")),
        resource("elsewhere", ["adults"], ("click", "https://elsewhere.example.org/")),
    ],
}  # fmt: skip


def texts(title: str) -> dict[str, dict[str, str]]:
    return {
        tag: {"title": f"{title} {tag}", "body": f"{tag} one\n\n{tag} two", "action": "Help"} for tag in ("en", "de")
    }


FALLBACKS = {
    "schema": 1,
    "surfaces": {
        "default": {"help": ["helpline", "elsewhere"], "messages": texts("Default")},
        "search-uk": {"help": ["helpline"], "messages": texts("Fallback UK")},
    },
}
DOCUMENT = {
    "schema": 1,
    "key": "four-lines",
    "title": "Which line makes people seek help?",
    "surfaces": ["search-uk", "search-de"],
    "strata": ["list-a", "list-b"],
    "variants": [
        {"key": key, "control": key == "present", "weight": weight, "factors": {}, "messages": texts(key)}
        for key, weight in (("present", 5000), ("law", 3000), ("harm", 2000))
    ],
    "help": ["helpline", "young-line"],
    "outcomes": {
        "primary": {"outcome": "help_sought"},
        "secondary": [{"name": "contact", "outcome": "help_sought", "channels": ["call", "email"]}],
        "guardrails": [{"outcome": "repeat_trigger", "better": "lower", "margin": {"ratio": 1.1}}],
    },
    "plan": {"expected_rate": 0.01, "minimum_effect": {"ratio": 1.2}, "units_per_variant": 1000},
}  # fmt: skip
STAFF, EVERY_ROLE = "Staff", ("researcher", "approver", "administrator")
CSP_NEEDED = ("default-src 'none'", "base-uri 'none'", "frame-ancestors ")


@dataclass
class Clock:
    """Unix seconds that stand still until they are moved."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


class Client(FlaskClient):
    """A test client that is signed in where only staff come in, as a person with every role unless `by` says who.

    It sends a token as programs do, so that forms need no CSRF token. A request with a cookie or an authorization of
    its own goes as it is; `by=None` is nobody.
    """

    def __init__(self, *given: Any, by: str | None = STAFF, **named: Any) -> None:
        super().__init__(*given, **named)
        self.by = by

    def open(self, *given: Any, **named: Any) -> TestResponse:
        if self.by is not None and given and isinstance(given[0], str):
            headers = named["headers"] = Headers(named.get("headers") or {})
            if "Cookie" not in headers and is_for_staff(self.application, given[0], named.get("method", "GET")):
                with suppress(StoreUnavailable):  # which is then what the request meets, too
                    headers["Authorization"] = f"Bearer {token(self.application, self.by)}"
        return super().open(*given, **named)


def is_for_staff(app: Flask, path: str, method: str) -> bool:
    """Whether a request needs somebody who is signed in."""
    try:
        found, _ = app.url_map.bind("localhost").match(unquote(path.partition("?")[0]), method)
    except HTTPException:
        return False
    view = app.view_functions[found]
    return is_of_staff(view) and not hasattr(view, "is_open")


def token(app: Flask, name: str, roles: tuple[str, ...] = EVERY_ROLE, **reach: Any) -> str:
    """A session of somebody, whose account is made if need be."""
    at = app.extensions["signpost"]
    store, now = at.runtime.store, int(at.clock())
    try:
        account = accounts.by_name(store, name)
    except NotFound:
        account = accounts.create(store, name, roles, Actor("tests", now), **reach)
    except StoreUnavailable:
        name_id = accounts.account_id(name)
        account = Account(id=name_id, name=name, roles=(), created=now)  # a session needs the volatile store only
    return signing_in.open_session(store, account, "link", now, Limits())


@dataclass
class Service:
    """An application with a running experiment, a server key and a browser key.

    Whoever calls what is for staff is signed in with every role, unless `by` says somebody else; see `Client`.
    """

    app: Flask
    clock: Clock
    ledger: redis.Redis
    keys: dict[str, str] = field(default_factory=dict)
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.app.test_client_class = Client
        with suppress(StoreUnavailable):
            token(self.app, STAFF)

    @property
    def runtime(self):
        return self.app.extensions["signpost"].runtime

    def key(
        self, name: str, *, kind: str = "server", partner: str = "ours", surfaces=("search-uk", "search-de"), origins=()
    ):
        """Create a key; returns its text."""
        made, text = desk.create_key(
            self.runtime,
            kind=kind,
            partner=partner,
            surfaces=tuple(surfaces),
            origins=tuple(origins),
            now=int(self.clock()),
        )
        self.runtime.refresh(self.clock())
        self.keys[name] = text
        self.keys[f"{name}-id"] = made.id
        return text

    def run(self, document: dict[str, Any]) -> None:
        """Take an experiment through its life until it runs."""
        now = int(self.clock())
        desk.apply(self.runtime, document, Actor("ann", now))
        for act, who in (("submit", "ann"), ("approve", "bob"), ("start", "bob")):
            desk.act(self.runtime, document["key"], act, Actor(who, now))
        self.runtime.refresh(now)

    def act(self, act: str, key: str = "four-lines", **options: Any) -> None:
        desk.act(self.runtime, key, act, Actor("cid", int(self.clock())), options)
        self.runtime.refresh(self.clock())

    def person(self, name: str, *roles: str, **reach: Any) -> str:
        """Make an account for requests `by` this name; `experiments` and `partners` are what it sees."""
        token(self.app, name, roles, **reach)
        return name

    # ------------------------------------------------------------------------------------- requests

    def call(
        self, method: str, path: str, *, key: str | None = None, headers: dict[str, str] | None = None,
        by: str | None = STAFF, **options: Any,
    ):  # fmt: skip
        """Make a request and hold the answer against what every answer promises."""
        sent = dict(headers or {})
        if key is not None:
            sent["Authorization"] = f"Bearer {self.keys.get(key, key)}"
        answer = self.app.test_client(use_cookies=False, by=by).open(
            path, method=method, headers=sent, buffered=True, **options
        )
        self._check(method, path, answer)
        return answer

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any, *, key: str | None = "server", **options: Any) -> TestResponse:
        data = body if isinstance(body, bytes | str) else json.dumps(body)
        return self.call("POST", path, key=key, data=data, **options)

    def ask(self, session: str | None = "someone", *, key: str | None = "server", **body: Any) -> dict[str, Any]:
        """An assignment that succeeds."""
        asked = {"surface": "search-uk", **({"session": session} if session else {}), **body}
        answer = self.post("/v1/assignments", asked, key=key)
        assert answer.status_code == 200, answer.text
        return answer.json

    def shown(self, session: str = "someone", **body: Any) -> dict[str, Any]:
        return self.ask(session, expose=True, **body)

    def outcome(self, token: str, *, key: str | None = "server", **fields: Any) -> TestResponse:
        body = {"token": token, "outcome": "help_sought", "channel": "call", **fields}
        return self.post("/v1/outcomes", {k: v for k, v in body.items() if v is not None}, key=key)

    def browser_path(self, path: str = "/v1/assignments") -> str:
        return f"{path}?key={self.keys['browser']}"

    # ------------------------------------------------------------------------------------- counters

    def hashes(self) -> dict[bytes, dict[bytes, bytes]]:
        """Every hash of the ledger: counters, rows, documents; not how many pages a day has, which the first look fixes."""
        names = [k for k in self.ledger.scan_iter(count=1000) if self.ledger.type(k) == b"hash" and k[-5:] != b":days"]
        return {name: self.ledger.hgetall(name) for name in names}

    def total(self, measure: str) -> int:
        """Units of a measure (a, e, d0, o1…) over all cells and days."""
        return sum(
            int(n)
            for key, fields in self.hashes().items() if b":c:" in key
            for name, n in fields.items() if name[:1].isdigit() and name.decode().endswith(f".{measure}")
        )  # fmt: skip

    def apart(self) -> dict[str, int]:
        found = [fields for key, fields in self.hashes().items() if key.endswith(b":apart")]
        return {name.decode(): int(n) for fields in found for name, n in fields.items()}

    # --------------------------------------------------------------------------------------- checks

    def _check(self, method: str, path: str, answer: TestResponse) -> None:
        check_headers(path, answer.headers, is_page=is_page_of_staff(self.app, path, method))
        if answer.content_type == "application/problem+json" and method != "HEAD":
            code = check_problem(answer.status_code, answer.headers, answer.get_json(force=True))
            self._check_listed(method, path, code)
        elif answer.status_code == 503:
            assert "Retry-After" in answer.headers

    def _check_listed(self, method: str, path: str, code: str) -> None:
        try:
            rule, _ = self.app.url_map.bind("localhost").match(
                unquote(path.partition("?")[0]), method, return_rule=True
            )
        except HTTPException:
            return  # no address of ours
        if not hasattr(self.app.view_functions[rule.endpoint], "contract"):
            return  # a page for people
        template = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        self.seen.add((template, method.lower(), code))
        assert code in listed(self.app)[template, method.lower()], f"{method} {template} does not list {code}"


STAFF_COOKIES = {name for own in (SESSION, FORMS) for name in (own, f"__Host-{own}")}


def is_page_of_staff(app: Flask, path: str, method: str) -> bool:
    """Whether a page of staff is asked for, signing in included."""
    try:
        found, _ = app.url_map.bind("localhost").match(unquote(path.partition("?")[0]), method)
    except HTTPException:
        return False
    return is_of_staff(app.view_functions[found]) and not path.startswith("/v1/")


def check_headers(path: str, headers: Any, *, is_page: bool = False) -> None:
    """Headers that every response has."""
    # Forms of staff need a cookie; nothing else has one, least of all what people meet who are warned.
    names = {value.partition("=")[0] for name, value in headers.items() if name.lower() == "set-cookie"}
    assert not names or (names <= STAFF_COOKIES and is_page), f"cookies {names}"
    policy = headers["Content-Security-Policy"]
    assert all(part in policy for part in CSP_NEEDED), policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    if not path.startswith(("/static/", "/widget.")):
        assert headers["Cache-Control"] == "no-store"


def check_problem(status: int, headers: Any, body: dict[str, Any]) -> str:
    """RFC 9457's fields and ours; returns the code."""
    code = body["type"].rpartition("/problems/")[2]
    assert code in KINDS, body
    assert body["status"] == status == KINDS[code].status
    assert body["title"] == KINDS[code].title
    assert body["detail"]
    assert body.get("pointer", "").startswith("/") or body.get("pointer", "") == ""
    assert ("Retry-After" in headers) == (status in (429, 503))
    return code


_LISTED: dict[tuple[str, ...], dict[tuple[str, str], set[str]]] = {}


def listed(app: Flask) -> dict[tuple[str, str], set[str]]:
    """Path and method → problem codes in the API description."""
    routes = tuple(sorted(rule.rule for rule in app.url_map.iter_rules()))
    if routes not in _LISTED:
        described = app.test_client().get("/openapi.json").get_json()
        _LISTED[routes] = {
            (path, method): {
                code
                for answer in operation["responses"].values()
                if "application/problem+json" in answer.get("content", {})
                for code in re.findall(r"[a-z]+(?:-[a-z]+)*", answer["description"].partition("Problem: ")[2])
            }
            for path, item in described["paths"].items()
            for method, operation in item.items()
        }
    return _LISTED[routes]


# ---------------------------------------------------------------------------------------- fixtures


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment that names help, fallback and key files of the tests' own."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "help.yml").write_text(json.dumps(HELP))
    (folder / "fallback.yml").write_text(json.dumps(FALLBACKS))
    return {
        "SIGNPOST_VAR": str(folder),
        "SIGNPOST_HELP_FILE": str(folder / "help.yml"),
        "SIGNPOST_FALLBACK_FILE": str(folder / "fallback.yml"),
    }


@pytest.fixture
def make_service(store: Store, ledger, files: dict[str, str], tmp_path: Path) -> Callable[..., Service]:
    """A factory of services; keyword arguments are settings by their name in the environment."""

    def make(*, on: Store | None = None, surfaces: tuple[str, ...] | None = None, **environment: str) -> Service:
        clock = Clock()
        own = {**files, "SIGNPOST_SPOOL": str(tmp_path / "spool"), **environment}
        app = create_app(Settings.read(own), store=on or store, surfaces=surfaces, clock=clock)
        return Service(app, clock, ledger.clients[0])

    return make


@pytest.fixture
def empty(make_service: Callable[..., Service]) -> Service:
    """A service with keys and without experiments."""
    return with_keys(make_service())


def with_keys(service: Service) -> Service:
    service.key("server")
    service.key("browser", kind="browser", origins=(ORIGIN,))
    return service


@pytest.fixture
def service(empty: Service) -> Service:
    """A service whose experiment runs on search-uk and search-de."""
    empty.run(DOCUMENT)
    return empty


# -------------------------------------------------------------------------------------- real HTTP


@dataclass
class Served:
    """The application under its real server."""

    base: str
    process: subprocess.Popen[bytes]
    key: str
    log: Path

    def open(
        self, path: str, data: bytes | None = None, headers: dict[str, str] | None = None, method: str | None = None
    ):
        """Make a request; returns status, headers and body, of an error too."""
        asked = urllib.request.Request(self.base + path, data, headers or {}, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.headers, answer.read()


@pytest.fixture
def server(service: Service, ledger, volatile_server, files: dict[str, str], tmp_path: Path) -> Iterator[Served]:
    """The running experiment of `service` over real HTTP."""
    service.clock.now = time.time()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **files, "SIGNPOST_SPOOL": str(tmp_path / "spool"), "PORT": str(port), "SIGNPOST_LEDGER_URL": ledger.url, "SIGNPOST_VOLATILE_URL": volatile_server.url,
        "SIGNPOST_REFRESH_SECONDS": "1", "PATH": os.environ["PATH"],
    }  # fmt: skip
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "serve"], env=environment, stdout=out, stderr=out, start_new_session=True
        )
    served = Served(f"http://127.0.0.1:{port}", process, service.keys["server"], log)
    try:
        _until_ready(served)
        yield served
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _until_ready(served: Served) -> None:
    for _ in range(200):
        if served.process.poll() is not None:
            break
        try:
            if served.open("/readyz")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"it did not start: {served.log.read_text()[-2000:]}")
