"""In the warm state an assignment is one round trip to Redis, and so is an outcome. Counted on both ends."""

import pytest
from redis.connection import AbstractConnection

NOON = 20_781 * 86_400 + 43_200


class Wire:
    """What was sent: one entry for each time that a reply is waited for."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def since(self, act) -> list[bytes]:
        self.sent.clear()
        act()
        return list(self.sent)


@pytest.fixture
def wire(monkeypatch) -> Wire:
    found, send = Wire(), AbstractConnection.send_packed_command

    def counted(self, command, *args, **options):
        found.sent.append(command if isinstance(command, bytes) else b"".join(command))
        return send(self, command, *args, **options)

    monkeypatch.setattr(AbstractConnection, "send_packed_command", counted)
    return found


def scripts_run(kind) -> int:
    """Calls of scripts as the servers count them."""
    stats = [client.info("commandstats") for client in kind.clients]
    return sum(one.get(f"cmdstat_{name}", {"calls": 0})["calls"] for one in stats for name in ("evalsha", "eval"))


@pytest.mark.parametrize("unit", ["session", "view"])
def test_one_round_trip_for_each_act(each_store, each_kind, make_world, definition, wire, unit):
    world = make_world(each_store)
    guardrails = {"outcomes": {"primary": {"outcome": "help_sought"}}}
    world.run(definition(unit=unit, **guardrails), now=NOON - 86_400 * 3, tags=("0", "1", "2"))
    for number in range(12):  # every shard's connection is open and every script known
        warm = world.assign(f"warm {number}", now=NOON, shown=True)
        world.expose(warm, NOON)
        world.outcome(warm, NOON)
    world.runtime.refresh(NOON)
    before = scripts_run(each_kind)

    def one(act) -> int:
        nonlocal before
        trips = wire.since(act)
        wire.sent.clear()
        after = scripts_run(each_kind)
        ran, before = after - before, after
        assert all(b"EVALSHA" in trip for trip in trips)
        assert len(trips) == ran
        return len(trips)

    kept = []
    assert one(lambda: kept.append(world.assign("somebody", now=NOON, shown=True))) == 1
    assert one(lambda: world.assign("somebody", now=NOON + 1, shown=True)) == 1
    assert one(lambda: kept.append(world.assign("else", now=NOON))) == (0 if unit == "view" else 1)
    assert one(lambda: world.expose(kept[1], NOON + 2)) == 1
    assert one(lambda: world.outcome(kept[0], NOON + 3)) == 1
    assert one(lambda: world.outcome(kept[0], NOON + 3)) == 1
    if unit == "session":
        assert one(lambda: world.outcome("else", NOON + 3)) == 1


def test_what_needs_no_counting_needs_no_store(store, make_world, definition, wire):
    world = make_world(store)
    world.run(definition(key="other-one", surfaces=["search-fr"]), now=NOON)
    assert wire.since(lambda: world.assign("a", surface="nowhere")) == []
    assert wire.since(lambda: world.assign("a", surface="search-fr", locale="ja")) == []
    assert wire.since(lambda: world.assign("a", surface="search-fr", override="law")) == []


def test_results_are_one_pipeline(store, make_world, definition, wire):
    world = make_world(store)
    live = world.run(definition(), now=NOON, tags=("0", "1", "2"))
    world.assign("a", now=NOON, shown=True)
    world.store.ledger.counts(live.tags, [1])
    assert len(wire.since(lambda: world.store.ledger.counts(live.tags, range(20_700, 20_790)))) == 1
