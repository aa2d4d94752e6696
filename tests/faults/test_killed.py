"""`kill -9` under load: of the ledger, and of the service's workers. Nothing acknowledged is lost."""

from __future__ import annotations

import time

from tests.faults.servers import until
from tests.faults.world import World, scaled

ROUNDS = scaled(3, 50)
BATCHERS = 1
EVENTS = scaled(200, 7_000)  # acknowledged in each round before the fault


def test_the_ledger_is_killed(world: World, tell) -> None:
    world.start_store().serve()
    for number in range(ROUNDS):
        load = world.load(visitors=3, batchers=BATCHERS).reach(EVENTS)
        world.ledger.kill()
        time.sleep(0.1)
        world.ledger.start()
        time.sleep(0.2)
        load.stop(world.notes)
        world.settle()
        world.check_counters()
        if number % 10 == 9:
            world.check()
    books = world.check()
    tell(f"{ROUNDS} rounds, {world.notes.reached:,} acknowledged, 0 lost, {len(books.rows):,} rows = counters")


def test_workers_are_killed(world: World, tell) -> None:
    world.start_store().serve()
    for number in range(ROUNDS):
        load = world.load(visitors=3, batchers=BATCHERS).reach(EVENTS // 2)
        killed = world.service.kill_worker()
        until(lambda gone=killed: gone not in world.service.workers(), "the end of a worker")
        until(world.service.is_up, "a new worker")
        load.stop(world.notes)
        world.settle()
        world.check_counters()
        if number % 10 == 9:
            world.check()
    books = world.check()
    tell(f"{ROUNDS} rounds, {world.notes.reached:,} acknowledged, 0 lost, {len(books.rows):,} rows = counters")
