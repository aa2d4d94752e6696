"""The ledger stops in the middle: the same warnings are shown, nothing false is counted, and it comes back."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import redis

from app import create_app
from app.settings import Settings
from experiments.errors import StoreUnavailable
from tests.http.conftest import DOCUMENT, NOON, ORIGIN, Clock, Service, with_keys

SESSIONS = [f"session {n}" for n in range(12)]


@pytest.fixture
def outage(start_server, open_store, volatile_server, files) -> SimpleNamespace:
    """A running experiment on a ledger of its own that can be stopped and started again."""
    server = start_server()
    with volatile_server.client() as client:
        client.flushall()
    store = open_store(server.url, volatile_server.url, budget=0.5)
    clock = Clock()
    app = create_app(Settings.read(files), store=store, clock=clock)
    with server.client() as client:
        service = with_keys(Service(app, clock, client))
        service.run(DOCUMENT)
        yield SimpleNamespace(service=service, stop=lambda: stop(service, server), start=lambda: start(service, server))


def stop(service: Service, server) -> None:
    server.stop()
    with pytest.raises(StoreUnavailable):
        service.runtime.refresh(service.clock())


def start(service: Service, server) -> None:
    """Start it again on the same files."""
    server.process = subprocess.Popen(server.process.args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(service.ledger.ping)
    service.runtime.refresh(service.clock())


def wait_for(is_true: Callable[[], object]) -> None:
    for _ in range(300):
        try:
            if is_true():
                return
        except redis.RedisError:
            pass
        time.sleep(0.02)
    raise AssertionError("the server did not come back")


def test_a_ledger_that_goes_and_comes_back(outage):
    service = outage.service
    before = {session: service.ask(session)["variant"] for session in SESSIONS[:6]}
    counted = service.shown("counted")
    assigned = service.total("a")

    outage.stop()
    during = {session: service.ask(session, expose=True) for session in SESSIONS}
    assert {session: during[session]["variant"] for session in before} == before
    assert {given["receipt"] for given in during.values()} == {"uncounted"}
    assert all(given["in_experiment"] and given["token"] for given in during.values())
    page = service.get("/v1/warnings/search-uk", key="server", headers={"Signpost-Session": SESSIONS[0]})
    assert (page.status_code, f"{before[SESSIONS[0]]} en" in page.text) == (200, True)
    ready = service.get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (200, "degraded")
    assert service.get("/healthz").json == {"status": "ok"}
    assert "signpost_degraded 1.0" in service.get("/metrics").text
    for key in ("server", None):
        for path, body in (
            ("exposures", {"token": counted["token"]}),
            ("outcomes", {"token": counted["token"], "outcome": "left"}),
            ("outcomes", {"token": during[SESSIONS[0]]["token"], "outcome": "left"}),
        ):
            answer = service.post(f"/v1/{path}", body, key=key)
            assert (answer.status_code, answer.json["type"].rpartition("/")[2]) == (503, "store-unavailable")
            assert int(answer.headers["Retry-After"]) > 0
    click = next(offer["href"] for offer in counted["help"] if offer["channel"] == "click")
    assert service.get(click.removeprefix("http://localhost")).status_code == 302
    headers = {"Origin": ORIGIN}
    assert service.post(service.browser_path(), {"surface": "search-uk"}, key=None, headers=headers).status_code == 200
    for path in (
        "/v1/experiments",
        "/v1/experiments/four-lines",
        "/v1/experiments/four-lines/results",
        "/experiments/four-lines",
    ):
        assert service.get(path).status_code == 503

    outage.start()
    assert service.get("/readyz").json == {"status": "ok"}
    assert "signpost_degraded 0.0" in service.get("/metrics").text
    assert service.total("a") == assigned, "nothing of the outage was counted"
    arms = service.total("e"), service.total("o7"), service.total("d0")
    for session in SESSIONS[:3]:
        answer = service.outcome(during[session]["token"])
        assert (answer.status_code, answer.json) == (202, {"receipt": "uncounted"})
    assert service.post("/v1/exposures", {"token": during[SESSIONS[0]]["token"]}).json == {"receipt": "uncounted"}
    assert service.apart() == {"outage.help_sought": 3, "outage.exposed": 1}
    assert (service.total("e"), service.total("o7"), service.total("d0")) == arms
    again = service.ask("session 11", expose=True)
    assert (again["receipt"], again["variant"]) == ("recorded", during["session 11"]["variant"])
    assert service.outcome(again["token"]).json == {"receipt": "recorded"}
    result = service.get("/v1/experiments/four-lines/results").json
    assert result["apart"] == {"outage.help_sought": 3, "outage.exposed": 1}
    assert any("outage" in notice for notice in result["notices"])


def test_it_starts_while_the_ledger_is_away(outage, files):
    service = outage.service
    outage.stop()
    app = create_app(Settings.read(files), store=service.runtime.store, clock=Clock(NOON))
    young = Service(app, Clock(NOON), service.ledger, dict(service.keys))
    ready = young.get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (503, "unavailable")
    assert young.get("/healthz").status_code == 200
    outage.start()
    young.runtime.refresh(NOON)
    assert young.get("/readyz").json == {"status": "ok"}
    assert young.ask()["in_experiment"] is True
