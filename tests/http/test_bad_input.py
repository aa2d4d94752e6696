"""Every bad input has its own problem type, status and pointer, and changes no counter."""

from __future__ import annotations

import copy
import json

import pytest

from experiments import desk
from experiments.model import DAY, HOUR
from tests.http.conftest import DOCUMENT, NOON, ORIGIN, with_keys

WHERE = {"surface": "search-uk", "session": "s"}
DEEP = b'{"a":' * 3000 + b"1" + b"}" * 3000


def told(answer) -> tuple[str, int, str | None]:
    """Code, status and pointer of a problem."""
    assert answer.content_type == "application/problem+json", answer.text
    return answer.json["type"].rpartition("/")[2], answer.status_code, answer.json.get("pointer")


def nothing_changed(service, before) -> bool:
    return service.hashes() == before


BODIES = [
    pytest.param({**WHERE, "sesion": "s"}, ("unknown-field", 422, "/sesion"), id="unknown field"),
    pytest.param({**WHERE, "a/b~c": 1}, ("unknown-field", 422, "/a~1b~0c"), id="pointer is escaped"),
    pytest.param({**WHERE, "expose": "yes"}, ("wrong-type", 422, "/expose"), id="text for a truth value"),
    pytest.param({**WHERE, "surface": 7}, ("wrong-type", 422, "/surface"), id="number for a surface"),
    pytest.param({**WHERE, "session": 7}, ("wrong-type", 422, "/session"), id="number for a session"),
    pytest.param([WHERE], ("wrong-type", 422, ""), id="a list"),
    pytest.param({"session": "s"}, ("invalid-value", 422, ""), id="neither surface nor experiment"),
    pytest.param({**WHERE, "locale": "no locale"}, ("invalid-value", 422, "/locale"), id="not a locale"),
    pytest.param({**WHERE, "locale": "aa" + "-a" * 3000}, ("invalid-value", 422, "/locale"), id="endless locale"),
    pytest.param({**WHERE, "session": ""}, ("session-length", 422, "/session"), id="session of 0 bytes"),
    pytest.param({**WHERE, "session": "x" * 129}, ("session-length", 422, "/session"), id="session of 129 bytes"),
    pytest.param({**WHERE, "session": "ü" * 65}, ("session-length", 422, "/session"), id="session of 65 times 2 bytes"),
    pytest.param({**WHERE, "session": "\ud83d"}, ("session-length", 422, "/session"), id="half a character"),
    pytest.param({**WHERE, "request_id": "😀" * 17}, ("invalid-value", 422, "/request_id"), id="request id of 68 bytes"),
    pytest.param({**WHERE, "stratum": "list-z"}, ("unknown-stratum", 422, "/stratum"), id="unknown stratum"),
    pytest.param(
        {**WHERE, "surface": "other", "experiment": "four-lines"}, ("unknown-surface", 422, "/surface"),
        id="surface of another experiment",
    ),
    pytest.param({**WHERE, "override": "nobody"}, ("unknown-variant", 422, "/override"), id="unknown override"),
    pytest.param(b'{"surface":"search-uk"', ("malformed-json", 400, ""), id="cut off"),
    pytest.param(b"", ("malformed-json", 400, ""), id="empty"),
    pytest.param(b'{"surface":"search-uk","x":NaN}', ("malformed-json", 400, ""), id="NaN"),
    pytest.param(b'{"surface":"search-uk","x":-Infinity}', ("malformed-json", 400, ""), id="infinity"),
    pytest.param(b'{"surface":"search-uk","x":1e999}', ("malformed-json", 400, ""), id="infinity in digits"),
    pytest.param(DEEP[:8000], ("malformed-json", 400, ""), id="cut off in the depth"),
    pytest.param(b"[" * 4000 + b"]" * 4000, ("malformed-json", 400, ""), id="deep"),
    pytest.param(b'{"surface":"search-uk","session":"\xff\xfe"}', ("malformed-json", 400, ""), id="not UTF-8"),
    pytest.param(
        b'{"surface":"search-uk","session":"a","session":"b"}', ("duplicate-key", 422, "/session"), id="a field twice"
    ),
    pytest.param(b'{"\\ud800":1,"\\ud800":2}', ("duplicate-key", 422, "/\ud800"), id="half a character twice"),
    pytest.param(json.dumps({**WHERE, "session": "x" * 8200}).encode(), ("body-too-large", 413, None), id="over 8 KiB"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "wanted"), BODIES)
def test_body_of_an_assignment(service, body, wanted):
    service.key("any", surfaces=("*",))
    before = service.hashes()
    assert told(service.post("/v1/assignments", body, key="any")) == wanted
    assert nothing_changed(service, before)


def test_a_session_of_128_bytes_is_not_too_long(service):
    assert service.ask("ü" * 64)["receipt"] == "recorded"
    assert service.ask("x" * 128)["receipt"] == "recorded"


def test_a_problem_names_every_violation(service):
    answer = service.post("/v1/assignments", {"surface": 1, "session": "", "nope": 1})
    found = {v["pointer"]: v["type"] for v in answer.json["violations"]}
    assert found == {
        "/surface": "/problems/wrong-type",
        "/session": "/problems/session-length",
        "/nope": "/problems/unknown-field",
    }


def test_the_type_of_a_problem_resolves(service):
    answer = service.post("/v1/assignments", {**WHERE, "nope": 1})
    entry = service.get(answer.json["type"].removeprefix("http://localhost"))
    assert entry.status_code == 200
    assert entry.json["type"] == "unknown-field"
    assert entry.json["status"] == 422
    assert entry.json["advice"]


def test_the_type_starts_with_the_public_address(make_service):
    service = with_keys(make_service(SIGNPOST_PUBLIC_URL="https://warn.example/base/"))
    answer = service.post("/v1/assignments", b"{")
    assert answer.json["type"] == "https://warn.example/base/problems/malformed-json"


# ------------------------------------------------------------------------------------------- keys


def test_keys_that_are_not_known(service):
    known, before = service.keys["server"], service.hashes()
    wrong = ("sk_nobody_secret", known[:-1] + ("a" if known[-1] != "a" else "b"), known.replace("sk_", "pk_"), "x", "ü")
    for key in wrong:
        assert told(service.post("/v1/assignments", WHERE, key=key)) == ("key-unknown", 401, None)
    basic = {"Authorization": "Basic c2s6eA=="}
    assert told(service.post("/v1/assignments", WHERE, key=None, headers=basic))[0] == "key-unknown"
    assert told(service.post("/v1/assignments?key=pk_nobody", WHERE, key=None)) == ("key-unknown", 401, None)
    assert told(service.post("/v1/assignments", WHERE, key=None)) == ("key-missing", 401, None)
    assert nothing_changed(service, before)


def test_a_server_key_cannot_be_used_as_a_browser_key(service):
    public = f"pk_{service.keys['server-id']}"
    answer = service.post(f"/v1/assignments?key={public}", WHERE, key=None, headers={"Origin": ORIGIN})
    assert told(answer) == ("key-unknown", 401, None)


def test_a_key_that_is_not_known_says_how_to_authenticate(service):
    assert service.post("/v1/assignments", WHERE, key=None).headers["WWW-Authenticate"].startswith("Bearer")
    assert service.get("/v1/warnings/search-uk").headers["WWW-Authenticate"].startswith("Bearer")


def test_a_revoked_key(service):
    desk.revoke_key(service.runtime, service.keys["server-id"], int(service.clock()))
    service.runtime.refresh(service.clock())
    before = service.hashes()
    for path, body in (
        ("assignments", WHERE),
        ("exposures", {"token": "t"}),
        ("outcomes", {"token": "t", "outcome": "left"}),
    ):
        assert told(service.post(f"/v1/{path}", body)) == ("key-revoked", 401, None)
    assert nothing_changed(service, before)


def test_a_key_without_the_scope(service):
    service.key("german", partner="others", surfaces=("search-de",))
    service.shown("s")
    before = service.hashes()
    assert told(service.post("/v1/assignments", WHERE, key="german")) == ("scope-missing", 403, "/surface")
    by_name = {"experiment": "four-lines", "session": "s"}  # its first surface is search-uk
    assert told(service.post("/v1/assignments", by_name, key="german"))[0] == "scope-missing"
    service.key("elsewhere", partner="others", surfaces=("shop",))
    answer = service.post("/v1/outcomes", {**by_name, "outcome": "left"}, key="elsewhere")
    assert told(answer)[:2] == ("scope-missing", 403)
    assert {k: v for k, v in service.hashes().items() if b"{control}" not in k} == {
        k: v for k, v in before.items() if b"{control}" not in k
    }


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://partner.example", f"{ORIGIN}.evil.example"]
)
def test_a_browser_key_from_a_foreign_origin(service, origin):
    before = service.hashes()
    headers = {} if origin is None else {"Origin": origin}
    answer = service.post(service.browser_path(), WHERE, key=None, headers=headers)
    assert told(answer) == ("origin-refused", 403, None)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert nothing_changed(service, before)


def test_a_browser_may_not_force_a_variant(service):
    before = service.hashes()
    body = {**WHERE, "override": "law"}
    answer = service.post(service.browser_path(), body, key=None, headers={"Origin": ORIGIN})
    assert told(answer) == ("invalid-value", 422, "/override")
    assert nothing_changed(service, before)


# ------------------------------------------------------------------------------- tokens, outcomes


def test_tokens_that_are_not_ours(service, make_service, tmp_path):
    elsewhere = with_keys(make_service(SIGNPOST_KEY_FILE=str(tmp_path / "keys.json")))
    elsewhere.run({**DOCUMENT, "key": "elsewhere", "surfaces": ["shop"]})
    elsewhere.key("shop", surfaces=("shop",))
    foreign = elsewhere.ask(surface="shop", key="shop")["token"]
    given = service.ask()
    own, go = given["token"], given["help"][0]["href"].split("/")[-3]
    before = service.hashes()
    for wrong in (own[:-2] + ("AA" if own[-2:] != "AA" else "BB"), own + "=", own[:40], " " + own, "ü", foreign, go):
        for answer in (service.post("/v1/exposures", {"token": wrong}), service.outcome(wrong)):
            assert told(answer) == ("token-invalid", 422, "/token"), wrong
    assert told(service.post("/v1/exposures", {"token": ""})) == ("invalid-value", 422, "/token")
    assert nothing_changed(service, before)


def test_a_token_of_another_partner(service):
    service.key("others", partner="others")
    token = service.ask()["token"]
    before = service.hashes()
    assert told(service.post("/v1/exposures", {"token": token}, key="others")) == ("token-foreign", 403, "/token")
    assert told(service.outcome(token, key="others")) == ("token-foreign", 403, "/token")
    assert nothing_changed(service, before)


def test_a_token_confirms_an_exposure_for_60_minutes(service):
    first, second = service.ask("first")["token"], service.ask("second")["token"]
    service.clock.now += 60 * 60
    assert service.post("/v1/exposures", {"token": first}).status_code == 201
    service.clock.now += 60
    before = service.hashes()
    assert told(service.post("/v1/exposures", {"token": second})) == ("token-expired", 410, "/token")
    assert nothing_changed(service, before)


def test_a_token_of_a_concluded_experiment(service):
    token = service.shown()["token"]
    service.act("stop")
    service.clock.now += 3 * DAY
    service.act("conclude")
    before = service.hashes()
    assert told(service.outcome(token)) == ("token-expired", 410, "/token")
    assert nothing_changed(service, before)


def test_an_outcome_by_session_needs_an_exposure(service):
    service.ask("assigned only")
    before = service.hashes()
    for session in ("never seen", "assigned only"):
        body = {"experiment": "four-lines", "session": session, "outcome": "left"}
        assert told(service.post("/v1/outcomes", body)) == ("no-exposure", 409, None)
    assert nothing_changed(service, before)


def test_an_outcome_outside_the_window(service):
    given = service.shown()
    service.clock.now += 24 * HOUR + 30
    before = service.hashes()
    assert told(service.outcome(given["token"])) == ("window-closed", 409, None)
    by_session = {"experiment": "four-lines", "session": "someone", "outcome": "left"}
    assert told(service.post("/v1/outcomes", by_session)) == ("window-closed", 409, None)
    assert nothing_changed(service, before)


def test_an_outcome_of_a_sealed_day_is_late_and_enters_no_arm(service):
    given = service.shown()
    service.clock.now += 3 * DAY
    before = service.hashes()
    answer = service.outcome(given["token"])
    assert told(answer) == ("late", 409, None)
    assert answer.json["receipt"] == "late"
    assert service.apart() == {"late.help_sought": 1}
    assert {k: v for k, v in service.hashes().items() if not k.endswith(b":apart")} == before


def test_outcomes_that_contradict_their_row_are_crossed(service):
    token = service.shown()["token"]
    page = next(k for k in service.hashes() if b":r:" in k)
    name, row = next(iter(service.ledger.hgetall(page).items()))
    service.ledger.hset(page, name, bytes([row[0] ^ 0b1000]) + row[1:])  # another variant
    before = service.total("e"), service.total("d0")
    assert told(service.outcome(token)) == ("crossed", 409, None)
    assert told(service.post("/v1/exposures", {"token": token})) == ("crossed", 409, None)
    assert (service.total("e"), service.total("d0")) == before


OUTCOMES = [
    pytest.param({"channel": "fax"}, ("unknown-channel", 422, "/channel"), id="unknown channel"),
    pytest.param({"outcome": "bought"}, ("unknown-outcome", 422, "/outcome"), id="unknown outcome"),
    pytest.param({"channel": None}, ("missing-field", 422, "/channel"), id="help sought without channel"),
    pytest.param({"outcome": "left"}, ("channels-not-allowed", 422, "/channel"), id="a channel of something else"),
    pytest.param({"outcome": None}, ("missing-field", 422, "/outcome"), id="no outcome"),
    pytest.param({"session": "s"}, ("invalid-value", 422, ""), id="token and session"),
    pytest.param({"experiment": "four-lines", "session": "s"}, ("invalid-value", 422, ""), id="token and both"),
    pytest.param({"token": None, "session": "s"}, ("invalid-value", 422, ""), id="session without experiment"),
    pytest.param({"token": None}, ("invalid-value", 422, ""), id="neither"),
    pytest.param({"value": 1}, ("unknown-field", 422, "/value"), id="unknown field"),
    pytest.param(
        {"token": None, "experiment": "four-lines", "session": "x" * 129}, ("session-length", 422, "/session"),
        id="session of 129 bytes",
    ),
    pytest.param(
        {"token": None, "experiment": "nothing", "session": "s"}, ("unknown-experiment", 404, "/experiment"),
        id="unknown experiment",
    ),
    *[
        pytest.param({"occurred_at": at}, ("invalid-value", 422, "/occurred_at"), id=f"occurred_at {at}")
        for at in ("yesterday", "2026-11-24", "2026-11-24T12:00:00", True, -1, 1.5, {}, 10**30)
    ],
]  # fmt: skip


@pytest.mark.parametrize(("fields", "wanted"), OUTCOMES)
def test_body_of_an_outcome(service, fields, wanted):
    token = service.shown()["token"]
    before = service.hashes()
    assert told(service.outcome(**{"token": token, **fields})) == wanted
    assert nothing_changed(service, before)


def test_an_outcome_in_the_future(service):
    token, before = service.shown()["token"], service.hashes()
    for ahead in (int(service.clock()) + 3600, "2027-01-01T00:00:00Z"):
        assert told(service.outcome(token, occurred_at=ahead)) == ("invalid-value", 422, "/occurred_at")
        assert told(service.outcome(token, occurred_at=ahead, key=None)) == ("invalid-value", 422, "/occurred_at")
    assert nothing_changed(service, before)


def test_an_outcome_before_the_message(service):
    token = service.shown()["token"]
    before = service.hashes()
    assert told(service.outcome(token, occurred_at=int(service.clock()) - 600)) == ("no-exposure", 409, None)
    assert nothing_changed(service, before)


def test_an_outcome_may_say_when_it_happened(service):
    tokens = [service.shown(f"s{number}")["token"] for number in range(3)]
    service.clock.now += 60
    for token, at in zip(tokens, ("2026-11-24T12:00:30Z", "2026-11-24T14:00:30+02:00", NOON + 30), strict=True):
        assert service.outcome(token, occurred_at=at).status_code == 201


def test_a_view_has_no_repeat_trigger(empty):
    document = copy.deepcopy(DOCUMENT) | {"unit": "view"}
    document["outcomes"]["guardrails"] = []
    empty.run(document)
    given = empty.ask(None, expose=True)
    answer = empty.outcome(given["token"], outcome="repeat_trigger", channel=None)
    assert told(answer) == ("outcome-needs-session", 422, "/outcome")


# ------------------------------------------------------------------------------------- definitions


def changed(**changes):
    return copy.deepcopy(DOCUMENT) | changes


def variants(change) -> dict:
    document = changed()
    change(document["variants"])
    return document


DEFINITIONS = [
    pytest.param(changed(colour="red"), ("unknown-field", 422, "/colour"), id="unknown field"),
    pytest.param(changed(title=3), ("wrong-type", 422, "/title"), id="wrong type"),
    pytest.param(
        variants(lambda v: v[0].update(weight=4999)), ("weights-do-not-sum", 422, "/variants"), id="weights 9999"
    ),
    pytest.param(
        variants(lambda v: v[1].update(key="present")), ("duplicate-key", 422, "/variants/1/key"), id="variant twice"
    ),
    pytest.param(changed(surfaces=["a-b", "a-b"]), ("duplicate-key", 422, "/surfaces/1"), id="surface twice"),
    pytest.param(variants(lambda v: v[0].update(control=False)), ("missing-control", 422, "/variants"), id="no control"),
    pytest.param(
        variants(lambda v: v[1].update(control=True)), ("several-controls", 422, "/variants/1/control"), id="two controls"
    ),
    pytest.param(
        variants(lambda v: v[2]["messages"].pop("de")), ("locale-missing", 422, "/variants/2/messages/de"),
        id="a locale that one variant lacks",
    ),
    pytest.param(changed(help=["nobody"]), ("unknown-help-resource", 422, "/help/0"), id="unknown help resource"),
    pytest.param(changed(variants=[]), ("invalid-value", 422, "/variants"), id="no variants"),
    pytest.param(b'{"key":"a","key":"b"}', ("duplicate-key", 422, "/key"), id="a field twice"),
    pytest.param(b"{", ("malformed-json", 400, ""), id="malformed"),
    pytest.param([], ("wrong-type", 422, ""), id="a list"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "wanted"), DEFINITIONS)
def test_a_definition(empty, document, wanted):
    before = empty.hashes()
    for path in ("/v1/experiments", "/v1/experiments/validate"):
        assert told(empty.post(path, document, key=None)) == wanted
    assert nothing_changed(empty, before)


def test_a_definition_has_at_most_a_mebibyte_and_may_be_larger_than_other_bodies(empty):
    large = changed(description="x" * 4000, hypotheses=["y" * 1000 for _ in range(20)])
    assert empty.post("/v1/experiments/validate", large, key=None).status_code == 200
    assert told(empty.post("/v1/experiments", b" " * 1_048_577, key=None)) == ("body-too-large", 413, None)


def test_a_definition_in_yaml(empty):
    text = json.dumps(DOCUMENT)
    yaml = {"Content-Type": "application/yaml"}
    assert empty.post("/v1/experiments/validate", text, key=None, headers=yaml).json["valid"] is True
    answer = empty.post("/v1/experiments/validate", "a: [", key=None, headers=yaml)
    assert told(answer) == ("malformed-yaml", 400, None)
    assert told(empty.post("/v1/experiments/validate", "a: 1\na: 2", key=None, headers=yaml))[0] == "duplicate-key"


@pytest.mark.parametrize("who", ["ann", "", "Staff"])
def test_who_acts_is_who_is_signed_in_and_nobody_else_is_said(empty, who):
    before = empty.hashes()
    assert told(empty.post(f"/v1/experiments?by={who}", DOCUMENT, key=None)) == ("unknown-field", 422, "/by")
    assert nothing_changed(empty, before)
    assert empty.post("/v1/experiments", DOCUMENT, key=None, by="Ann").status_code == 201
    assert empty.get("/v1/experiments/four-lines/log").json[0]["who"] == "Ann"


# -------------------------------------------------------------------------------------- transitions


def test_two_experiments_on_one_surface(service):
    service.post("/v1/experiments", changed(key="rival", surfaces=["search-de"]), key=None)
    for act, who in (("submit", "ann"), ("approve", "bob")):
        assert service.post(f"/v1/experiments/rival/{act}", {}, key=None, by=who).status_code == 200
    before = service.hashes()
    answer = service.post("/v1/experiments/rival/start", {}, key=None, by="bob")
    assert told(answer) == ("surface-taken", 409, "/surfaces")
    assert "four-lines" in answer.json["detail"]
    assert nothing_changed(service, before)


TRANSITIONS = [
    ("approve", {}, ("transition-refused", 409, None)),
    ("set-traffic", {}, ("missing-field", 422, "/traffic")),
    ("set-traffic", {"traffic": 10_001}, ("invalid-value", 422, "/traffic")),
    ("set-traffic", {"traffic": True}, ("wrong-type", 422, "/traffic")),
    ("set-traffic", {"traffic": 1, "loud": 1}, ("unknown-field", 422, "/loud")),
    ("set-weights", {"weights": [5000, 5000]}, ("transition-refused", 409, None)),
    ("close-arm", {"variant": "present"}, ("control-needed", 409, None)),
    ("close-arm", {"variant": "\ud800"}, ("invalid-value", 422, "/variant")),
    ("dance", {}, ("not-found", 404, None)),
    ("stop", {"by": "cid"}, ("unknown-field", 422, "/by")),
    ("stop", {"why": 3}, ("wrong-type", 422, "/why")),
    ("stop", {"why": "\ud800"}, ("invalid-value", 422, "/why")),
]


@pytest.mark.parametrize(("act", "fields", "wanted"), TRANSITIONS)
def test_a_transition(service, act, fields, wanted):
    before = service.hashes()
    assert told(service.post(f"/v1/experiments/four-lines/{act}", fields, key=None)) == wanted
    assert nothing_changed(service, before)


def test_nobody_approves_their_own(empty):
    empty.post("/v1/experiments", DOCUMENT, key=None, by="Ann")
    empty.post("/v1/experiments/four-lines/submit", {}, key=None, by="Ann")
    answer = empty.post("/v1/experiments/four-lines/approve", {}, key=None, by="Ann")
    assert told(answer) == ("own-approval", 409, None)


def test_books_close_after_the_last_day_is_sealed(service):
    service.act("stop")
    answer = service.post("/v1/experiments/four-lines/conclude", {}, key=None)
    assert told(answer) == ("not-sealed", 409, None)


def test_an_experiment_that_is_not_there(service):
    for method, path in (
        ("GET", ""), ("GET", "/log"), ("GET", "/results"), ("GET", "/results.json"), ("GET", "/results.csv"), ("POST", "/stop"),
    ):  # fmt: skip
        answer = service.call(method, f"/v1/experiments/nothing{path}", data="{}")
        assert told(answer) == ("unknown-experiment", 404, "/experiment")
    assert told(service.get("/experiments/nothing")) == ("unknown-experiment", 404, "/experiment")


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_page_from_elsewhere_changes_no_experiment(service, origin):
    before = service.hashes()
    answer = service.post("/v1/experiments/four-lines/stop", {}, key=None, headers={"Origin": origin})
    assert told(answer) == ("origin-refused", 403, None)
    assert nothing_changed(service, before)
    own = {"Origin": "http://localhost"}
    assert service.post("/v1/experiments/four-lines/stop", {}, key=None, headers=own).status_code == 200


# ------------------------------------------------------------------------------------------ results


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("version=two", ("invalid-value", 422, "/version")),
        ("version=" + "9" * 5000, ("invalid-value", 422, "/version")),
        ("version=9", ("not-found", 404, "/version")),
        ("as_of=soon", ("invalid-value", 422, "/as_of")),
        ("as_of=%2B99999999999", ("invalid-value", 422, "/as_of")),
        ("as_of=9999-12-31", ("invalid-value", 422, "/as_of")),
        ("as_of=0001-01-01T00:00:00%2B23:59", ("invalid-value", 422, "/as_of")),
    ],
)
def test_which_result(service, query, wanted):
    for kind in ("", ".json", ".csv"):
        assert told(service.get(f"/v1/experiments/four-lines/results{kind}?{query}")) == wanted


# -------------------------------------------------------------------------------------- HTTP itself


def test_unknown_addresses_and_methods(service):
    assert told(service.get("/v1/nothing")) == ("not-found", 404, None)
    assert told(service.get("/problems/nothing")) == ("not-found", 404, None)
    answer = service.get("/v1/assignments")
    assert told(answer) == ("method-not-allowed", 405, None)
    assert "POST" in answer.headers["Allow"]
