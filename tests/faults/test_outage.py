"""The ledger is away, read-only, out of memory, slow: everybody is answered as before, nothing is missing afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults.load import Notes
from tests.faults.servers import free_port, until
from tests.faults.world import World, scaled

ASSIGNED = {(200, "recorded"), (200, "already"), (200, "spooled")}
REPORTED = {(201, "recorded"), (200, "already"), (202, "spooled")}
KNOWN = [f"known {number}" for number in range(20)]
PAUSE = 0.02


def all_answered(notes: Notes) -> None:
    """Every warning and every outcome was taken."""
    assert set(notes.of("assignment")) <= ASSIGNED, notes.answers
    assert set(notes.of("outcome")) <= REPORTED, notes.answers
    assert {receipt for _, receipt in notes.of("event")} <= {"recorded", "already", "spooled"}, notes.answers


def spooled(notes: Notes) -> int:
    return sum(n for (_, _, receipt), n in notes.answers.items() if receipt == "spooled")


def test_the_ledger_stops(world: World, tell) -> None:
    world.start_store().serve()
    visitor = world.visitor()
    tokens = {session: visitor.assign(session) for session in KNOWN}

    load = world.load(visitors=3, batchers=1, pause=PAUSE, size=10).reach(100)
    world.ledger.kill()
    time.sleep(0.5)  # what was under way has been answered
    began = time.monotonic()
    away = world.visitor(Notes())
    away.notes.variant |= visitor.notes.variant
    for session in KNOWN[:10]:
        assert away.assign(session)
        assert away.outcome(session, tokens[session]) == "spooled"
    assert set(away.notes.of("assignment")) == {(200, "spooled")}
    time.sleep(scaled(3, 600) - (time.monotonic() - began))
    world.ledger.start()
    load.stop(world.notes)
    world.notes.add(away.notes)

    all_answered(world.notes)
    world.settle(scaled(30, 120))
    again = world.visitor()  # the server has closed the other one's idle connection
    for session in KNOWN:
        assert again.assign(session)
    books = world.check()
    assert books.total("a") == len(world.notes.kept) == len(world.notes.sent), "nothing is missing"
    tell(f"{scaled(3, 600)} s away: {spooled(world.notes):,} of {world.notes.reached:,} spooled, all there once")


def read_only(world: World) -> Callable[[], object]:
    world.ledger.client.replicaof("127.0.0.1", free_port())
    return lambda: world.ledger.client.replicaof("NO", "ONE")


def out_of_memory(world: World) -> Callable[[], object]:
    world.ledger.client.config_set("maxmemory", "1mb")
    return lambda: world.ledger.client.config_set("maxmemory", "0")


@pytest.mark.parametrize("break_it", [read_only, out_of_memory])
def test_the_ledger_refuses(world: World, tell, break_it) -> None:
    world.start_store().serve()
    load = world.load(visitors=3, batchers=1, pause=PAUSE, size=10).reach(100)
    mend = break_it(world)
    time.sleep(scaled(2, 15))
    assert world.service.get("/readyz")[0] == 200
    mend()
    load.stop(world.notes)
    all_answered(world.notes)
    assert spooled(world.notes)
    world.settle()
    books = world.check()
    assert books.total("a") == len(world.notes.sent), "nothing is missing"
    tell(f"{break_it.__name__}: {spooled(world.notes):,} of {world.notes.reached:,} spooled, all there once")


def test_the_ledger_is_slow(world: World, tell) -> None:
    world.start_store().serve()
    load = world.load(visitors=3, batchers=1, pause=PAUSE, size=10).reach(100)
    stalls = scaled(5, 60)
    for _ in range(stalls):
        world.ledger.freeze()
        time.sleep(0.3)
        world.ledger.thaw()
        time.sleep(0.3)
    load.stop(world.notes)
    all_answered(world.notes)
    assert spooled(world.notes), "the stalls were not noticed"
    world.settle()
    books = world.check()
    assert books.total("a") == len(world.notes.sent), "nothing is missing"
    tell(f"{stalls} stalls of 300 ms: {spooled(world.notes):,} of {world.notes.reached:,} spooled, all there once")


def test_a_start_without_the_ledger(world: World) -> None:
    world.start_store().serve()
    visitor = world.visitor()
    before = [visitor.assign(session) for session in KNOWN]
    assert all(before)
    world.service.stop()
    world.ledger.kill()
    world.service.start()
    assert world.service.get("/readyz")[1]["status"] == "degraded"
    young = world.visitor(Notes(variant=visitor.notes.variant))
    for session in [*KNOWN, *(f"new {number}" for number in range(20))]:
        token = young.assign(session)
        assert token
        assert young.outcome(session, token) == "spooled"
    assert set(young.notes.of("assignment")) == {(200, "spooled")}
    assert young.notes.moved == []
    world.ledger.start()
    world.notes.add(young.notes)
    world.settle()
    books = world.check()
    assert (books.total("a"), books.total("o5")) == (40, 40)


def test_the_volatile_store_is_emptied(world: World, tell) -> None:
    world.start_store().serve()
    visitor = world.visitor()
    for session in KNOWN:
        assert visitor.assign(session)
    keys = world.read_day_keys()
    load = world.load(visitors=3, batchers=1).reach(200)
    for number in range(scaled(2, 10)):
        world.volatile.client.flushall()
        if number % 2:
            world.volatile.kill()
            time.sleep(0.3)
            world.volatile.start()
        until(lambda: world.read_day_keys().items() >= keys.items(), "the seeding of the day keys")
        load.reach(200 * (number + 2))
        for session in KNOWN:
            assert visitor.assign(session)
    load.stop(world.notes)
    all_answered(world.notes)
    world.settle()
    books = world.check()
    assert books.total("a") == len(world.notes.sent)
    assert not any(name.startswith("reset.") for name in books.apart)
    tell(f"emptied {scaled(2, 10)} times: {len(books.rows):,} units, each with one row")
