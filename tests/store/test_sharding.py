"""Tags of shards: evenly over the nodes and the slots, chosen when a version starts, and kept."""

from __future__ import annotations

from collections import Counter

import pytest

from app import create_app
from app.settings import Settings
from experiments import desk
from experiments.errors import InvalidInput, StoreUnavailable
from experiments.lifecycle import Actor
from experiments.store.sharding import SLOTS, choose_tags, slot, spread

TODAY = 20_781
NOON = TODAY * 86_400 + 43_200
SHARDS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 14, 16, 31, 32, 63, 64)


def owners(nodes: int) -> dict[int, str]:
    """A fresh cluster: every node has one range, all of one length, or one more."""
    return {number: f"n{number * nodes // SLOTS}" for number in range(SLOTS)}


def slots(tags: tuple[str, ...], experiment: str = "four-lines", version: int = 1) -> list[int]:
    return [slot(experiment, version, suffix) for suffix in tags]


def on_nodes(tags: tuple[str, ...], owned: dict[int, str], **named) -> Counter[str]:
    return Counter(dict.fromkeys(owned.values(), 0)) + Counter(owned[at] for at in slots(tags, **named))


def difference(held: Counter[str], nodes: int) -> int:
    return max(held.values()) - (min(held.values()) if len(held) == nodes else 0)


# --------------------------------------------------------------------------------------- the choice itself


@pytest.mark.parametrize("nodes", range(1, 8))
@pytest.mark.parametrize("shards", SHARDS)
def test_each_node_has_as_many_shards_or_one_more(nodes, shards):
    owned = owners(nodes)
    for experiment, version in (("four-lines", 1), ("a-b", 12)):
        tags = spread(experiment, version, shards, owned)
        assert len(set(tags)) == len(tags) == shards
        assert difference(on_nodes(tags, owned, experiment=experiment, version=version), nodes) <= 1


def test_numbered_tags_would_collide():
    """The control: what the search is for."""
    owned = owners(3)
    assert difference(on_nodes(tuple("012345"), owned), 3) > 1


@pytest.mark.parametrize("nodes", range(2, 8))
@pytest.mark.parametrize("shards", [8, 16, 32, 64])
def test_units_are_spread_over_the_nodes(nodes, shards):
    """A shard has the units whose first byte leaves its number: no node has more than one shard's units too many."""
    owned = owners(nodes)
    at = slots(spread("four-lines", 1, shards, owned))
    units = Counter(owned[at[byte % shards]] for byte in range(256))
    assert max(units.values()) - min(units.values()) <= -(-256 // shards)


def test_shards_that_do_not_divide_256_are_even_node_by_node():
    owned = owners(3)
    at = slots(spread("four-lines", 1, 6, owned))
    assert sorted(Counter(owned[at[byte % 6]] for byte in range(256)).values()) == [85, 85, 86]


@pytest.mark.parametrize("nodes", [1, 2, 3, 5])
@pytest.mark.parametrize("shards", [15, 30, 60])
def test_no_stretch_of_slots_is_left_empty(nodes, shards):
    """So that slots which move take their share of shards with them."""
    at = sorted(slots(spread("four-lines", 1, shards, owners(nodes))))
    gaps = [after - before for before, after in zip(at, [*at[1:], at[0] + SLOTS], strict=True)]
    assert max(gaps) < 1.1 * SLOTS / shards


def test_after_a_fourth_node_was_filled_shards_are_still_spread():
    """The last quarter of each node's slots goes to the new one, as the usual tools do it."""
    owned = owners(3)
    at = slots(spread("four-lines", 1, 32, owned))
    for node in ("n0", "n1", "n2"):
        mine = [number for number in owned if owned[number] == node]
        owned |= dict.fromkeys(mine[-len(mine) // 4 :], "n3")
    held = Counter(owned[number] for number in at)
    assert len(held) == 4
    assert max(held.values()) - min(held.values()) <= 2


def test_a_node_that_is_being_filled_gets_no_shard():
    owned = owners(3) | {0: "new", 1: "new"}
    assert on_nodes(spread("four-lines", 1, 6, owned), owned) == {"n0": 2, "n1": 2, "n2": 2}


def test_nodes_with_scattered_slots():
    owned = {number: f"n{number // 7 % 3}" for number in range(SLOTS)}
    tags = spread("four-lines", 1, 6, owned)
    assert on_nodes(tags, owned) == {"n0": 2, "n1": 2, "n2": 2}


def test_experiments_with_few_shards_do_not_meet_on_one_node():
    owned = owners(3)
    first = Counter(owned[slots(spread(f"e-{n}", 1, 2, owned), f"e-{n}")[0]] for n in range(60))
    assert len(first) == 3
    assert max(first.values()) <= 36


def test_the_choice_is_a_function_of_its_arguments():
    assert spread("four-lines", 1, 6, owners(3)) == spread("four-lines", 1, 6, owners(3))
    assert spread("four-lines", 1, 6, owners(3)) != spread("four-lines", 2, 6, owners(3))


# ------------------------------------------------------------------------------------------ on real servers


@pytest.fixture
def start(definition, document):
    """Take a document to its start through the use cases; returns the version and what the catalogue holds."""

    def run(world, key: str = "four-lines", **changes):
        desk.apply(world.runtime, document(key=key, **changes), Actor("ann", NOON))
        for act, who in (("submit", "ann"), ("approve", "bob"), ("start", "bob")):
            saved = desk.act(world.runtime, key, act, Actor(who, NOON))
        world.runtime.refresh(NOON)
        return saved.latest, world.runtime.catalogue.snapshot.by_key[key]

    return run


def test_a_single_server_has_one_shard_unless_asked(store, make_world, start):
    world = make_world(store)
    assert start(world)[0].tags == ("0",)
    world.runtime.shards = 4
    version, _ = start(world, "other-one", surfaces=["elsewhere"])
    assert len(version.tags) == 4
    parts = Counter(slot("other-one", 1, suffix) * 4 // SLOTS for suffix in version.tags)
    assert parts == {0: 1, 1: 1, 2: 1, 3: 1}, "spread already, should it move to a cluster"


def test_a_cluster_has_two_shards_for_each_master(cluster, shared_store, make_world, start, volatile_server):
    clients = cluster.clients()
    for client in clients:
        client.flushall()
    world = make_world(shared_store(cluster.url))
    version, live = start(world)
    assert len(version.tags) == 6
    assert world.store.documents.experiment("four-lines").latest.tags == version.tags
    assert {world.runtime.pages(live, shard, TODAY) for shard in range(6)} == {10_000 // 6}
    for number in range(120):
        world.assign(f"s{number}", now=NOON, shown=True)
    assert world.total(live, "e") == 120
    assert [len(list(client.scan_iter(match="sp:{four-lines*}:c:*"))) for client in clients] == [2, 2, 2]
    for client in clients:
        client.close()


@pytest.mark.parametrize("wanted", [1, 3, 8])
def test_a_wish_is_heeded_on_a_cluster(cluster, shared_store, wanted):
    client = shared_store(cluster.url).documents.client
    tags = choose_tags(client, "four-lines", 1, wanted)
    held = Counter(slot("four-lines", 1, suffix) * 3 // SLOTS for suffix in tags)
    assert len(tags) == wanted
    assert max(held.values()) - (min(held.values()) if len(held) == 3 else 0) <= 1


def test_the_setting_reaches_the_start(store, tmp_path):
    given = {"SIGNPOST_VAR": str(tmp_path), "SIGNPOST_SHARDS": "4"}
    assert create_app(Settings.read(given), store=store).extensions["signpost"].runtime.shards == 4
    for wrong in ("65", "-1", "two"):
        with pytest.raises(InvalidInput, match="SIGNPOST_SHARDS must be a whole number from 0 to 64"):
            Settings.read(given | {"SIGNPOST_SHARDS": wrong})


def test_a_cluster_that_is_away_starts_nothing(open_store, make_world, volatile_server):
    store = open_store("redis+cluster://127.0.0.1:1", volatile_server.url)
    with pytest.raises(StoreUnavailable):
        choose_tags(store.documents.client, "four-lines", 1, 0)
