"""Events that are sent again and again, over a network that is late, resets, and swallows replies, count once."""

from __future__ import annotations

import random
import threading
import time

from tests.faults.load import HELP, Batcher, Caller, Event, Notes, events
from tests.faults.world import World, scaled

UNITS = scaled(4_000, 800_000)
SIZE = scaled(200, 500)
THREADS = 3


def repeated(found: list[Event]) -> list[list[Event]]:
    """Every event one to five times, in batches that differ each time, a unit's showing in no later pass than its click."""
    times = {event: random.randint(1, 5) for event in found}
    batches = []
    for turn in range(5):
        chosen = [event for event in found if times[event] > turn]
        if turn:
            random.shuffle(chosen)
        batches += [chosen[start : start + SIZE] for start in range(0, len(chosen), SIZE)]
    return batches


def send_all(world: World, batches: list[list[Event]], notes: Notes) -> None:
    """Send them, and again what was not acknowledged, until everything is."""
    caller = Caller(world.service.port, world.key)
    batcher = Batcher(caller, notes)
    for batch in batches:
        left, tries = batcher.send(batch), 0
        while left:
            tries += 1
            assert tries < 200, f"never acknowledged: {notes.answers}"
            time.sleep(0.05)
            left = batcher.send(left)
    caller.close()


def test_repeated_events_count_once(world: World, tell) -> None:
    world.start_store().through_proxy().serve()
    found = events(UNITS)
    batches = repeated(found)
    shares = [(batches[number::THREADS], Notes()) for number in range(THREADS)]
    threads = [threading.Thread(target=send_all, args=(world, *share), daemon=True) for share in shares]
    for thread in threads:
        thread.start()
    resets = 0
    while any(thread.is_alive() for thread in threads):
        world.proxy.late, world.proxy.lost, world.proxy.seconds = random.choice(
            [(0.0, 0.0, 0.0), (0.2, 0.0, 0.15), (0.0, 0.1, 0.0), (0.3, 0.05, 0.3)]
        )
        time.sleep(random.uniform(0.1, 0.4))
        world.proxy.cut()
        resets += 1
    world.proxy.late = world.proxy.lost = 0.0
    for _, notes in shares:
        world.notes.add(notes)
    world.settle(scaled(30, 120))
    books = world.check()
    clicks = sum(event.bits == HELP for event in found)
    assert (books.total("a"), books.total("e"), books.total("d0")) == (UNITS, UNITS, clicks)
    sent = sum(map(len, batches))
    tell(
        f"{len(found):,} events sent {sent:,} times through {resets} resets and {world.proxy.resets} lost replies: 0 twice"
    )
