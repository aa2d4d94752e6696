"""The protocol and the audit log over HTTP, and what is refused with which next step."""

import hashlib
import json

import pytest

from experiments.store import keys
from tests.http.conftest import DOCUMENT

PROTOCOL = f"/experiments/{DOCUMENT['key']}/protocol"


def get(service, path, **options):
    return service.call("GET", path, **options)


def post(service, path, body, **options):
    return service.call("POST", path, json=body, **options)


def test_a_locked_protocol_as_page_markdown_and_json(service):
    page, text = get(service, PROTOCOL), get(service, f"{PROTOCOL}.md")
    assert page.status_code == text.status_code == 200
    assert text.content_type == "text/markdown; charset=utf-8"
    given = get(service, f"{PROTOCOL}.json").json
    assert given == get(service, f"/v1{PROTOCOL}").json
    assert given["standing"] == "locked"
    canonical = json.dumps(given["protocol"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == given["sha256"]
    for shown in (page.text, text.text):
        assert given["sha256"] in shown
        assert DOCUMENT["variants"][0]["messages"]["en"]["title"] in shown
    assert "unchanged since" in page.text
    assert "Nothing so far." in page.text


def test_a_draft_is_not_locked_yet(empty):
    post(empty, "/v1/experiments", DOCUMENT)
    assert "Not locked yet" in get(empty, PROTOCOL).text
    assert "What differs from it" not in get(empty, PROTOCOL).text


def test_what_differs_is_told_on_the_page(service):
    service.act("set-traffic", traffic=5000)
    page = get(service, PROTOCOL).text
    assert "Traffic was changed from 100 % to 50 %. By cid." in page
    assert "unchanged since" in page, "the plan is what it was"


def test_an_altered_protocol_is_said_aloud(service):
    name = f"{DOCUMENT['key']}.1"
    kept = service.ledger.hget(keys.PROTOCOLS, name)
    service.ledger.hset(keys.PROTOCOLS, name, kept.replace(b'"alpha":0.05', b'"alpha":0.5'))
    assert "altered after the start" in get(service, PROTOCOL).text
    assert get(service, f"{PROTOCOL}.json").json["standing"] == "altered"


@pytest.mark.parametrize(("query", "status", "code"), [
    ("?version=2", 404, "not-found"), ("?version=two", 422, "invalid-value"), ("?version=-1", 422, "invalid-value"),
    ("?version=" + "9" * 40, 422, "invalid-value"), ("?version=²", 422, "invalid-value"),
])  # fmt: skip
def test_a_wrong_version_is_named(service, query, status, code):
    answer = get(service, f"/v1{PROTOCOL}{query}")
    assert (answer.status_code, answer.json["type"].rpartition("/")[2]) == (status, code)
    assert answer.json["pointer"] == "/version"


def test_texts_in_the_document_are_no_markup(empty):
    post(empty, "/v1/experiments", {**DOCUMENT, "title": "<script>x</script> & more", "hypotheses": ["<b>bold</b>"]})
    page = get(empty, PROTOCOL).text
    assert "<script>x" not in page
    assert "<b>bold" not in page


def test_the_audit_log_is_shown_and_checked(service):
    page = get(service, "/audit")
    assert page.status_code == 200
    assert "The log is whole" in page.text
    assert f"experiment/{DOCUMENT['key']}" in page.text
    head = service.runtime.store.audit.last()
    found = json.loads(head)["hash"]
    assert "contains the head" in get(service, f"/audit?head={found}").text
    assert "The log is not whole" in get(service, f"/audit?head={'0' * 64}").text


def test_of_a_long_log_the_end_is_checked_unless_all_of_it_is_asked_for(service, monkeypatch):
    monkeypatch.setattr("app.research.audit.LOOKED_AT", 2)
    page = get(service, "/audit").text
    assert "The last 2 entries fit." in page
    assert 'href="?whole=1"' in page
    assert "The log is whole" in get(service, "/audit?whole=1").text


def test_a_mistyped_head_is_no_alarm(service):
    page = get(service, "/audit?head=abc").text
    assert "The log is whole" in page
    assert "A head has 64 characters" in page
    assert 'value="abc"' in page


def test_a_spoiled_log_is_said_aloud(service):
    entry = service.ledger.lindex(keys.AUDIT, 1)
    service.ledger.lset(keys.AUDIT, 1, entry.replace(b'"who":"', b'"who":"x'))
    page = get(service, "/audit").text
    assert "The log is not whole" in page
    assert "Entry 2" in page


def test_only_entries_about_something(service):
    page = get(service, "/audit?about=key/").text
    assert "create key" in page
    assert "submit" not in page


def test_a_start_without_approval_names_the_next_step(empty):
    post(empty, "/v1/experiments", DOCUMENT)
    post(empty, f"/v1/experiments/{DOCUMENT['key']}/submit", {})
    answer = post(empty, f"/v1/experiments/{DOCUMENT['key']}/start", {})
    assert answer.status_code == 409
    assert "the texts in 'en' are not approved" in answer.json["detail"]
    assert "Next: " in answer.json["detail"]


def test_one_locale_after_the_other_is_approved(empty):
    key = DOCUMENT["key"]
    post(empty, "/v1/experiments", DOCUMENT)
    post(empty, f"/v1/experiments/{key}/submit", {})
    one, two = empty.person("One", "approver"), empty.person("Two", "approver")
    served = get(empty, f"/v1{PROTOCOL}").json["protocol"]["locales"]
    first = post(empty, f"/v1/experiments/{key}/approve", {"locales": served[:1]}, by=one)
    assert first.json["versions"][0]["state"] == ("approved" if len(served) == 1 else "in_review")
    for wrong, code in ((["xx"], "invalid-value"), ("en", "wrong-type"), ([1], "wrong-type")):
        answer = post(empty, f"/v1/experiments/{key}/approve", {"locales": wrong}, by=two)
        assert (answer.status_code, answer.json["pointer"]) == (422, "/locales")
        assert answer.json["type"].endswith(code)
    last = post(empty, f"/v1/experiments/{key}/approve", {}, by=two)
    assert last.json["versions"][0]["state"] == "approved"
