"""Which tags a version's shards get, so that its load spreads over the nodes of a cluster.

A tag decides the slot, a slot's node the server that counts. CRC16 is linear, so shards that are simply numbered
fall into a few corners of the slots, and more often than not several on one node. So the suffixes are searched:

- shard i goes to node i, i + nodes, …: each node has as many shards as any other, or one more. Which node comes first
  depends on the version, else all small experiments would meet on one;
- a node's shards lie evenly over the slots it owns, so that slots which move to a new node later take their share of
  shards with them.

A unit's shard is `unit[0] mod shards`. Where the number does not divide 256, the first shards get a little more than
the others (of six, 43 and 42 of 256); as they go round the nodes, so does that. A power of two would be even shard by
shard and uneven node by node: of eight shards on three nodes, one node has two and the others three.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from redis.crc import key_slot

from experiments.store import keys
from experiments.store.connection import Client, is_cluster, translated

SLOTS = 16_384
MOST = 64
PER_NODE = 2
CANDIDATES = 10_000  # suffixes looked at; they reach about half of all slots

Owners = Mapping[int, str]  # slot → the node that owns it


def choose_tags(client: Client, experiment: str, version: int, wanted: int) -> tuple[str, ...]:
    """Return the suffixes of a version's shards; `wanted` 0: one on a single server, two for each master of a cluster.

    They are chosen once, when the version starts, and stored with it: a unit's shard never changes.
    """
    owners = _owners(client)
    automatic = min(MOST, PER_NODE * len(set(owners.values()))) if is_cluster(client) else 1
    return spread(experiment, version, wanted or automatic, owners)


def spread(experiment: str, version: int, shards: int, owners: Owners) -> tuple[str, ...]:
    """Choose `shards` suffixes for these owners of slots. Pure."""
    if shards == 1:
        return ("0",)  # any slot is as good
    return tuple(_suffixes(experiment, version, _targets(experiment, version, shards, owners), owners))


def slot(experiment: str, version: int, suffix: str) -> int:
    """Return the slot of a shard."""
    return key_slot(keys.tag(experiment, version, suffix).encode())


def _targets(experiment: str, version: int, shards: int, owners: Owners) -> Iterator[tuple[str, int]]:
    """Node and ideal slot of each shard."""
    owned = _fair(owners)
    nodes = sorted(owned, key=lambda node: owned[node][0])
    turn = slot(experiment, version, "0") % len(nodes)
    for shard in range(shards):
        node = nodes[(shard + turn) % len(nodes)]
        place, of = shard // len(nodes), len(range(shard % len(nodes), shards, len(nodes)))
        yield node, owned[node][(2 * place + 1) * len(owned[node]) // (2 * of)]


def _fair(owners: Owners) -> dict[str, list[int]]:
    """Slots by node. A node that owns less than half of an equal share is being filled or emptied: it gets no shard."""
    owned: dict[str, list[int]] = {}
    for number in sorted(owners):
        owned.setdefault(owners[number], []).append(number)
    least = len(owners) / len(owned) / 2
    return {node: slots for node, slots in owned.items() if len(slots) >= least}


def _suffixes(experiment: str, version: int, targets: Iterator[tuple[str, int]], owners: Owners) -> Iterator[str]:
    """Yield the suffix whose slot is nearest to each target, on the target's own node; no slot twice."""
    reached: dict[int, str] = {}
    for number in range(CANDIDATES):
        reached.setdefault(slot(experiment, version, str(number)), str(number))
    for node, target in targets:
        nearest = min((s for s in reached if owners.get(s) == node), key=lambda s: (abs(s - target), s))
        yield reached.pop(nearest)


def _owners(client: Client) -> Owners:
    """Who owns which slot, as the cluster says now; a single server owns them all."""
    if not is_cluster(client):
        return dict.fromkeys(range(SLOTS), "")
    with translated():
        ranges: Mapping[Sequence[int], Mapping[str, Sequence[object]]] = client.cluster_slots()
    return {
        number: ":".join(map(str, nodes["primary"][:2]))
        for (first, last), nodes in ranges.items()
        for number in range(first, last + 1)
    }
