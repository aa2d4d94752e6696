"""Power cuts: the ledger's files are cut back to what had been synced. Replies wait for that, so nothing is lost."""

from __future__ import annotations

from tests.faults.world import World, scaled

ROUNDS = scaled(3, 50)
REWRITES = {"auto_aof_rewrite_min_size": "16mb"}  # so that cuts meet rewrites, too
BATCHERS = 1
EVENTS = scaled(200, 7_000)  # acknowledged in each round before the fault


def cut(world: World) -> int:
    """One power cut under load; returns the bytes that it cost."""
    load = world.load(visitors=3, batchers=BATCHERS).reach(EVENTS)
    gone = world.ledger.cut_power()
    load.stop(world.notes)
    world.ledger.start()
    world.settle()
    return gone


def test_power_cuts(world: World, synced, tell) -> None:
    world.start_store(synced=synced, **REWRITES).serve()
    gone = 0
    for number in range(ROUNDS):
        gone += cut(world)
        world.check_counters()
        if number % 10 == 9:
            world.check()
    world.check()
    tell(f"{ROUNDS} rounds, {world.notes.reached:,} acknowledged, 0 lost, {gone:,} unsynced bytes cut off")


def test_power_cuts_are_seen(world: World, synced, tell) -> None:
    """The control: a ledger that replies before it has synced does lose, or the test above is blind."""
    world.start_store(synced=synced, appendfsync="everysec").serve(SIGNPOST_DURABILITY="relaxed")
    lost, rounds = 0, 0
    while not lost and rounds < 10:
        rounds += 1
        cut(world)
        lost = world.verdict(world.check_counters()).lost
    assert lost, f"nothing was lost in {rounds} power cuts with appendfsync everysec"
    tell(f"control with everysec: {lost:,} of {world.notes.reached:,} acknowledged lost after {rounds} cuts")
