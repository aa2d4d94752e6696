"""docs/recipes/chat-server.md."""

from __future__ import annotations

import json

import pytest

from app.integrating.away import closed, garbage, silent
from tests.recipes.conftest import HOSTILE, signpost


def test_a_refusal_is_given_and_counted(python, service):
    status, body = python("chat-server", "refusal.py").refusal("de")
    assert (status, body["errcode"], body["error"]) == (403, "M_FORBIDDEN", body["messages"]["de"])
    assert service.total("e") == 1


@pytest.mark.parametrize("away", [closed, silent, garbage])
def test_your_own_copy_is_of_a_static_pack(python, service, environment, tmp_path, away):
    pack = tmp_path / "pack"
    signpost(environment, "export", "static-pack", "search-uk", "--out", str(pack))
    with away() as base:
        module = python("chat-server", "refusal.py", SIGNPOST_ADDRESS=base, OWN_COPY=str(pack / "matrix-error.json"))
        status, body = module.refusal()
    assert (status, body) == (403, json.loads((pack / "matrix-error.json").read_text()))
    assert "Fallback UK en" in body["error"]


def test_a_wrong_key_still_gives_the_fallback(python):
    status, body = python("chat-server", "refusal.py", SIGNPOST_KEY="sk_no_body").refusal()
    assert (status, "Fallback UK en" in body["error"]) == (403, True)


def test_a_message_is_what_its_author_wrote(hostile, server, python):
    assert HOSTILE in python("chat-server", "refusal.py").refusal()[1]["error"]
