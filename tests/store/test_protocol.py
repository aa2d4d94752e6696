"""The protocol is locked at the start; whatever is changed afterwards is seen."""

import hashlib
import json

import pytest

from experiments import audit, desk, protocol
from experiments.lifecycle import Actor
from experiments.protocol_markdown import markdown
from experiments.spec import canonical_json
from experiments.store import keys
from tests.conftest import DOCUMENT, NOON

ANN, BOB = Actor("ann", NOON), Actor("bob", NOON + 60)
FULL = {
    "question": "Does any line beat the present warning?",
    "hypotheses": ["The law line makes *more* people seek help."],
    "exclusions": ["Overrides are never counted."],
    "locales": {"de": {"reviewed": False}},
    "ethics": {"committee": "REC", "reference": "2026/7", "expires": "2035-01-01"},
}


@pytest.fixture
def started(world, document):
    desk.apply(world.runtime, document(**FULL), ANN)
    for act, who in (("submit", ANN), ("approve", BOB), ("start", ANN)):
        desk.act(world.runtime, "four-lines", act, who)
    return world


def edit(ledger, key, name, old, new):
    text = ledger.clients[0].hget(key, name)
    assert old in text
    ledger.clients[0].hset(key, name, text.replace(old, new))


def test_before_the_start_it_is_not_locked_and_follows_the_file(world, document):
    desk.apply(world.runtime, document(), ANN)
    one = protocol.of(world.store, "four-lines")
    assert (one.standing, one.problems, one.document["locked"]) == ("not-locked", (), None)
    desk.apply(world.runtime, document(title="Another"), ANN)
    two = protocol.of(world.store, "four-lines")
    assert two.document["title"] == "Another"
    assert two.sha256 != one.sha256


def test_at_the_start_it_is_locked_with_all_that_was_planned(started):
    found = protocol.of(started.store, "four-lines")
    assert (found.standing, found.problems) == ("locked", ())
    plan = found.document
    assert plan["locked"] == {"by": "ann", "at": "2026-11-24T12:00:00Z"}
    assert plan["hypotheses"] == FULL["hypotheses"]
    assert [(arm["variant"], arm["weight"], arm["control"]) for arm in plan["arms"]] == [
        ("present", 5000, True), ("law", 3000, False), ("harm", 2000, False),
    ]  # fmt: skip
    message = plan["arms"][1]["messages"]["en"]
    assert (message["title"], message["served"], plan["arms"][1]["messages"]["de"]["served"]) == ("law", True, False)
    own = {part: message[part] for part in ("title", "body", "action")}
    assert message["sha256"] == hashlib.sha256(canonical_json(own).encode()).hexdigest()
    assert [(one["role"], one["name"], one["better"]) for one in plan["outcomes"]] == [
        ("primary", "primary", "higher"), ("secondary", "contact", "higher"), ("guardrail", "repeat_trigger", "lower"),
    ]  # fmt: skip
    assert plan["size"]["units_per_variant"] == 1000
    assert 30_000 < plan["size"]["needed_units_per_variant"] < 200_000
    assert [(a["locale"], a["by"], a["at"]) for a in plan["approvals"]] == [("en", "bob", "2026-11-24T12:01:00Z")]
    assert "any time" in plan["stopping_rule"]


def test_anybody_can_compute_its_hash(started):
    given = json.loads(json.dumps(protocol.of(started.store, "four-lines").to_dict()))
    text = json.dumps(given["protocol"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == given["sha256"]
    entries = audit.decoded(started.store.audit.entries())
    assert next(e for e in entries if e.act == "start").details["protocol"] == given["sha256"]


def test_a_change_of_the_kept_text_is_seen(started, ledger):
    edit(ledger, keys.PROTOCOLS, "four-lines.1", b'"alpha":0.05', b'"alpha":0.01')
    found = protocol.of(started.store, "four-lines")
    assert found.standing == "altered"
    assert found.problems == ("Its text does not give the hash that was kept with the version at the start.",)
    assert "ALTERED" in markdown(found)


def test_a_change_of_the_definition_is_seen(started, ledger):
    edit(ledger, keys.EXPERIMENTS, "four-lines", b'"alpha":0.05', b'"alpha":0.01')
    found = protocol.of(started.store, "four-lines")
    assert (found.standing, found.document["alpha"]) == ("altered", 0.05)
    assert found.problems == ("The definition is not the one that was locked.",)


@pytest.mark.parametrize("spoiled", [None, "", "[]", "{", "null"])
def test_a_text_that_is_gone_or_spoiled_is_seen(started, ledger, spoiled):
    if spoiled is None:
        ledger.clients[0].hdel(keys.PROTOCOLS, "four-lines.1")
    else:
        ledger.clients[0].hset(keys.PROTOCOLS, "four-lines.1", spoiled)
    found = protocol.of(started.store, "four-lines")
    assert found.standing == "altered"
    assert markdown(found)


def test_acts_after_the_start_leave_it_as_it_is(started):
    before = protocol.of(started.store, "four-lines")
    for act, options in (
        ("set-traffic", {"traffic": 5000}),
        ("close-arm", {"variant": "law"}),
        ("suspend", {}),
        ("stop", {}),
    ):
        desk.act(started.runtime, "four-lines", act, BOB, options)
    assert protocol.of(started.store, "four-lines") == before


def test_each_version_has_its_own(started, document):
    desk.apply(started.runtime, document(title="Two"), ANN)
    assert protocol.of(started.store, "four-lines").document["version"] == 1, "the one that runs"
    assert protocol.of(started.store, "four-lines", 2).standing == "not-locked"
    for act, who in (("submit", ANN), ("approve", BOB), ("start", ANN)):
        desk.act(started.runtime, "four-lines", act, who)
    assert [protocol.of(started.store, "four-lines", n).document["title"] for n in (1, 2)] == [DOCUMENT["title"], "Two"]


def test_a_version_that_started_before_protocols_were_kept_was_never_locked(world, definition):
    world.run(definition())
    assert protocol.of(world.store, "four-lines").standing == "never-locked"


def test_a_size_that_cannot_be_computed_says_why(world, document):
    plan = document()["plan"] | {"expected_rate": 0.9, "minimum_effect": {"ratio": 1.2}}
    desk.apply(world.runtime, document(plan=plan), ANN)
    size = protocol.of(world.store, "four-lines").document["size"]
    assert size["needed_units_per_variant"] is None
    assert size["not_computed"]


@pytest.mark.parametrize(("design", "says"), [
    ({}, "at any time"), ({"design": "fixed"}, "analysed once"), ({"design": "looks", "looks": 4}, "4 planned looks"),
    ({"allocation": "drop-losers"}, "closed by the machine"),
])  # fmt: skip
def test_the_stopping_rule_in_words(world, document, design, says):
    desk.apply(world.runtime, document(plan=document()["plan"] | design), ANN)
    found = protocol.of(world.store, "four-lines")
    assert says in found.document["stopping_rule"]
    assert "30 hours after its end" in found.document["stopping_rule"]


def test_the_markdown_has_every_text_and_no_stray_markup(started):
    text = markdown(protocol.of(started.store, "four-lines"))
    for part in ("## Hypotheses", "## Arms", "### `law`", "    law", "2026/7", "`en` by bob", "Overrides are never"):
        assert part in text
    assert r"makes \*more\* people" in text
    assert "(not served)" in text
