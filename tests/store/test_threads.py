"""A hundred threads that send the same things: everything is counted exactly once."""

import random
import threading
from collections import Counter

import pytest

from experiments.errors import OutcomeRefused

NOON = 20_781 * 86_400 + 43_200
THREADS, SESSIONS = 100, 24


def at_once(acts) -> list[BaseException]:
    """Run all acts in threads of their own that start together; return what went wrong."""
    ready, failed = threading.Barrier(len(acts)), []

    def run(act) -> None:
        ready.wait()
        try:
            act()
        except BaseException as error:  # noqa: BLE001  (a thread's failure is the test's)
            failed.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


@pytest.mark.parametrize("each_kind", ["redis-7.0", "cluster"], indirect=True)
def test_exact_counts_under_contention(each_kind, volatile_server, open_store, make_world, definition):
    world = make_world(open_store(each_kind.url, volatile_server.url, budget=30.0))
    live = world.run(definition(), now=NOON, tags=("0", "1", "2"))
    sessions = [f"session {number}" for number in range(SESSIONS)]
    variants: dict[str, set] = {session: set() for session in sessions}
    receipts: Counter = Counter()

    def worker(seed: int) -> None:
        mine = random.Random(seed).sample(sessions, 6)
        for session in mine:
            assigned = world.assign(session, now=NOON, shown=True)
            variants[session].add(assigned.variant)
            receipts["assigned", assigned.receipt] += 1
            for channel in ("call", "email"):
                receipts[channel, world.outcome(session, NOON + 5, channel=channel)] += 1

    failed = at_once([lambda seed=seed: worker(seed) for seed in range(THREADS)])
    assert failed == []
    assert {len(seen) for seen in variants.values()} == {1}
    counted = {measure: world.total(live, measure) for measure in ("a", "e", "d0", "d1", "d2", "o1", "o3")}
    assert counted == {"a": 24, "e": 24, "d0": 24, "d1": 24, "d2": 0, "o1": 24, "o3": 24}
    assert [receipts[what, "recorded"] for what in ("assigned", "call", "email")] == [24, 24, 24]
    assert [receipts[what, "already"] for what in ("assigned", "call", "email")] == [576, 576, 576]
    by_variant = Counter(next(iter(seen)) for seen in variants.values())
    counts = world.counts(live)
    names = [variant.key for variant in live.version.definition.variants]
    assert {names[n]: counts.get(f"0.{n}.0.0.e", 0) for n in range(3)} == {name: by_variant[name] for name in names}


def test_refusals_under_contention_count_nothing(store, volatile_server, ledger, open_store, make_world, definition):
    world = make_world(open_store(ledger.url, volatile_server.url, budget=30.0))
    live = world.run(definition(), now=NOON)
    world.assign("known", now=NOON, shown=True)
    before = world.counts(live)

    def refused(number: int) -> None:
        with pytest.raises(OutcomeRefused):
            world.outcome(f"nobody {number % 7}", NOON + 5)

    assert at_once([lambda n=number: refused(n) for number in range(THREADS)]) == []
    assert world.counts(live) == before
