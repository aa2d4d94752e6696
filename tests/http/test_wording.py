"""Findings of wording beside each message of the editor, and promises that no help keeps refused at submit."""

from __future__ import annotations

import copy

import pytest

from experiments import desk
from experiments.errors import InvalidDefinition
from experiments.lifecycle import Actor
from tests.http.conftest import DOCUMENT


def drafted(service, **texts: str):
    document = copy.deepcopy(DOCUMENT)
    document["variants"][1]["messages"]["en"].update(texts)
    service.person("ann", "researcher")
    desk.apply(service.runtime, document, Actor("ann", int(service.clock())))
    return service


def edited(service) -> str:
    return service.call("GET", "/experiments/four-lines/edit", by="ann").text


def test_the_editor_tells_findings_beside_the_message(empty):
    page = edited(drafted(empty, title="We can trace you"))
    own = page.partition('id="preview-variants-1-messages-0"')[2].partition('id="preview-')[0]
    assert page.count("claim-traced") == own.count("claim-traced") == 1
    assert "a threat that is not true is found out" in own


def test_the_editor_tells_none_where_there_are_none(empty):
    assert 'class="wording"' not in edited(drafted(empty))


def test_a_promise_that_no_help_keeps_is_not_submitted(empty):
    drafted(empty, action="Free help")
    before = empty.runtime.store.documents.experiment("four-lines")
    sent = {"act": "submit", "revision": str(before.revision)}
    answer = empty.call("POST", "/experiments/four-lines/plan", by="ann", data=sent)
    assert answer.status_code == 422
    assert "it needs help that says that it costs nothing" in answer.text
    with pytest.raises(InvalidDefinition) as refused:
        desk.act(empty.runtime, "four-lines", "submit", Actor("ann", int(empty.clock())))
    assert refused.value.pointer == "/variants/1/messages/en/action"
    assert empty.runtime.store.documents.experiment("four-lines") == before


def test_what_help_keeps_is_submitted(empty):
    drafted(empty)
    desk.act(empty.runtime, "four-lines", "submit", Actor("ann", int(empty.clock())))
    assert empty.runtime.store.documents.experiment("four-lines").latest.state == "in_review"
