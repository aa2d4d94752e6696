"""The spool itself fails: full, on a full disk, damaged. Warnings go on; what cannot be kept is acknowledged to nobody."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.faults.load import Notes
from tests.faults.servers import until
from tests.faults.world import World


def outcomes_are_refused(world: World) -> Notes:
    """Warnings come with tokens that count nowhere, and outcomes are refused.

    An outcome needs less room than an assignment, so a last few may still find some.
    """
    visitor = world.visitor(Notes())
    for number in range(20):
        visitor.assign(f"uncounted {number}")
    assert visitor.notes.of("assignment") == {(200, "uncounted"): 20}
    for token in visitor.notes.uncounted:
        visitor.outcome("anybody", token)
    assert set(visitor.notes.of("outcome")) <= {(503, ""), (202, "uncounted")}
    assert visitor.notes.of("outcome")[503, ""]
    return visitor.notes


def counted_apart(world: World, refused: Notes) -> None:
    """Their outcomes go to the outage counter and into no arm."""
    visitor = world.visitor(Notes())
    for token in refused.uncounted:
        assert visitor.outcome("anybody", token) == "uncounted"
    world.settle()
    books = world.check()
    taken = sum(notes.of("outcome")[202, "uncounted"] for notes in (world.notes, refused, visitor.notes))
    assert books.apart["outage.help_sought"] == taken
    assert books.total("a") == len(world.notes.kept)


def test_the_spool_is_full(world: World, tell) -> None:
    world.start_store().serve(SIGNPOST_SPOOL_MB="1")
    world.load(visitors=2).reach(100).stop(world.notes)
    world.ledger.kill()
    world.load(visitors=4, batchers=1).reach_uncounted(50).stop(world.notes)
    held = world.waiting()
    refused = outcomes_are_refused(world)
    world.ledger.start()
    world.settle()
    counted_apart(world, refused)
    tell(f"full at {held:,} events, all there once afterwards")


def test_the_disk_is_full(world: World) -> None:
    world.start_store().serve()
    world.load(visitors=2).reach(100).stop(world.notes)
    world.ledger.kill()
    visitor = world.visitor()
    assert visitor.assign("before")
    world.service.fill_disk()
    refused = outcomes_are_refused(world)
    world.service.free_disk()
    assert visitor.assign("after")
    assert set(visitor.notes.of("assignment")) >= {(200, "spooled")}
    world.ledger.start()
    world.settle()
    counted_apart(world, refused)


def test_the_spool_has_no_place(world: World) -> None:
    """Its folder cannot be made. With the ledger there, nobody notices."""
    (world.folder / "file").touch()
    world.start_store().serve(SIGNPOST_SPOOL=str(world.folder / "file" / "spool"))
    world.load(visitors=2).reach(100).stop(world.notes)
    assert {receipt for _, _, receipt in world.notes.answers} <= {"recorded", "already"}
    world.ledger.kill()
    outcomes_are_refused(world)
    assert world.service.get("/readyz")[1]["status"] != "ok"
    world.ledger.start()
    visitor = world.visitor()
    until(lambda: visitor.assign("after") and visitor.notes.of("assignment")[200, "recorded"], "a recorded warning")
    world.check()


@pytest.mark.parametrize("how", ["garbage", "torn"])
def test_the_spool_is_damaged(world: World, how: str) -> None:
    """It is set aside for people to look at; a new one takes its place."""
    world.start_store().serve()
    world.ledger.kill()
    world.load(visitors=2).reach(300).stop(Notes())  # lost with the file, as it must be
    world.service.stop()
    file = world.spool / "spool.sqlite3"
    with closing(sqlite3.connect(file)) as spool:
        spool.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # all of it in the one file
    assert world.waiting()
    whole = file.read_bytes()
    damaged = b"no database at all " * 1000 if how == "garbage" else whole[:4096] + b"\xa5" * (len(whole) - 4096)
    file.write_bytes(damaged)
    world.service.start()
    visitor = world.visitor()
    for number in range(20):
        assert visitor.assign(f"after {number}")
    assert visitor.notes.of("assignment") == {(200, "spooled"): 20}
    kept = [other for other in world.spool.iterdir() if other != file and other.read_bytes()[4096:] == damaged[4096:]]
    assert kept, "the damaged file is gone"
    world.ledger.start()
    world.settle()
    books = world.check()
    assert books.total("a") == 20
