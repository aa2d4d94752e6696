"""The ledger stops in the middle: the same warnings are shown, events wait in the spool, each is counted once."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis

from app import create_app
from app.settings import Settings
from experiments import replaying, waiting
from experiments.errors import StoreUnavailable
from tests.http.conftest import DOCUMENT, ORIGIN, Clock, Service, with_keys

SESSIONS = [f"session {n}" for n in range(12)]
BROWSER = {"Origin": ORIGIN}


@pytest.fixture
def make_outage(start_server, open_store, volatile_server, files) -> Callable[[Path], SimpleNamespace]:
    """A running experiment, with a spool in a folder, on a ledger of its own that can be stopped and started again."""

    def make(spool: Path) -> SimpleNamespace:
        server = start_server()
        with volatile_server.client() as client:
            client.flushall()
        store = open_store(server.url, volatile_server.url, budget=0.5)
        service = serve(files, store, spool, server.client(), {})
        with_keys(service).run(DOCUMENT)
        return SimpleNamespace(
            service=service, stop=lambda: stop(service, server), start=lambda: start(service, server),
            another=lambda folder: serve(files, store, folder, service.ledger, dict(service.keys)),
        )  # fmt: skip

    return make


@pytest.fixture
def outage(make_outage, tmp_path) -> SimpleNamespace:
    return make_outage(tmp_path / "spool")


@pytest.fixture
def without_spool(make_outage, tmp_path) -> SimpleNamespace:
    """The same, but the spool's folder would lie below a file."""
    (tmp_path / "file").write_text("")
    return make_outage(tmp_path / "file" / "spool")


def serve(files, store, spool: Path, ledger: redis.Redis, keys: dict[str, str]) -> Service:
    clock = Clock()
    app = create_app(Settings.read({**files, "SIGNPOST_SPOOL": str(spool)}), store=store, clock=clock)
    return Service(app, clock, ledger, keys)


def stop(service: Service, server) -> None:
    server.stop()
    with pytest.raises(StoreUnavailable):
        service.runtime.refresh(service.clock())


def start(service: Service, server) -> None:
    """Start it again on the same files."""
    server.process = subprocess.Popen(server.process.args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(service.ledger.ping)
    until(lambda: refreshed(service))


def refreshed(service: Service) -> bool:
    try:
        service.runtime.refresh(service.clock())
    except StoreUnavailable:
        return False
    return True


def until(is_true: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if is_true():
                return
        except redis.RedisError:
            pass
        time.sleep(0.02)
    raise AssertionError("it did not come back")


def replay(service: Service) -> int:
    """Replay until nothing waits; returns how many events were written. The breaker lets a trial through by itself."""
    written = 0

    def is_empty() -> bool:
        nonlocal written
        written += replaying.replay(service.runtime, service.clock)
        return not any(waits for waits, _ in service.runtime.spool.waiting().values())

    until(is_empty)
    return written


def waits(service: Service) -> int:
    return sum(number for number, _ in service.runtime.spool.waiting().values())


def browser_ask(service: Service, session: str) -> dict:
    answer = service.post(
        service.browser_path(), {"surface": "search-uk", "session": session}, key=None, headers=BROWSER
    )
    assert answer.status_code == 200, answer.text
    return answer.json


def is_unavailable(answer) -> bool:
    told = answer.status_code, answer.json["type"].rpartition("/")[2]
    return told == (503, "store-unavailable") and int(answer.headers["Retry-After"]) > 0


def test_everything_of_an_outage_is_counted_once_afterwards(outage):
    service = outage.service
    before = {session: service.ask(session)["variant"] for session in SESSIONS[:6]}
    counted = service.shown("counted")
    cells = {name: n for name, n in service.hashes().items() if b":c:" in name}

    outage.stop()
    during = {session: service.ask(session, expose=True) for session in SESSIONS}
    assert {session: during[session]["variant"] for session in before} == before
    assert {given["receipt"] for given in during.values()} == {"spooled"}
    assert all(given["in_experiment"] and given["token"] for given in during.values())
    browsers = browser_ask(service, "in a browser")
    assert browsers["in_experiment"] is True
    page = service.get("/v1/warnings/search-uk", key="server", headers={"Signpost-Session": SESSIONS[0]})
    assert (page.status_code, f"{before[SESSIONS[0]]} en" in page.text) == (200, True)
    for key, told in (("server", {"receipt": "spooled"}), (None, {})):
        for path, body in (
            ("exposures", {"token": counted["token"]}),
            ("exposures", {"token": browsers["token"]} if key is None else {"token": during[SESSIONS[1]]["token"]}),
            ("outcomes", {"token": counted["token"], "outcome": "left"}),
            ("outcomes", {"token": during[SESSIONS[0]]["token"], "outcome": "left"}),
        ):
            for _ in range(2):  # somebody sends it again
                answer = service.post(f"/v1/{path}", body, key=key)
                assert (answer.status_code, answer.json) == (202, told)
    by_session = {"experiment": "four-lines", "session": SESSIONS[2], "outcome": "help_sought", "channel": "email"}
    answer = service.post("/v1/outcomes", by_session)
    assert (answer.status_code, answer.json) == (202, {"receipt": "spooled"})
    click = next(offer["href"] for offer in counted["help"] if offer["channel"] == "click")
    assert service.get(click.removeprefix("http://localhost")).status_code == 302

    outage.start()
    assert {name: n for name, n in service.hashes().items() if b":c:" in name} == cells, "not before the replay"
    written = replay(service)
    assert written == 12 + 1 + 1 + 16 + 1 + 1, "each event, also those sent twice"
    wanted = {
        "a": 14,  # twelve sessions, `counted`, the browser's
        "e": 14,
        "o12": 2, "o13": 2, "d0": 2,  # left, reported and attested; help sought by e-mail and by the click
        "o3": 1, "o4": 1,
    }  # fmt: skip
    assert {measure: service.total(measure) for measure in wanted} == wanted
    assert service.apart() == {}
    after = service.hashes()
    assert replaying.replay(service.runtime, service.clock) == 0
    assert service.hashes() == after
    again = {session: service.ask(session, expose=True) for session in SESSIONS}
    assert {given["receipt"] for given in again.values()} == {"already"}
    assert {session: given["variant"] for session, given in again.items()} == {
        session: given["variant"] for session, given in during.items()
    }
    assert service.outcome(during[SESSIONS[0]]["token"], outcome="left", channel=None).json == {"receipt": "already"}


def test_it_says_how_it_is(outage):
    service = outage.service
    counted = service.shown("counted")
    outage.stop()
    service.shown("another")
    ready = service.get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (200, "degraded")
    assert service.get("/healthz").json == {"status": "ok"}
    assert "signpost_degraded 1.0" in service.get("/metrics").text
    for path in ("/v1/experiments", "/v1/experiments/four-lines", "/v1/experiments/four-lines/results"):
        assert is_unavailable(service.get(path))
    assert service.get("/experiments/four-lines").status_code == 503

    outage.start()
    waiting.tell(service.runtime, service.clock())
    result = service.get("/v1/experiments/four-lines/results").json
    assert any("wait to be counted" in notice and ": 1." in notice for notice in result["notices"])
    replay(service)
    waiting.tell(service.runtime, service.clock())
    result = service.get("/v1/experiments/four-lines/results").json
    assert not any("wait" in notice for notice in result["notices"])
    assert service.get("/readyz").json == {"status": "ok"}
    assert "signpost_degraded 0.0" in service.get("/metrics").text
    assert service.outcome(counted["token"]).json == {"receipt": "recorded"}


def test_nobody_learns_from_an_outage_what_a_token_is_worth(outage):
    """A browser gets the same answer for a forged token, and nothing of it is kept."""
    service = outage.service
    token = service.ask()["token"]
    outage.stop()
    forged = token[:-6] + ("AAAAAA" if token[-6:] != "AAAAAA" else "BBBBBB")
    answers = [
        service.post("/v1/outcomes", {"token": one, "outcome": "left"}, key=None).get_json() for one in (token, forged)
    ]
    assert answers == [{}, {}]
    assert waits(service) == 1
    refused = service.post("/v1/outcomes", {"token": forged, "outcome": "left"})
    assert refused.json["type"].endswith("/token-invalid")
    assert waits(service) == 1


def test_no_session_is_in_the_spool(outage, tmp_path):
    service = outage.service
    service.ask("a session that nobody may find")
    outage.stop()
    service.shown("a session that nobody may find")
    service.shown("and another that nobody may find")
    browser_ask(service, "a browser that nobody may find")
    body = {"experiment": "four-lines", "session": "a session that nobody may find", "outcome": "left"}
    assert service.post("/v1/outcomes", body).status_code == 202
    service.get("/v1/warnings/search-uk", key="server", headers={"Signpost-Session": "a page that nobody may find"})
    assert waits(service) == 5
    held = {path.name: path.read_bytes() for path in (tmp_path / "spool").rglob("*") if path.is_file()}
    assert any(
        service.runtime.catalogue.snapshot.by_key["four-lines"].tags[0].encode() in data for data in held.values()
    )
    assert [name for name, data in held.items() if b"nobody may find" in data] == []


def test_it_starts_with_the_last_copy_while_the_ledger_is_away(outage, tmp_path):
    service = outage.service
    before = {session: service.ask(session)["variant"] for session in SESSIONS[:6]}
    outage.stop()
    young = outage.another(tmp_path / "spool")
    ready = young.get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (200, "degraded")
    during = {session: young.shown(session) for session in SESSIONS}
    assert {session: during[session]["variant"] for session in before} == before
    assert {given["receipt"] for given in during.values()} == {"spooled"}
    assert young.outcome(during[SESSIONS[7]]["token"]).json == {"receipt": "spooled"}

    outage.start()
    until(lambda: refreshed(young))
    assert replay(young) == 13
    assert young.get("/readyz").json == {"status": "ok"}
    assert [young.total(measure) for measure in ("a", "e", "d0")] == [12, 12, 1]


def test_it_starts_with_the_fallback_only_where_there_is_no_copy(outage, tmp_path):
    outage.stop()
    young = outage.another(tmp_path / "empty")
    ready = young.get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (503, "unavailable")
    assert young.get("/healthz").status_code == 200
    outage.start()
    until(lambda: refreshed(young))
    assert young.get("/readyz").json == {"status": "ok"}
    assert young.ask()["in_experiment"] is True


def test_where_nothing_can_be_kept_nothing_is_promised(without_spool):
    service = without_spool.service
    counted = service.shown("counted")
    assert service.get("/readyz").json == {"status": "ok"}
    without_spool.stop()
    during = {session: service.ask(session, expose=True) for session in SESSIONS}
    assert {given["receipt"] for given in during.values()} == {"uncounted"}
    assert all(given["in_experiment"] and given["token"] for given in during.values())
    ready = service.get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (503, "unavailable")
    assert "spool" in ready.json["detail"]
    forged = counted["token"][:-6] + "AAAAAA"
    for key in ("server", None):
        for path, body in (
            ("exposures", {"token": counted["token"]}),
            ("outcomes", {"token": counted["token"], "outcome": "left"}),
            ("outcomes", {"token": during[SESSIONS[0]]["token"], "outcome": "left"}),
        ):
            assert is_unavailable(service.post(f"/v1/{path}", body, key=key))
    assert is_unavailable(service.post("/v1/outcomes", {"token": forged, "outcome": "left"}, key=None))
    click = next(offer["href"] for offer in counted["help"] if offer["channel"] == "click")
    assert service.get(click.removeprefix("http://localhost")).status_code == 302, "help comes first"

    without_spool.start()
    arms = {measure: service.total(measure) for measure in ("a", "e", "d0", "o12", "o13")}
    assert arms == {"a": 1, "e": 1, "d0": 0, "o12": 0, "o13": 0}, "nothing of the outage was counted"
    until(lambda: service.outcome(during[SESSIONS[0]]["token"]).status_code == 202)
    for session in SESSIONS[1:3]:
        answer = service.outcome(during[session]["token"])
        assert (answer.status_code, answer.json) == (202, {"receipt": "uncounted"})
    assert service.post("/v1/exposures", {"token": during[SESSIONS[0]]["token"]}).json == {"receipt": "uncounted"}
    assert service.apart() == {"outage.help_sought": 3, "outage.exposed": 1}
    assert {measure: service.total(measure) for measure in arms} == arms
    ready = service.get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (200, "degraded"), "the next outage would find no spool"
    again = service.ask("session 11", expose=True)
    assert (again["receipt"], again["variant"]) == ("recorded", during["session 11"]["variant"])
    assert service.outcome(again["token"]).json == {"receipt": "recorded"}
    result = service.get("/v1/experiments/four-lines/results").json
    assert result["apart"] == {"outage.help_sought": 3, "outage.exposed": 1}
    assert any("outage" in notice for notice in result["notices"])
