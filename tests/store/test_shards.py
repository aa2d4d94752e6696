"""Several experiments and shards on three masters: nothing is scattered, totals are the shards' sum."""

from experiments import assignment
from experiments.identity import session_bytes
from experiments.store import keys
from experiments.store.acts import apart

DAY = 86_400
TODAY = 20_781
NOON = TODAY * DAY + 43_200
TAGS = ("0", "1", "2")


def play(world, definition) -> list:
    """Two experiments of three shards; thirty sessions each, a third of them seek help twice."""
    lives = [
        world.run(definition(key=key, surfaces=[surface]), now=NOON, tags=TAGS)
        for key, surface in (("first-one", "surface-a"), ("second-one", "surface-b"))
    ]
    for live in lives:
        surface = live.version.definition.surfaces[0]
        for number in range(30):
            assigned = world.assign(f"s{number}", now=NOON, surface=surface, shown=number % 2 == 0)
            if number % 3 == 0:
                world.outcome(assigned, NOON + 20, channel="call")
                world.outcome(assigned, NOON + 20, channel="email")
    return lives


def test_totals_are_the_sum_of_the_shards(each_store, each_kind, make_world, definition):
    world = make_world(each_store)
    for live in play(world, definition):
        whole, _ = each_store.ledger.counts(live.tags, [TODAY])
        parts = [each_store.ledger.counts([tag], [TODAY])[0][TODAY] for tag in live.tags]
        names = {name for part in parts for name in part}
        assert whole[TODAY] == {name: sum(part.get(name, 0) for part in parts) for name in names}
        assert all(part for part in parts), "every shard has its units"
        assert [world.total(live, measure) for measure in ("a", "e", "d0", "d1")] == [30, 20, 10, 10]


def test_a_unit_lies_in_the_shard_of_its_hash(each_store, each_kind, make_world, definition):
    world = make_world(each_store)
    for live in play(world, definition):
        expected = [0, 0, 0]
        for number in range(30):
            drawn = assignment.draw(live.key, session_bytes(f"s{number}"))
            expected[assignment.shard(drawn.unit, 3)] += 1
        held = [each_store.ledger.units_on(tag, TODAY) for tag in live.tags]
        assert held == expected


def test_the_experiments_use_several_masters(cluster, shared_store, make_world, definition, volatile_server):
    for client in cluster.clients():
        with client:
            client.flushall()
    world = make_world(shared_store(cluster.url))
    play(world, definition)
    used = 0
    for client in cluster.clients():
        with client:
            used += bool(list(client.scan_iter(match="sp:*:c:*")))
    assert used >= 2


def test_totals_are_the_sum_of_the_days(each_store, each_kind, make_world, definition):
    world = make_world(each_store)
    live = world.run(definition(window_hours=1), now=NOON, tags=TAGS)
    days = range(TODAY, TODAY + 4)
    for day in days:
        world.runtime.refresh(day * DAY + 43_200)
        for number in range(8):
            world.assign(f"s{number}", now=day * DAY + 43_200, shown=True)
            world.outcome(f"s{number}", day * DAY + 43_300)
    by_day, _ = each_store.ledger.counts(live.tags, days)
    assert [world.total(live, "d0", day) for day in days] == [8, 8, 8, 8]
    assert world.total(live, "d0", *days) == 32
    assert all(fields == by_day[TODAY] | {} for fields in by_day.values()), "the same people, the same variants"


def test_events_apart_are_summed_too(each_store, each_kind):
    tags = [keys.tag("e", 1, suffix) for suffix in TAGS]
    for tag in tags:
        each_store.ledger.write(apart(tag, "late.left"))
    each_store.ledger.write(apart(tags[0], "outage.left"))
    assert each_store.ledger.counts(tags, [])[1] == {"late.left": 3, "outage.left": 1}
