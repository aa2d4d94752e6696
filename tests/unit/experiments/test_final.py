"""The final report: frozen by the act that concludes a version, and held against its counts from then on."""

from __future__ import annotations

import json

import pytest

from experiments import desk, final
from experiments.errors import NotFound, Refused
from experiments.lifecycle import Actor
from experiments.model import DAY, HOUR
from experiments.results import result
from experiments.store import keys
from tests.conftest import NOON, TODAY

OVER = NOON + 3 * DAY


@pytest.fixture
def stopped(world, definition):
    """A version with a day of counts, stopped that evening."""
    world.run(definition())
    for number in range(60):
        given = world.assign(f"s{number}", stratum="list-a" if number % 2 else "list-b")
        world.expose(given, NOON + 5)
        if number < 9:
            world.outcome(given, NOON + 60)
    desk.act(world.runtime, "four-lines", "stop", Actor("ann", NOON + 6 * HOUR))
    return world


def act(world, name, who="ann", now=OVER, **options):
    return desk.act(world.runtime, "four-lines", name, Actor(who, now, "too few people to tell"), options)


def test_it_is_frozen_by_conclude_and_equals_what_the_counts_say(stopped):
    before = result(stopped.store, "four-lines", now=OVER)
    assert before.final is None
    act(stopped, "conclude", who="cid")
    after = result(stopped.store, "four-lines", now=OVER + 90 * DAY)
    assert (after.final.at, after.final.by, after.final.equal) == ("2026-11-27T12:00:00Z", "cid", True)
    assert after.to_dict()["final"]["equal"] is True
    held = final.document(stopped.store, "four-lines", 1)
    assert sum(arm["units"] for arm in held["report"]["arms"]) == 60
    assert held["report"]["arms"] == before.to_dict()["arms"]
    assert held["table"] == before.to_csv()
    assert not [notice for notice in after.notices if "final report" in notice]


def test_it_is_frozen_by_two_people_who_decide(stopped):
    act(stopped, "propose", who="ann", choice="keep-control")
    act(stopped, "confirm", who="bob")
    assert result(stopped.store, "four-lines", now=OVER).final.by == "bob"


def test_nothing_is_frozen_by_a_conclusion_that_is_refused(stopped):
    with pytest.raises(Refused):
        act(stopped, "conclude", now=NOON + 8 * HOUR)
    assert stopped.store.finals.of("four-lines", 1) is None
    with pytest.raises(NotFound, match="no final report"):
        final.document(stopped.store, "four-lines", 1)


def test_counts_that_say_something_else_are_told_of(stopped, ledger):
    act(stopped, "conclude")
    (live,) = stopped.store.documents.experiment("four-lines").versions
    name = keys.counts(keys.tag("four-lines", 1, live.tags[0]), TODAY)
    (client,) = ledger.clients
    field = next(f for f in client.hkeys(name) if f.endswith(b".e"))
    client.hincrby(name, field, 1)
    client.hincrby(name, field.removesuffix(b".e") + b".a", 1)
    found = result(stopped.store, "four-lines", now=OVER)
    assert found.final.equal is False
    assert any(path.startswith("arms[") for path in found.final.differs)
    (told,) = [notice for notice in found.notices if "final report" in notice]
    assert "2026-11-27" in told


@pytest.mark.parametrize(
    ("told", "now", "differs"),
    [
        ({"a": 0.1}, {"a": 0.1 + 1e-15}, []),
        ({"a": 0.1}, {"a": 0.1001}, ["a"]),
        ({"a": [1, 2]}, {"a": [1]}, ["a"]),
        ({"a": None}, {"a": 0.5}, ["a"]),
        ({"a": 1}, {"a": 1, "came later": 2}, []),
        ({"a": {"b": "x"}}, {"a": {}}, ["a.b"]),
    ],
)
def test_what_counts_as_a_difference(told, now, differs):
    assert list(final._differences(told, now, "")) == differs


def test_the_key_is_packed(stopped, ledger):
    act(stopped, "conclude")
    (client,) = ledger.clients
    packed = client.hget(keys.FINALS, "four-lines.1")
    held = stopped.store.finals.of("four-lines", 1)
    assert len(packed) < len(held) / 3
    assert json.loads(held)["schema"] == 1
