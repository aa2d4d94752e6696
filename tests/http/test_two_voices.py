"""Partners' servers get exact receipts; browsers learn nothing but that their report was taken."""

from __future__ import annotations

import json

from experiments.model import DAY
from tests.http.conftest import DOCUMENT, ORIGIN, with_keys

TEXT = {"Content-Type": "text/plain;charset=UTF-8"}


def receipt(answer) -> tuple[int, str]:
    return answer.status_code, answer.json["receipt"]


def as_browser(service, path: str, body) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Status, body and headers that a browser gets."""
    answer = service.post(f"/v1/{path}", body, key=None, headers={**TEXT, "Origin": "https://any.example"})
    return answer.status_code, answer.data, sorted(answer.headers.items())


# ---------------------------------------------------------------------------------------- servers


def test_exposures_of_a_server(service):
    token = service.ask()["token"]
    assert receipt(service.post("/v1/exposures", {"token": token})) == (201, "recorded")
    assert receipt(service.post("/v1/exposures", {"token": token})) == (200, "already")
    assert service.total("e") == 1


def test_outcomes_of_a_server(service):
    token = service.shown()["token"]
    assert receipt(service.outcome(token)) == (201, "recorded")
    assert receipt(service.outcome(token)) == (200, "already")
    assert receipt(service.outcome(token, channel="email")) == (201, "recorded")
    assert service.total("d0") == 1, "one unit is one conversion"
    assert service.total("o1") == service.total("o3") == 1
    by_session = {"experiment": "four-lines", "session": "someone", "outcome": "help_sought", "channel": "call"}
    assert receipt(service.post("/v1/outcomes", by_session)) == (200, "already")
    assert receipt(service.post("/v1/outcomes", {**by_session, "channel": "chat"})) == (201, "recorded")


def test_an_outcome_by_token_records_the_missing_exposure(service):
    token = service.ask()["token"]
    assert service.total("e") == 0
    assert receipt(service.outcome(token)) == (201, "recorded")
    assert service.total("e") == 1
    assert receipt(service.post("/v1/exposures", {"token": token})) == (200, "already")


def test_assignments_of_a_server(service):
    first, again = service.ask(), service.ask()
    assert (first["receipt"], again["receipt"]) == ("recorded", "already")
    assert first["variant"] == again["variant"]
    assert first["session"] is None
    assert (service.total("a"), service.total("e")) == (1, 0)
    minted = service.ask(None)
    assert minted["session"]
    assert service.ask(minted["session"])["receipt"] == "already"


def test_a_repeated_request_id_is_the_same_unit(service):
    first, again = (service.ask(None, request_id="r-1") for _ in range(2))
    assert (first["variant"], first["session"]) == (again["variant"], again["session"])
    assert service.total("a") == 1


def test_an_override_is_never_counted(service):
    before = service.hashes()
    for variant in ("law", "harm"):
        found = service.shown(override=variant)
        assert (found["variant"], found["in_experiment"], found["reason"]) == (variant, False, "override")
        assert found["message"]["title"] == f"{variant} en"
        assert service.outcome(found["token"]).json == {"receipt": "uncounted"}
    assert service.hashes() == before


def test_already_speaks_of_what_the_partner_reported_itself(service):
    token = service.shown()["token"]
    for body in ({"channel": "call"}, {"outcome": "left", "channel": None}, {"outcome": "complaint", "channel": None}):
        assert service.outcome(token, key=None, **body).status_code == 202
        assert receipt(service.outcome(token, **body)) == (201, "recorded")
        assert receipt(service.outcome(token, **body)) == (200, "already")
    assert service.total("o0") == service.total("o1") == 1
    assert service.total("d0") == 1


def test_already_speaks_of_the_partners_own_exposures_and_repeats_too(service):
    token = service.ask("seen by a browser first")["token"]
    assert service.post("/v1/exposures", {"token": token}, key=None).status_code == 202
    assert receipt(service.post("/v1/exposures", {"token": token})) == (201, "recorded")
    assert receipt(service.post("/v1/exposures", {"token": token})) == (200, "already")
    repeat = {"outcome": "repeat_trigger", "channel": None}
    assert service.outcome(token, key=None, **repeat).status_code == 202
    assert receipt(service.outcome(token, **repeat)) == (201, "recorded")
    assert receipt(service.outcome(token, **repeat)) == (200, "already")
    assert (service.total("e"), service.total("o16")) == (1, 1)


# ---------------------------------------------------------------------------------------- browsers


def test_browsers_learn_nothing(service):
    """New, used, late, forged, foreign and expired tokens: byte-identical body and headers."""
    late = service.shown("old")["token"]
    service.clock.now += 5 * DAY
    used, fresh, unshown = (
        service.shown("used")["token"],
        service.shown("fresh")["token"],
        service.ask("unshown")["token"],
    )
    closed = service.shown("closed")["token"]
    forged = fresh[:-6] + "AAAAAA"
    tokens = {"used": used, "fresh": fresh, "unshown": unshown, "late": late, "forged": forged, "short": "x"}
    service.outcome(used, outcome="left", channel=None, key=None)
    service.post("/v1/exposures", {"token": used}, key=None)
    exposures = {name: as_browser(service, "exposures", {"token": token}) for name, token in tokens.items()}
    service.clock.now += DAY + 60
    tokens |= {"closed": closed, "fresh": service.shown("fresh again")["token"]}
    outcomes = {
        name: as_browser(service, "outcomes", {"token": token, "outcome": "left"}) for name, token in tokens.items()
    }
    for found in (exposures, outcomes):
        status, body, headers = found["fresh"]
        assert (status, body) == (202, b"{}")
        assert dict(headers)["Access-Control-Allow-Origin"] == "*"
        assert {name: answer for name, answer in found.items() if answer != (status, body, headers)} == {}
    assert service.apart() == {"late.left": 1}


def test_browsers_learn_nothing_of_the_kind_of_unit(empty):
    document = json.loads(json.dumps(DOCUMENT)) | {"unit": "view"}
    document["outcomes"]["guardrails"] = []
    empty.run(document)
    token = empty.ask(None, expose=True)["token"]
    body = {"outcome": "repeat_trigger"}
    assert as_browser(empty, "outcomes", {"token": token, **body}) == as_browser(
        empty, "outcomes", {"token": "x", **body}
    )


def test_an_expired_exposure_of_a_browser(service):
    token = service.ask()["token"]
    service.clock.now += 61 * 60
    assert as_browser(service, "exposures", {"token": token})[:2] == (202, b"{}")
    assert service.total("e") == 0


def test_browsers_are_counted_as_reported(service):
    token = service.ask()["token"]
    assert as_browser(service, "exposures", {"token": token})[:2] == (202, b"{}")
    assert as_browser(service, "outcomes", {"token": token, "outcome": "help_sought", "channel": "click"})[0] == 202
    assert (service.total("e"), service.total("d0"), service.total("o4"), service.total("o5")) == (1, 1, 1, 0)


def test_a_body_that_is_wrong_in_itself_is_told_to_browsers(service):
    for body in (
        {"token": "x", "outcome": "left", "who": 1},
        {"token": "x", "outcome": "bought"},
        {"token": "x", "outcome": "help_sought"},
    ):
        status, _, headers = as_browser(service, "outcomes", body)
        assert status == 422
        assert dict(headers)["Access-Control-Allow-Origin"] == "*"


def test_browsers_may_not_report_by_session(service):
    service.shown("someone")
    before = service.hashes()
    answers = [
        as_browser(service, "outcomes", {"experiment": "four-lines", "session": session, "outcome": "left"})
        for session in ("someone", "nobody")
    ]
    assert answers[0] == answers[1]
    assert answers[0][0] == 401
    assert service.hashes() == before


def test_browsers_may_not_say_when(service):
    token = service.shown()["token"]
    assert as_browser(service, "outcomes", {"token": token, "outcome": "left", "occurred_at": 5})[0] == 422


# --------------------------------------------------------------------------------------------- CORS


def test_assignments_of_a_browser_need_no_preflight(service):
    body = json.dumps({"surface": "search-uk", "session": "b"})
    answer = service.post(service.browser_path(), body, key=None, headers={**TEXT, "Origin": ORIGIN})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Origin" in answer.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert answer.json["token"]


def test_the_origin_null_must_be_allowed_by_name(service):
    body = {"surface": "search-uk", "session": "b"}
    assert service.post(service.browser_path(), body, key=None, headers={"Origin": "null"}).status_code == 403
    service.key("onion", kind="browser", origins=("null",))
    path = f"/v1/assignments?key={service.keys['onion']}"
    answer = service.post(path, body, key=None, headers={"Origin": "null"})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "null")
    assert service.post(path, body, key=None, headers={"Origin": ORIGIN}).status_code == 403


def test_a_server_gets_no_cross_origin_header_for_an_assignment(service):
    answer = service.post("/v1/assignments", {"surface": "search-uk", "session": "s"}, headers={"Origin": ORIGIN})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_preflight_of_token_calls_is_answered(service):
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    for path in ("/v1/exposures", "/v1/outcomes"):
        answer = service.call("OPTIONS", path, headers=asked)
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Allow-Headers"].lower() == "content-type"
    assert "Access-Control-Allow-Origin" not in service.call("OPTIONS", "/v1/assignments", headers=asked).headers


def test_another_partner_sees_only_its_own(make_service):
    service = with_keys(make_service())
    service.run(DOCUMENT)
    service.key("others", partner="others")
    token = service.ask("theirs", key="others")["token"]
    assert service.outcome(token).status_code == 403
    assert receipt(service.outcome(token, key="others")) == (201, "recorded")
