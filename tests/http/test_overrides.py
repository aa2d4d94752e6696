"""Overrides let somebody try everything out, and nothing of it is ever counted."""

from __future__ import annotations

import json

import pytest

from tests.http.conftest import ORIGIN

WAYS = ("call", "email", "click", "chat", "self_help")
OUTCOMES = [("help_sought", way) for way in WAYS] + [
    (name, None) for name in ("proceeded", "left", "repeat_trigger", "complaint")
]


@pytest.fixture
def untouched(service):
    """What the ledger holds must be the same afterwards, every key and field of it."""
    before = service.hashes(), set(service.ledger.scan_iter(count=1000))
    yield service
    assert (service.hashes(), set(service.ledger.scan_iter(count=1000))) == before
    assert service.apart() == {}


@pytest.mark.parametrize(("asked", "found"), [("*", "present"), ("present", "present"), ("harm", "harm")])
def test_a_forced_variant_has_a_token_to_try_with(untouched, asked, found):
    given = untouched.ask(override=asked)
    assert (given["variant"], given["in_experiment"], given["reason"]) == (found, False, "override")
    assert given["message"]["title"] == f"{found} en"
    assert (given["receipt"], given["propensity"], given["session"]) == (None, None, None)
    assert given["token"]
    assert all("/v1/go/" in one["href"] for one in given["help"])


@pytest.mark.parametrize("key", ["server", None])
@pytest.mark.parametrize("expose", [True, False])
def test_its_exposure_and_every_outcome_are_taken_and_counted_nowhere(untouched, key, expose):
    token = untouched.ask(override="law", expose=expose)["token"]
    answers = [untouched.post("/v1/exposures", {"token": token}, key=key)]
    answers += [
        untouched.outcome(token, key=key, outcome=outcome, channel=channel)
        for outcome, channel in OUTCOMES
        for _ in range(2)
    ]
    assert {answer.status_code for answer in answers} == {202}
    assert all(answer.json == ({"receipt": "uncounted"} if key else {}) for answer in answers)


def test_many_at_once(untouched):
    token = untouched.ask(override="law")["token"]
    items = [{"event": "exposure", "token": token}] + [
        {"event": "outcome", "token": token, "outcome": outcome, **({"channel": channel} if channel else {})}
        for outcome, channel in OUTCOMES
    ]
    answer = untouched.post("/v1/events", items)
    assert answer.json == {"receipts": [{"receipt": "uncounted"}] * len(items)}


def test_among_others_it_is_the_only_one_that_is_not_counted(service):
    real, forced = service.ask("somebody")["token"], service.ask(override="law")["token"]
    answer = service.post("/v1/events", [{"event": "exposure", "token": token} for token in (forced, real, forced)])
    assert [one["receipt"] for one in answer.json["receipts"]] == ["uncounted", "recorded", "uncounted"]
    assert (service.total("a"), service.total("e"), service.apart()) == (1, 1, {})


def test_its_links_lead_to_help(untouched):
    given = untouched.ask(override="harm")
    assert {one["young_people"] for one in given["help"]} == {True, False}
    for one in given["help"]:
        answer = untouched.get(one["href"].removeprefix("http://localhost"))
        assert answer.status_code == (302 if one["channel"] == "click" else 200)
        assert "no longer valid" not in answer.text


@pytest.fixture
def foreign(service):
    service.key("foreign", partner="somebody else")


def test_what_is_wrong_is_told_as_of_a_real_token(foreign, untouched):
    token = untouched.ask(override="law")["token"]
    assert untouched.outcome(token, key="foreign").json["type"].endswith("token-foreign")
    assert untouched.outcome(token, channel="fax").json["type"].endswith("unknown-channel")
    assert untouched.outcome(token, outcome="left", channel="call").json["type"].endswith("channels-not-allowed")
    assert untouched.outcome(token[:-4] + "AAAA").json["type"].endswith("token-invalid")
    untouched.clock.now += 3601
    assert untouched.post("/v1/exposures", {"token": token}).json["type"].endswith("token-expired")


def test_it_needs_a_known_variant_and_a_server(untouched):
    refused = untouched.post("/v1/assignments", {"surface": "search-uk", "override": "nope"})
    assert (refused.status_code, refused.json["detail"]) == (
        422, "there is no such variant; there are: present, law, harm",
    )  # fmt: skip
    body = json.dumps({"surface": "search-uk", "override": "*"})
    browser = untouched.call("POST", untouched.browser_path(), data=body, headers={"Origin": ORIGIN})
    assert (browser.status_code, browser.json["pointer"]) == (422, "/override")
