"""Headers of every response, metrics without names, logs and errors without persons.

The headers themselves are checked on every answer of every test here, by `Service.call`; this module goes
through all addresses.
"""

from __future__ import annotations

import logging
import re

import pytest

from tests.http.conftest import ORIGIN

SAMPLES = {
    "token": "x", "resource": "y", "channel": "call", "surface": "search-uk", "key": "four-lines", "act": "stop",
    "code": "late", "filename": "signpost.css", "rest": "x", "account_id": "0123456789abcdef", "number": "1",
}  # fmt: skip


def addresses(service) -> list[tuple[str, str]]:
    """Every method and path that the application answers."""
    found = []
    for rule in service.app.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda m: SAMPLES[m[1]], rule.rule)
        found += [(method, path) for method in sorted(rule.methods or ())]
    return found


def test_every_address(service):
    """With a good key, without one, and with a body of nonsense: headers hold, nothing is a fault of ours."""
    for method, path in addresses(service):
        for options in ({}, {"key": "server"}, {"data": b"\xff", "key": "server"}):
            answer = service.call(method, path, **options)
            assert answer.status_code not in (500, 501), f"{method} {path}: {answer.text}"


def test_faults_have_the_headers_too(service, monkeypatch):
    def broken(*_args, **_options):
        raise ZeroDivisionError

    monkeypatch.setattr("app.public.health.reply", broken)
    monkeypatch.setattr("app.public.events.expose", broken)
    assert service.get("/healthz").status_code == 500
    answer = service.post("/v1/exposures", {"token": "x"}, key=None)
    assert answer.status_code == 500
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_only_the_warning_may_stand_in_a_frame_and_only_of_the_keys_own_sites(service):
    for _, path in addresses(service):
        policy = service.get(service.browser_path(path)).headers["Content-Security-Policy"]
        sites = ORIGIN if path.startswith("/v1/warnings/") else "'none'"
        assert policy.endswith(f"frame-ancestors {sites}"), path


# ----------------------------------------------------------------------------------------- metrics


def a_day_of_everything(service) -> dict:
    given = service.shown("canary-session")
    for body in ({}, {"outcome": "left", "channel": None}, {"channel": "chat"}, {"channel": "fax"}):
        service.outcome(given["token"], **body)
        service.outcome(given["token"], key=None, **body)
    service.get(given["help"][0]["href"].removeprefix("http://localhost"))
    service.get("/v1/warnings/search-uk", key="server")
    service.get("/v1/experiments/four-lines/results")
    return given


def test_no_label_names_an_experiment_a_variant_an_outcome_or_a_channel(service):
    before = set(re.findall(r'route="([^"]*)"', service.get("/metrics").text))  # of applications of other tests, too
    given = a_day_of_everything(service)
    answer = service.get("/metrics")
    assert answer.content_type.startswith("text/plain")
    labels = dict(re.findall(r'(\w+)="([^"]*)"', answer.text))
    assert set(labels) == {"route", "status", "act", "receipt"}
    values = set(re.findall(r'"([^"]*)"', answer.text))
    names = {
        "four-lines", "present", "law", "harm", "help_sought", "proceeded", "left", "repeat_trigger", "complaint", "call",
        "email", "click", "chat", "self_help", "fax", "search-uk", "helpline", "young-line", "ours", given["variant"],
    }  # fmt: skip
    routes = {rule.rule for rule in service.app.url_map.iter_rules()}
    assert {value for value in values - before if value.startswith("/")} <= routes
    assert not names & {part for value in values - routes - before for part in re.split(r"[^\w-]+", value)}
    assert 'signpost_receipts_total{act="outcome",receipt="recorded"}' in answer.text
    assert 'signpost_receipts_total{act="go",receipt=' in answer.text


def test_addresses_that_are_not_ours_share_one_label(service):
    service.get("/v1/canary-path")
    text = service.get("/metrics").text
    assert "canary-path" not in text
    assert 'route="unknown",status="404"' in text


# ----------------------------------------------------------------------------------------- privacy

CANARIES = {
    "session": "canary-session-5f1c", "address": "198.51.100.77", "agent": "CanaryAgent/9.9", "referer": "canary-query",
    "cookie": "canary-cookie",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/html"])
def test_nothing_of_a_person_is_logged_or_told(service, caplog, capfd, monkeypatch, kind):
    caplog.set_level(logging.DEBUG)
    session, told = CANARIES["session"], []
    from_person = {
        "headers": {
            "User-Agent": CANARIES["agent"], "Referer": f"https://x/?q={CANARIES['referer']}", "Accept": kind,
            "Cookie": f"a={CANARIES['cookie']}", "Origin": ORIGIN,
        },
        "environ_overrides": {"REMOTE_ADDR": CANARIES["address"]},
    }  # fmt: skip
    where = {"surface": "search-uk", "session": session}
    given = service.ask(session, expose=True)
    secret, token = service.keys["server"].split("_", 2)[2], given["token"]
    go = given["help"][0]["href"].split("/")[5]
    forced = service.ask(session, override="law")
    forced_go = forced["help"][0]["href"].split("/")[5]

    def post(path: str, body, key: str | None = "server"):
        told.append(service.post(path, body, key=key, **from_person))

    def everything() -> None:
        post("/v1/assignments", {**where, "nope": 1})
        post("/v1/assignments", {**where, "session": session * 10})
        post("/v1/assignments", {**where, "stratum": "nope"})
        post("/v1/assignments", {**where, "surface": "nowhere"})
        post("/v1/assignments", where, key=service.keys["server"][:-1] + "-")
        post("/v1/assignments", f'{{"session":"{session}","surface":"search-uk"')
        post("/v1/assignments?key=pk_nobody", where, key=None)
        for path, body in (
            ("exposures", {"token": token}), ("exposures", {"token": token[:-5] + "AAAAA"}),
            ("outcomes", {"token": token, "outcome": "left"}), ("outcomes", {"token": token, "outcome": "x"}),
            ("outcomes", {"experiment": "four-lines", "session": session, "outcome": "left"}),
            ("outcomes", {"experiment": "four-lines", "session": f"{session}-other", "outcome": "left"}),
            ("outcomes", {"experiment": "nothing", "session": session, "outcome": "left"}),
        ):  # fmt: skip
            post(f"/v1/{path}", body)
            post(f"/v1/{path}", body, key=None)
        sent = {**from_person, "headers": {**from_person["headers"], "Signpost-Session": session}}
        for path, body in (("exposures", {}), ("outcomes", {"outcome": "left"})):
            post(f"/v1/{path}", {"token": forced["token"], **body})
        post("/v1/assignments", {**where, "override": "nope"})
        ways = ("as=matrix-error", "as=matrix-error&override=law", f"as={CANARIES['referer']}")
        told.extend(service.get(f"/v1/warnings/search-uk?{way}", key="server", **sent) for way in ways)
        told.append(service.get("/widget.js", **from_person))
        told.append(service.get(f"/v1/go/{forced_go}/helpline/click", **from_person))
        told.append(service.get("/v1/warnings/search-uk", key="sk_no_body", **sent))
        told.append(service.get(service.browser_path("/v1/warnings/search-uk"), **sent))
        told.append(service.get(f"/v1/go/{go}/nobody/click", **from_person))
        told.append(service.get(f"/v1/go/{go[:-5]}AAAAA/helpline/click", **from_person))

    everything()

    def broken(*args, **_options):
        raise ValueError(f"a fault that quotes {session} {args}")

    for name in ("app.public.assignments.assign", "app.public.events.expose", "app.public.events.outcome_by_token"):
        monkeypatch.setattr(name, broken)
    everything()
    assert any(answer.status_code == 500 for answer in told)
    out = capfd.readouterr()
    seen = {
        "answers": "\n".join(answer.text for answer in told) + "\n".join(str(answer.headers) for answer in told),
        "log": caplog.text + out.out + out.err,
        "metrics": service.get("/metrics").text,
        "store": str({k: v for k, v in service.hashes().items() if b"api_keys" not in k}),
    }
    assert "internal error: ValueError at" in seen["log"]
    secrets = {
        **CANARIES,
        "token": token,
        "go": go,
        "forced": forced["token"],
        "forced go": forced_go,
        "secret": secret,
    }
    found = {(place, name) for place, text in seen.items() for name, value in secrets.items() if value in text}
    assert found == set()
    keys = str([fields for name, fields in service.hashes().items() if b"api_keys" in name])
    assert service.keys["server-id"] in keys
    assert secret not in keys
