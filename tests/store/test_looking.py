"""Looks at a running version's result, and which of them the plan foresees."""

import pytest

from experiments import audit, desk, looking
from experiments.lifecycle import Actor
from experiments.model import DAY
from experiments.store.keys import counts, tag
from tests.conftest import NOON, TODAY

FIRST, SECOND, THIRD = "2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z", "2026-11-27T00:00:00Z"


def note(world, who="ann", sealed_until=FIRST, now=NOON + 2 * DAY):
    looking.note(world.runtime, "four-lines", 1, who, now, sealed_until)


def seen(world):
    return [(look.who, look.sealed_until, look.planned) for look in looking.history(world.store, "four-lines", 1)]


def exposed(world, ledger, by_day):
    """Units exposed of each of the three variants, by day from today on."""
    for number, units in enumerate(by_day):
        name = counts(tag("four-lines", 1, "0"), TODAY + number)
        ledger.clients[0].hset(name, mapping={f"0.{i}.0.0.e": n for i, n in enumerate(units)})


def test_one_entry_for_each_person_and_sealed_day(world, definition):
    world.run(definition())
    for now in (1, 2):
        note(world, "ann", now=NOON + now)
    note(world, "bob", now=NOON + 3)
    note(world, "ann", SECOND, now=NOON + 4)
    note(world, "ann", None, now=NOON + 5)
    found = looking.history(world.store, "four-lines", 1)
    assert [(look.at - NOON, look.who, look.sealed_until) for look in found] == [
        (1, "ann", FIRST), (3, "bob", FIRST), (4, "ann", SECOND), (5, "ann", None),
    ]  # fmt: skip
    entries = [e for e in audit.decoded(world.store.audit.entries()) if e.act == "look"]
    assert [(e.who, e.about, e.details.get("sealed_until")) for e in entries] == [
        ("ann", "experiment/four-lines", FIRST), ("bob", "experiment/four-lines", FIRST),
        ("ann", "experiment/four-lines", SECOND), ("ann", "experiment/four-lines", None),
    ]  # fmt: skip
    assert audit.check(world.store).faults == ()


def test_only_a_version_that_runs_is_looked_at(world, definition):
    world.run(definition())
    desk.act(world.runtime, "four-lines", "suspend", Actor("bob", NOON))
    note(world, "ann")
    desk.act(world.runtime, "four-lines", "stop", Actor("bob", NOON))
    note(world, "bob")
    looking.note(world.runtime, "four-lines", 7, "bob", NOON, FIRST)
    assert [who for who, _, _ in seen(world)] == ["ann"]
    assert looking.history(world.store, "four-lines", 7) == []


def test_a_sequential_plan_foresees_every_look(world, definition):
    world.run(definition())
    note(world)
    note(world, "bob", None)
    assert [planned for _, _, planned in seen(world)] == [True, True]


def test_a_fixed_plan_foresees_none_before_its_size(world, ledger, definition, document):
    world.run(definition(plan=document()["plan"] | {"design": "fixed"}))
    exposed(world, ledger, [(600, 600, 600), (500, 500, 399), (500, 500, 1)])
    for who, until in (("ann", None), ("ann", FIRST), ("ann", SECOND), ("ann", THIRD)):
        note(world, who, until)
    assert {until: planned for _, until, planned in seen(world)} == {
        None: False, FIRST: False, SECOND: False, THIRD: True,
    }  # fmt: skip


@pytest.mark.parametrize(("units", "planned"), [
    ([(499,) * 3, (1,) * 3, (1,) * 3], (False, True, False)),   # the half is reached on the second day
    ([(500,) * 3, (499,) * 3, (1,) * 3], (True, False, True)),
    ([(1000,) * 3, (5,) * 3, (5,) * 3], (True, True, True)),    # the end was reached on the first day
])  # fmt: skip
def test_planned_looks_are_on_the_days_on_which_they_are_due(world, ledger, definition, document, units, planned):
    world.run(definition(plan=document()["plan"] | {"design": "looks", "looks": 2}))
    exposed(world, ledger, units)
    for until in (FIRST, SECOND, THIRD):
        note(world, "ann", until)
    assert tuple(planned for _, _, planned in sorted(seen(world), key=lambda look: look[1])) == planned
