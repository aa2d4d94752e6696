"""From the spool to the ledger: each event exactly once, as if there had been no outage."""

from __future__ import annotations

import multiprocessing
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from experiments import assignment, lifecycle, replaying, waiting
from experiments.errors import StoreUnavailable
from experiments.identity import session_bytes
from experiments.model import DAY, HOUR
from experiments.runtime import FIRST_DAY_PAGES, Runtime
from experiments.store import keys
from experiments.store.acts import UNKNOWN_PAGES, Act, Slot, apart
from experiments.store.spool import FILE, Spool
from tests.conftest import NOON, TODAY, World

SESSIONS = [f"session {n}" for n in range(12)]


class Outage:
    """Two processes on one ledger: `world` cannot reach it and has a spool, `live` reaches it and replays."""

    def __init__(self, away: World, live: World, spool: Spool) -> None:
        self.world, self.live, self.spool = away, live, spool
        live.runtime.spool = spool

    def replay(self, now: int = NOON) -> int:
        return replaying.replay(self.live.runtime, lambda: now)

    def waits(self) -> dict[str, tuple[int, int]]:
        return self.spool.waiting()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool", 16)
    yield made
    made.close()


@pytest.fixture
def make_outage(store, open_store, volatile_server, make_world, spool) -> Callable[..., Outage]:
    """Whatever `live` has running, a process knows that has lost the ledger since."""

    def make(*, knows_pages: bool = True, now: int = NOON) -> Outage:
        live, away = make_world(store), make_world(open_store("unix:///nowhere", volatile_server.url))
        live.runtime.refresh(now)
        away.runtime.catalogue.snapshot = live.runtime.catalogue.snapshot
        if knows_pages:
            away.runtime._pages = dict(live.runtime._pages)
        away.runtime.spool = Spool(spool.folder, 16)
        return Outage(away, live, spool)

    return make


@pytest.fixture
def running(world, definition):
    """One experiment on a shard or more."""
    return lambda **options: world.run(definition(), **options)


def everything(kind) -> dict[bytes, dict[bytes, bytes]]:
    """All that counting has written, and not what remembers the spool."""
    held = {key for key in kind.all_keys() if b"{control}" not in key and not key.endswith((b":spools", b":days"))}
    return {key: kind.holder(key).hgetall(key) for key in sorted(held)}


def play(world: World, now: int = NOON) -> list[tuple[str | None, str | None]]:
    """What people do in a few minutes; returns the variants that they were shown."""
    shown = []
    for number, session in enumerate(SESSIONS):
        given = world.assign(session, now, shown=number % 2 == 0, stratum=("list-a", "list-b", None)[number % 3])
        shown.append((given.variant, given.reason))
        if number % 3 == 0:
            world.expose(given, now + 5)
        if number % 4 == 0:
            world.outcome(given, now + 20)
            world.outcome(session, now + 25, channel="email")
            world.outcome(given, now + 20, outcome="left", tier="reported")
        world.assign(session, now + 200, shown=number % 2 == 0)
    return shown


# ------------------------------------------------------------------------------------ the same as live


@pytest.mark.parametrize("tags", [("0",), ("0", "1", "2")], ids=["one shard", "three shards"])
def test_what_was_spooled_is_written_as_it_would_have_been(running, make_outage, ledger, tags):
    running(tags=tags)
    outage = make_outage()
    shown = play(outage.world)
    assert everything(ledger) == {}
    written = outage.replay(NOON + 300)
    spooled = everything(ledger)
    assert outage.waits() == {}
    for key in spooled:
        ledger.clients[0].delete(key)
    assert play(outage.live) == shown
    assert everything(ledger) == spooled
    assert written == len(SESSIONS) * 2 + 4 + 3 * 3
    assert {key.partition(b"}")[0] for key in spooled} == {b"sp:{four-lines.1.%s" % tag.encode() for tag in tags}


def test_a_unit_that_is_known_keeps_its_row(running, make_outage, ledger):
    """Assigned before, shown in the outage, counted after it: one unit."""
    live = running()
    outage = make_outage()
    outage.live.assign("a", NOON)
    given = outage.world.assign("a", NOON + 60, shown=True)
    assert given.receipt == "spooled"
    assert outage.world.outcome(given, NOON + 70) == "spooled"
    outage.replay(NOON + 99)
    assert [outage.live.total(live, measure) for measure in ("a", "e", "d0")] == [1, 1, 1]
    assert outage.live.assign("a", NOON + 100, shown=True).receipt == "already"


def test_a_day_that_nobody_has_opened_is_opened_by_the_replay(running, make_outage, ledger):
    live = running()
    outage = make_outage(knows_pages=False)
    given = outage.world.assign("a", NOON + DAY, shown=True)
    assert given.receipt == "spooled"
    held = outage.spool.first(live.tags[0], 1)[0].act
    assert {slot.pages for slot in held.slots} == {UNKNOWN_PAGES}
    outage.replay(NOON + DAY)
    assert outage.live.total(live, "a", TODAY + 1) == 1
    assert ledger.clients[0].hget(keys.days(live.tags[0]), str(TODAY + 1)) == b"%d" % FIRST_DAY_PAGES, (
        "as for a day like no other"
    )
    assert outage.live.assign("a", NOON + DAY + 9, shown=True).receipt == "already"


def test_lifetimes_are_those_that_are_left(running, make_outage, ledger):
    live = running()
    outage = make_outage()
    outage.world.assign("a", NOON)
    outage.replay(NOON + 5 * HOUR)
    page = next(key for key in ledger.all_keys() if b":r:" in key)
    left = live.version.sealed_at(TODAY) - (NOON + 5 * HOUR)
    assert left - 60 < ledger.clients[0].ttl(page) <= left


# ------------------------------------------------------------------------------------------- exactly once


@pytest.fixture
def unsettled(monkeypatch) -> Callable[[], object]:
    """The disk fails, once, between the ledger's answer and the spool's letting go."""

    def arm() -> None:
        settle = Spool.settle

        def fail(self: Spool, *args, **options) -> None:
            monkeypatch.setattr(Spool, "settle", settle)
            raise StoreUnavailable("the disk is away")

        monkeypatch.setattr(Spool, "settle", fail)

    return arm


def test_a_replay_that_was_broken_off_counts_nothing_twice(running, make_outage, ledger, unsettled):
    live = running(tags=("0", "1"))
    outage = make_outage()
    play(outage.world)
    for tag in live.tags:  # these alone are not safe to repeat
        outage.spool.keep([apart(tag, "late.left")] * 3, NOON)
    unsettled()
    outage.replay(NOON + 300)
    (tag,) = outage.waits()
    once = everything(ledger)
    outage.spool.keep([apart(tag, "late.exposed")], NOON)
    assert outage.replay(NOON + 400) > 0
    assert outage.waits() == {}
    assert outage.live.apart(live) == {"late.left": 6, "late.exposed": 1}
    counts = {key: fields for key, fields in everything(ledger).items() if not key.endswith(b":apart")}
    assert counts == {key: fields for key, fields in once.items() if not key.endswith(b":apart")}


def test_numbers_that_begin_anew_are_of_another_spool(running, make_outage, ledger):
    live = running()
    outage = make_outage()
    tag = live.tags[0]
    outage.spool.keep([apart(tag, "late.left")] * 5, NOON)
    outage.replay()
    outage.spool.close()
    for path in outage.spool.folder.glob(f"{FILE}*"):
        path.unlink()
    outage.spool.keep([apart(tag, "late.left")], NOON)
    assert outage.replay() == 1
    assert outage.live.apart(live) == {"late.left": 6}
    assert len(ledger.clients[0].hgetall(keys.spools(tag))) == 2


def test_a_spool_that_is_moved_to_another_host_goes_on(running, make_outage, tmp_path):
    live = running()
    outage = make_outage()
    outage.spool.keep([apart(live.tags[0], "late.left")] * 5, NOON)
    outage.replay()
    outage.spool.keep([apart(live.tags[0], "late.left")] * 2, NOON)
    outage.spool.close()
    outage.world.runtime.spool.close()
    moved = Spool(outage.spool.folder.rename(tmp_path / "elsewhere"), 16)
    outage.live.runtime.spool = moved
    assert outage.replay() == 2
    assert outage.live.apart(live) == {"late.left": 7}
    moved.close()


def test_more_than_one_call_holds(running, make_outage):
    live = running()
    outage = make_outage()
    outage.spool.keep([apart(live.tags[0], "late.left")] * 1_777, NOON)
    assert outage.replay() == 1_777
    assert outage.replay() == 0
    assert outage.live.apart(live) == {"late.left": 1_777}


# ------------------------------------------------------------------------------------------ too late


def test_what_was_sealed_meanwhile_is_late(running, make_outage, ledger):
    live = running()
    outage = make_outage()
    given = outage.world.assign("a", NOON, shown=True)
    outage.world.expose(given, NOON + 3)
    outage.world.outcome(given, NOON + 5)
    outage.world.outcome("a", NOON + 5, outcome="left")
    sealed = live.version.sealed_at(TODAY)
    assert outage.replay(sealed) == 4
    assert outage.live.apart(live) == {"late.assigned": 1, "late.exposed": 1, "late.help_sought": 1, "late.left": 1}
    assert not any(b":r:" in key or b":c:" in key for key in ledger.all_keys())
    assert outage.waits() == {}


def test_a_second_before_it_is_sealed_it_counts(running, make_outage):
    live = running()
    outage = make_outage()
    outage.world.outcome(outage.world.assign("a", NOON, shown=True), NOON + 5)
    outage.replay(live.version.sealed_at(TODAY) - 1)
    assert [outage.live.total(live, measure) for measure in ("a", "e", "d0")] == [1, 1, 1]
    assert outage.live.apart(live) == {}


# ----------------------------------------------------------------------------- several versions


@pytest.fixture
def two_versions(world, definition, make_outage) -> SimpleNamespace:
    """The first version has shown `old`, both have shown `both`, the second `new`."""
    first = world.run(definition())
    given = world.assign("old", NOON, shown=True), world.assign("both", NOON, shown=True)
    world.change(lifecycle.stop, now=NOON + 10)
    second = world.run(definition(title="Two"), now=NOON + 20)
    world.assign("both", NOON + 30, shown=True)
    world.assign("new", NOON + 30, shown=True)
    assert None not in given
    return SimpleNamespace(first=first, second=second, outage=make_outage(now=NOON + 40))


def conversions(found) -> tuple[int, int]:
    return tuple(found.outage.live.total(live, "d0") for live in (found.first, found.second))


def until_empty(outage: Outage, now: int) -> None:
    for _ in range(5):
        outage.replay(now)
    assert {tag: n for tag, (n, _) in outage.waits().items() if n} == {}


@pytest.mark.parametrize(
    ("session", "wanted"), [("new", (0, 1)), ("both", (0, 1)), ("old", (1, 0)), ("nobody", (0, 0))]
)
def test_an_outcome_by_session_goes_to_the_newest_version_that_has_it(two_versions, session, wanted):
    outage = two_versions.outage
    assert outage.world.outcome(session, NOON + 50) == "spooled"
    until_empty(outage, NOON + 60)
    assert conversions(two_versions) == wanted


@pytest.mark.parametrize(
    ("session", "wanted"), [("new", (0, 1)), ("both", (0, 1)), ("old", (1, 0)), ("nobody", (0, 0))]
)
def test_also_when_the_replay_was_broken_off(two_versions, session, wanted, unsettled):
    outage = two_versions.outage
    outage.world.outcome(session, NOON + 50)
    unsettled()
    outage.replay(NOON + 55)
    until_empty(outage, NOON + 60)
    assert conversions(two_versions) == wanted


def test_it_is_written_once_where_both_are_sealed(two_versions):
    outage = two_versions.outage
    outage.world.outcome("both", NOON + 50)
    until_empty(outage, NOON + 9 * DAY)
    late = [outage.live.apart(live) for live in (two_versions.first, two_versions.second)]
    assert late == [{}, {"late.help_sought": 1}]


# --------------------------------------------------------------------------------- one shard, and the others


def test_a_dead_shard_holds_up_no_other(running, make_outage, ledger):
    live = running(tags=("0", "1"))
    outage = make_outage()
    dead, well = live.tags
    outage.spool.keep([apart(tag, "late.left") for tag in (dead, well)] * 10, NOON)
    outage.live.store.ledger._lane(dead)._breaker.failed()
    try:
        assert outage.replay() == 10
        assert outage.waits() == {dead: (10, 0)}
        assert outage.live.store.ledger.away == [dead]
    finally:
        time.sleep(0.3)
    assert outage.replay() == 10
    assert outage.live.store.ledger.away == []
    assert outage.live.apart(live) == {"late.left": 20}


def test_a_ledger_that_is_away_changes_nothing_in_the_spool(running, make_outage, unsettled):
    running()
    outage = make_outage()
    outage.world.assign("a", NOON)
    before = outage.waits()
    assert replaying.replay(outage.world.runtime, lambda: NOON) == 0
    assert outage.waits() == before != {}


# ----------------------------------------------------------------------------------------- spoiled events


def damage(spool: Spool, number: int, blob: bytes) -> None:
    with closing(sqlite3.connect(spool.folder / FILE, isolation_level=None)) as db:
        db.execute("UPDATE events SET act = ? WHERE number = ?", (blob, number))


def test_spoiled_events_are_set_aside_and_the_rest_goes_on(running, make_outage):
    live = running(tags=("0", "1"))
    outage = make_outage()
    one, other = live.tags
    poison = Act("no such act", one, (Slot(one, TODAY, HOUR, 64, bytes(8)),), live.terms, (), "x")
    outage.spool.keep([apart(one, "late.left"), poison, apart(other, "late.left"), apart(one, "late.left")], NOON)
    outage.spool.keep([apart(one, "late.left")] * 4, NOON)
    damage(outage.spool, 6, b"\xc1 unreadable")
    outage.replay()
    assert outage.waits() == {one: (0, 2)}
    assert outage.live.apart(live) == {"late.left": 6}
    waiting.tell(outage.live.runtime, NOON)
    assert waiting.notices(outage.live.store, live.tags) == (
        "Events that could not be written and were set aside for people to look at: 2.",
    )
    outage.spool.keep([apart(one, "late.left")], NOON)
    assert outage.replay() == 1


def test_a_spoiled_event_is_not_lost_when_the_replay_is_broken_off(running, make_outage, unsettled):
    """The ledger remembers what comes before it only: nothing behind it was written, so it is met again."""
    live = running()
    outage = make_outage()
    (tag,) = live.tags
    poison = Act("no such act", tag, (Slot(tag, TODAY, HOUR, 64, bytes(8)),), live.terms, (), "x")
    outage.spool.keep([apart(tag, "late.left"), poison, apart(tag, "late.left")], NOON)
    unsettled()
    outage.replay()
    assert outage.waits() == {tag: (3, 0)}
    outage.replay()
    assert outage.waits() == {tag: (0, 1)}
    assert outage.live.apart(live) == {"late.left": 2}


def test_only_spoiled_events(running, make_outage):
    live = running()
    outage = make_outage()
    outage.spool.keep([apart(live.tags[0], "late.left")] * 2, NOON)
    for number in (1, 2):
        damage(outage.spool, number, b"")
    outage.replay()
    assert outage.waits() == {live.tags[0]: (0, 2)}
    assert outage.live.apart(live) == {}


# ----------------------------------------------------------------------------------- many acts in one call


def test_of_many_acts_only_what_the_ledger_does_not_take_is_kept(running, make_outage):
    live = running()
    outage = make_outage()
    (tag,) = live.tags
    poison = Act("no such act", tag, (Slot(tag, TODAY, HOUR, 64, bytes(8)),), live.terms, (), "x")
    told = outage.live.runtime.write_all([apart(tag, "late.left"), poison, apart(tag, "late.left")], NOON)
    assert [one and one.code for one in told] == [1, None, 1]
    assert outage.waits() == {tag: (1, 0)}
    assert outage.world.runtime.write_all([apart(tag, "late.left")] * 3, NOON) == [None] * 3
    assert outage.waits() == {tag: (4, 0)}
    outage.replay()
    assert outage.waits() == {tag: (0, 1)}
    assert outage.live.apart(live) == {"late.left": 5}


def test_where_nothing_takes_them_each_is_told_why(running, make_outage, tmp_path):
    live = running()
    outage = make_outage()
    (tmp_path / "file").write_text("")
    runtime = outage.world.runtime
    runtime.spool = Spool(tmp_path / "file" / "spool", 16)
    for spool in (runtime.spool, None):
        runtime.spool = spool
        told = runtime.write_all([apart(live.tags[0], "late.left")] * 3, NOON)
        assert [isinstance(one, StoreUnavailable) for one in told] == [True] * 3
        with pytest.raises(StoreUnavailable):
            runtime.write(apart(live.tags[0], "late.left"), NOON)
        assert not runtime.takes_events
        assert runtime.degraded is not None


# ---------------------------------------------------------------------------------------- whose turn it is


def _hold(folder: Path, held) -> None:
    spool = Spool(folder, 16)
    spool.keep([apart("{four-lines.1.0}", "late.exposed")], NOON)
    held.put(spool.take_turn())
    time.sleep(60)


def test_one_process_of_a_host_replays(running, make_outage):
    live = running()
    outage = make_outage()
    outage.spool.keep([apart(live.tags[0], "late.left")], NOON)
    spawn = multiprocessing.get_context("spawn")
    held = spawn.Queue()
    other = spawn.Process(target=_hold, args=(outage.spool.folder, held))
    other.start()
    try:
        assert held.get(timeout=60) is True
        assert outage.replay() == 0
        assert outage.waits() == {live.tags[0]: (2, 0)}
        other.kill()
        other.join(60)
        assert outage.replay() == 2, "the lock of a process that was killed is free"
    finally:
        other.kill()
        other.join(60)
    assert outage.live.apart(live) == {"late.left": 1, "late.exposed": 1}


def test_who_has_the_turn_keeps_it(running, make_outage):
    live = running()
    outage = make_outage()
    outage.spool.keep([apart(live.tags[0], "late.left")], NOON)
    assert outage.replay() == 1
    outage.spool.keep([apart(live.tags[0], "late.left")], NOON)
    assert not outage.world.runtime.spool.take_turn()
    assert outage.replay() == 1


def test_without_a_spool_there_is_nothing_to_replay(running, world, tmp_path):
    running()
    assert replaying.replay(world.runtime, lambda: NOON) == 0
    world.runtime.spool = Spool(tmp_path / "none", 16)
    assert replaying.replay(world.runtime, lambda: NOON) == 0
    assert not (tmp_path / "none").exists()


# ---------------------------------------------------------------------------------- what is told of it


def test_what_waits_is_told_and_taken_back(running, make_outage, store):
    live = running(tags=("0", "1"))
    outage = make_outage()
    outage.spool.keep([apart(tag, "late.left") for tag in live.tags] * 3, NOON)
    waiting.tell(outage.live.runtime, NOON)
    assert waiting.notices(store, live.tags) == ("Events that wait to be counted since an outage: 6.",)
    assert waiting.notices(store, live.tags[:1]) == ("Events that wait to be counted since an outage: 3.",)
    assert waiting.notices(store, ["{other.1.0}"]) == ()
    outage.replay()
    waiting.tell(outage.live.runtime, NOON)
    assert waiting.notices(store, live.tags) == ()


# ---------------------------------------------------------------------------- servers that really stop


def test_over_a_real_stop_of_the_ledger(start_server, open_store, volatile_server, make_world, definition, tmp_path):
    server = start_server()
    with volatile_server.client() as client:
        client.flushall()
    world = make_world(open_store(server.url, volatile_server.url, budget=0.5))
    runtime: Runtime = world.runtime
    runtime.spool = Spool(tmp_path, 16)
    live = world.run(definition(), tags=("0", "1"))
    variants = {session: world.assign(session).variant for session in SESSIONS}
    server.stop()
    for session in SESSIONS:
        given = world.assign(session, NOON + 5, shown=True)
        assert (given.receipt, given.variant) == ("spooled", variants[session])
        assert world.outcome(given, NOON + 9) == "spooled"
    assert replaying.replay(runtime, lambda: NOON + 20) == 0
    server.process = subprocess.Popen(server.process.args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    written, end = 0, time.monotonic() + 30
    while any(n for n, _ in runtime.spool.waiting().values()):
        assert time.monotonic() < end
        written += replaying.replay(runtime, lambda: NOON + 30)
        time.sleep(0.02)
    assert written == 24
    assert [world.total(live, measure) for measure in ("a", "e", "d0")] == [12, 12, 12]
    assert {assignment.shard(assignment.draw(live.key, session_bytes(s)).unit, 2) for s in SESSIONS} == {0, 1}
    runtime.spool.close()
