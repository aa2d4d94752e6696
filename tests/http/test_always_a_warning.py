"""Whoever asks for a warning gets one, whatever goes wrong: message and help in JSON, text and HTML."""

from __future__ import annotations

import json

import pytest

from experiments import desk
from experiments.directory import HelpDirectory
from tests.http.conftest import DOCUMENT, HELP, ORIGIN, with_keys

WHERE = {"surface": "search-uk", "session": "s"}
KINDS = ("application/json", "text/plain", "text/html")


def warns(answer, status: int, title: str = "Fallback UK en") -> None:
    """The answer has the status and still is a warning, in whatever kind it comes, in the title's language."""
    help_text = "helpline per call" if title.endswith("de") else "helpline by call"
    assert answer.status_code == status, answer.text
    if answer.content_type in ("application/json", "application/problem+json"):
        assert answer.json["message"]["title"] == title
        assert answer.json["message"]["young_people"]
        assert [offer["href"] for offer in answer.json["help"]]
        assert help_text in [offer["label"] for offer in answer.json["help"]]
        assert answer.json["message"]["body"]
        assert answer.json["message"]["action"]
    else:
        assert answer.content_type.split(";")[0] in KINDS
        for text in (title, help_text, "tel:+448081000900", "18?"):
            assert text in answer.text


def broken(*_args, **_options):
    raise ZeroDivisionError("a fault with canary-text")


# ------------------------------------------------------------------------------- POST /v1/assignments


BAD_BODIES = [
    ({**WHERE, "nope": 1}, 422, "Fallback UK en"),
    ({**WHERE, "locale": "de", "nope": 1}, 422, "Fallback UK de"),
    ({**WHERE, "locale": "de-AT", "session": ""}, 422, "Fallback UK de"),
    ({**WHERE, "locale": 5}, 422, "Fallback UK en"),
    ({**WHERE, "stratum": "nope", "locale": "de"}, 422, "Fallback UK de"),
    ({**WHERE, "override": "nope"}, 422, "Fallback UK en"),
    ({"experiment": "four-lines", "surface": "shop"}, 422, "Default en"),
    ({"session": "s"}, 422, "Default en"),
    ({"surface": ["search-uk"]}, 422, "Default en"),
    ([], 422, "Default en"),
    (b"null", 422, "Default en"),
    (b"", 400, "Default en"),
    (b"\xff", 400, "Default en"),
    (b'{"surface":"search-uk","surface":"x"}', 422, "Default en"),
    (b'{"\\ud800":1,"\\ud800":2}', 422, "Default en"),
    (b"[" * 4000 + b"]" * 4000, 400, "Default en"),
    (json.dumps({**WHERE, "nope": "x" * 9000}).encode(), 413, "Default en"),
]


@pytest.mark.parametrize(("body", "status", "title"), BAD_BODIES)
def test_a_body_that_is_wrong(service, body, status, title):
    service.key("any", surfaces=("*",))
    warns(service.post("/v1/assignments", body, key="any"), status, title)


def test_keys_and_origins_that_are_wrong(service):
    desk.revoke_key(service.runtime, service.keys["server-id"], int(service.clock()))
    service.runtime.refresh(service.clock())
    warns(service.post("/v1/assignments", WHERE), 401)
    warns(service.post("/v1/assignments", WHERE, key="sk_no_body"), 401)
    warns(service.post("/v1/assignments", WHERE, key=None), 401)
    warns(service.post(service.browser_path(), WHERE, key=None, headers={"Origin": "https://evil.example"}), 403)
    service.key("shop", surfaces=("shop",))
    warns(service.post("/v1/assignments", WHERE, key="shop"), 403)


def test_the_page_of_a_browser_can_read_the_warning_in_a_problem(service):
    headers = {"Origin": ORIGIN}
    answer = service.post(service.browser_path(), {**WHERE, "nope": 1}, key=None, headers=headers)
    warns(answer, 422)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Origin" in answer.headers["Vary"]


def test_too_many_requests(make_service):
    service = with_keys(make_service(SIGNPOST_BROWSER_REQUESTS="2"))
    service.run(DOCUMENT)
    headers = {"Origin": ORIGIN}
    path = service.browser_path()
    assert [service.post(path, WHERE, key=None, headers=headers).status_code for _ in range(2)] == [200, 200]
    before = service.hashes()
    answer = service.post(path, {**WHERE, "locale": "de"}, key=None, headers=headers)
    warns(answer, 429, "Fallback UK de")
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    for kind in KINDS:
        limited = service.get(service.browser_path("/v1/warnings/search-uk"), headers={"Accept": kind})
        warns(limited, 429)
        assert int(limited.headers["Retry-After"]) > 0
    assert service.hashes() == before
    assert service.post("/v1/assignments", WHERE).status_code == 200, "servers are not limited"


def test_networks_are_limited_apart(make_service):
    service = with_keys(make_service(SIGNPOST_BROWSER_REQUESTS="1"))

    def status(address: str) -> int:
        options = {"headers": {"Origin": ORIGIN}, "environ_overrides": {"REMOTE_ADDR": address}}
        return service.post(service.browser_path(), WHERE, key=None, **options).status_code

    addresses = (
        "192.0.2.1",
        "198.51.100.1",
        "::ffff:203.0.113.1",
        "::ffff:233.252.0.1",
        "2001:db8:1::1",
        "2001:db8:2::1",
    )
    assert [status(address) for address in addresses] == [200] * 6
    assert [status(same) for same in ("192.0.2.99", "::ffff:203.0.113.9", "203.0.113.5", "2001:db8:1:9::1")] == [
        429
    ] * 4


def test_a_fault_of_ours(service, monkeypatch):
    monkeypatch.setattr("app.public.assignments.assign", broken)
    warns(service.post("/v1/assignments", {**WHERE, "locale": "de"}), 500, "Fallback UK de")
    for kind in KINDS:
        warns(service.get("/v1/warnings/search-uk", key="server", headers={"Accept": kind}), 500)


def test_a_fault_while_the_request_is_read(service, monkeypatch):
    monkeypatch.setattr("app.contract.load_json", broken)
    monkeypatch.setattr("app.public.assignments.load_json", broken)
    warns(service.post("/v1/assignments", WHERE), 500, "Default en")


def test_no_store_at_all(make_service, open_store, tmp_path):
    store = open_store(f"unix://{tmp_path}/nobody", f"unix://{tmp_path}/nobody", budget=0.2)
    service = make_service(on=store)
    warns(service.post("/v1/assignments", WHERE, key="sk_any_key"), 401)
    for kind in KINDS:
        warns(service.get("/v1/warnings/search-uk", key="sk_any_key", headers={"Accept": kind}), 401)
    ready = service.get("/readyz")
    assert (ready.status_code, ready.json["status"]) == (503, "unavailable")
    assert service.get("/healthz").json == {"status": "ok"}


# ----------------------------------------------------------------------------------- GET /v1/warnings


@pytest.mark.parametrize("kind", [*KINDS, "*/*", "image/png"])
def test_warnings_that_are_refused(service, kind):
    accept = {"Accept": kind}
    service.key("shop", surfaces=("shop",))
    warns(service.get("/v1/warnings/search-uk", headers=accept), 401)
    warns(service.get("/v1/warnings/search-uk", key="sk_no_body", headers=accept), 401)
    warns(service.get("/v1/warnings/search-uk?key=pk_nobody", headers=accept), 401)
    warns(service.get("/v1/warnings/search-uk", key="shop", headers=accept), 403)
    warns(service.get("/v1/warnings/nowhere", key="server", headers=accept), 403, "Default en")
    for session in ("", "x" * 129, "\xff"):
        answer = service.get("/v1/warnings/search-uk", key="server", headers={**accept, "Signpost-Session": session})
        warns(answer, 422)
    with_session = {**accept, "Signpost-Session": "s"}
    warns(service.get(service.browser_path("/v1/warnings/search-uk"), headers=with_session), 422)


@pytest.mark.parametrize("locale", ["de", "de-AT", "DE_at"])
def test_a_refused_warning_speaks_the_language_that_was_asked_for(service, locale):
    for kind in KINDS:
        answer = service.get(f"/v1/warnings/search-uk?locale={locale}", headers={"Accept": kind})
        warns(answer, 401, "Fallback UK de")


@pytest.mark.parametrize("locale", ["xx", "%ff%00", "-" * 3000, "a-" * 2000, "<script>"])
def test_a_locale_that_nobody_has(service, locale):
    for kind in KINDS:
        answer = service.get(f"/v1/warnings/search-uk?locale={locale}", key="server", headers={"Accept": kind})
        warns(answer, 200)
        assert "<script" not in answer.text


@pytest.mark.parametrize("act", ["suspend", "stop"])
def test_no_experiment_on_the_surface(service, act):
    service.act(act)
    warns(service.post("/v1/assignments", WHERE), 200)
    for kind in KINDS:
        warns(service.get("/v1/warnings/search-uk", key="server", headers={"Accept": kind}), 200)


def test_a_help_resource_that_left_the_directory(service):
    href = next(offer["href"] for offer in service.ask()["help"] if offer["resource"] == "young-line")
    left = [entry for entry in HELP["resources"] if entry["key"] != "young-line"]
    service.runtime.directory = HelpDirectory.model_validate({**HELP, "resources": left})
    service.runtime.catalogue.snapshot.by_key["four-lines"].decided.clear()  # as in a process that starts with it
    assert {offer["resource"] for offer in service.ask()["help"]} == {"helpline"}
    answer = service.get(href.removeprefix("http://localhost"))
    assert (answer.status_code, "helpline by call" in answer.text) == (200, True)
