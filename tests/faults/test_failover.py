"""A primary dies and a replica takes its place. What was acknowledged in `replicated` is there, shards go on alone."""

from __future__ import annotations

import time
from contextlib import suppress

import redis

from tests.faults.load import Notes
from tests.faults.proxy import Proxy
from tests.faults.servers import DURABLE, Server, until
from tests.faults.world import World, scaled

QUICK = {"repl-diskless-sync-delay": "0", "repl-ping-replica-period": "1"}


def has_replicas(server: Server, wanted: int) -> bool:
    info = server.client.info("replication")
    up = [info[f"slave{number}"]["state"] == "online" for number in range(info["connected_slaves"])]
    return up.count(True) == wanted


class Group:
    """A primary and two replicas that hear of it over a link which can be cut; the address follows the primary."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.start_store(**{name.replace("-", "_"): value for name, value in QUICK.items()}).through_proxy()
        self.primary = world.ledger
        self.replicas = [world.server(f"replica{number}", DURABLE | QUICK) for number in (1, 2)]
        self.link = Proxy(self.primary.port).start()
        world._stack.callback(self.link.close)
        for replica in self.replicas:
            replica.client.replicaof("127.0.0.1", self.link.port)
        until(lambda: has_replicas(self.primary, 2), "replication")

    def fail_over(self, frozen: float) -> None:
        """The link freezes, the primary dies, the replica that knows most takes its place."""
        old = self.primary
        self.link.freeze()
        time.sleep(frozen)
        old.kill()
        self.link.cut()
        self.link.thaw()
        ranked = sorted(self.replicas, key=lambda one: one.client.info("replication")["slave_repl_offset"])
        self.primary = ranked.pop()
        self.primary.client.replicaof("NO", "ONE")
        self.link.aim(self.primary.port)
        self.world.proxy.aim(self.primary.port)
        self.world.servers = [self.primary]
        old.start()
        old.client.replicaof("127.0.0.1", self.link.port)
        self.replicas = [*ranked, old]
        until(lambda: has_replicas(self.primary, 2), "replication from the new primary", 60)


def test_a_replica_takes_over(world: World, tell) -> None:
    group = Group(world)
    world.serve(SIGNPOST_DURABILITY="replicated")
    for _ in range(scaled(1, 10)):
        load = world.load(visitors=3, batchers=1, size=20).reach(200)
        group.fail_over(0.5)
        time.sleep(0.3)
        load.stop(world.notes)
        world.settle()
        world.check()
    assert world.notes.of("assignment")[200, "recorded"], "nothing was acknowledged by two servers"
    assert world.notes.of("assignment")[200, "spooled"], "the frozen link was not noticed"
    tell(f"{scaled(1, 10)} failovers: {world.notes.reached:,} acknowledged, 0 lost")


def test_a_lost_replica_is_seen(world: World, tell) -> None:
    """The control: without waiting for a replica the same failover loses, or the test above is blind."""
    group = Group(world)
    world.serve()
    load = world.load(visitors=3, batchers=1, size=20).reach(200)
    group.fail_over(0.5)
    load.stop(world.notes)
    world.settle()
    lost = world.verdict(world.check_counters()).lost
    assert lost, "nothing was lost though no replica had it"
    tell(f"control without waiting: {lost:,} units of {world.notes.reached:,} acknowledged events lost")


# ------------------------------------------------------------------------------------------ cluster


class Cluster:
    """Three masters with replicas, on loopback."""

    def __init__(self, world: World, replicas: int) -> None:
        options = DURABLE | QUICK | {
            "cluster-enabled": "yes", "cluster-node-timeout": "2000", "cluster-require-full-coverage": "no",
        }  # fmt: skip
        self.nodes = [world.server(f"node{number}", options) for number in range(3 * (1 + replicas))]
        self.replicas = replicas
        self._join()
        world.start_volatile()
        world.address = f"redis+cluster://127.0.0.1:{self.nodes[1].port}"
        self.world = world
        self.look()

    def _join(self) -> None:
        masters, others = self.nodes[:3], self.nodes[3:]
        for number, node in enumerate(self.nodes, 1):
            node.client.execute_command("CLUSTER SET-CONFIG-EPOCH", number)
        for number, node in enumerate(masters):
            node.client.execute_command(
                "CLUSTER ADDSLOTSRANGE", 16_384 * number // 3, 16_384 * (number + 1) // 3 - 1
            )  # fmt: skip
        for node in self.nodes[1:]:
            self.nodes[0].client.execute_command("CLUSTER MEET", "127.0.0.1", node.port)
        until(
            lambda: all(self._told(node, "cluster_known_nodes") == str(len(self.nodes)) for node in self.nodes),
            "meeting",
        )
        for number, node in enumerate(others):
            name = masters[number % 3].client.execute_command("CLUSTER MYID")
            until(lambda n=node, m=name: n.client.execute_command("CLUSTER REPLICATE", m) in (b"OK", True), "a replica")
        until(self.is_whole, "the cluster's readiness")

    def _told(self, node: Server, name: str) -> str:
        return str(node.client.execute_command("CLUSTER INFO")[name])

    def is_whole(self) -> bool:
        masters = self.masters()
        return (
            all(self._told(node, "cluster_state") == "ok" for node in self.nodes)
            and len(masters) == 3
            and all(has_replicas(node, self.replicas) for node in masters)
        )

    def masters(self) -> list[Server]:
        """Nodes that answer and hold slots."""
        found = []
        for node in self.nodes:
            with suppress(redis.RedisError, OSError):
                if node.client.info("replication")["role"] == "master":
                    found.append(node)
        return found

    def look(self) -> None:
        self.world.servers = self.masters()


def test_a_node_of_a_cluster_fails(world: World, tell) -> None:
    """Three masters with one replica each; in `make faults` with two."""
    cluster = Cluster(world, scaled(1, 2))
    world.serve(SIGNPOST_DURABILITY="replicated")
    for number in range(scaled(1, 6)):
        load = world.load(visitors=4, batchers=1, size=20).reach(300)
        dead = cluster.masters()[number % 3]
        dead.kill()
        time.sleep(0.3)
        others = world.load(visitors=4)
        time.sleep(1.2)
        during = Notes()
        others.stop(during)
        assert set(during.of("assignment")) <= {(200, "recorded"), (200, "already"), (200, "spooled")}
        assert during.of("assignment")[200, "recorded"], "the other shards stood still"
        assert during.of("assignment")[200, "spooled"], "nobody noticed that a shard was dead"
        world.notes.add(during)
        until(lambda: len(cluster.masters()) == 3, "the promotion of a replica", 30)
        time.sleep(0.5)
        dead.start()
        until(cluster.is_whole, "the return of the dead node", 60)
        load.stop(world.notes)
        cluster.look()
        world.settle()
        world.check()
    tell(f"{scaled(1, 6)} masters killed: {world.notes.reached:,} acknowledged, 0 lost")
