"""Events that are sent again and again, over a network that is late, resets, and swallows replies, count once."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from tests.faults.load import HELP, Batcher, Caller, Event, Notes, events
from tests.faults.world import World, scaled

EVENTS = scaled(5_000, 1_000_000)
SIZE = scaled(50, 200)
THREADS = 4
NETWORKS = [(0.0, 0.0, 0.0), (0.2, 0.0, 0.15), (0.0, 0.3, 0.0), (0.3, 0.1, 0.3)]  # late, lost, seconds


def batches(found: Sequence[Event]) -> list[Sequence[Event]]:
    return [found[start : start + SIZE] for start in range(0, len(found), SIZE)]


def send_all(world: World, work: list[Sequence[Event]], shown: set[bytes]) -> Notes:
    """Send batches until there are none, each of them until all of it is acknowledged."""
    notes = Notes()
    with closing(Caller(world.service.port, world.key)) as caller:
        batcher = Batcher(caller, notes, shown=shown)
        while work:
            left, tries = work.pop(), 0
            while left := batcher.send(left):
                tries += 1
                assert tries < 500, f"never acknowledged: {notes.answers}"
                time.sleep(0.02)
    return notes


def spoil_network(world: World, sending: Sequence[Future[Notes]]) -> int:
    """Change the network's mood and reset all its connections again and again; returns how often."""
    resets = 0
    while not all(one.done() for one in sending):
        world.proxy.late, world.proxy.lost, world.proxy.seconds = random.choice(NETWORKS)
        time.sleep(random.uniform(0.05, 0.3) * scaled(1, 10))
        world.proxy.cut()
        resets += 1
    world.proxy.late = world.proxy.lost = 0.0
    return resets


def test_repeated_events_count_once(world: World, tell) -> None:
    """Every event is sent one to five times: in order at first, then all mixed up by all connections at once."""
    world.start_store().through_proxy().serve()
    found = events(EVENTS * 4 // 5)
    times = [random.randint(0, 4) for _ in found]
    again = [event for turn in range(4) for event, left in zip(found, times, strict=True) if left > turn]
    random.shuffle(again)
    resets, shown = 0, set()
    with ThreadPoolExecutor(THREADS) as pool:
        for wave in (found, again):
            work = batches(wave)
            sending = [pool.submit(send_all, world, work, shown) for _ in range(THREADS)]
            resets += spoil_network(world, sending)
            for one in sending:
                world.notes.add(one.result())
    world.settle(scaled(30, 300))
    books = world.check()
    units, clicks = len(world.notes.sent), sum(event.bits == HELP for event in found)
    assert [books.total(measure) for measure in ("a", "e", "d0")] == [units, units, clicks]
    sent = len(found) + len(again)
    tell(
        f"{len(found):,} events sent {sent:,} times through {resets} resets and {world.proxy.lost_replies} lost replies"
    )
