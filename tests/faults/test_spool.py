"""The spool itself fails: full, on a full disk, damaged. Warnings go on; what cannot be kept is acknowledged to nobody."""

from __future__ import annotations

import time

import pytest

from tests.faults.load import Notes
from tests.faults.world import World


def nothing_is_kept(world: World) -> tuple[list[str], int]:
    """Warnings with tokens that count nowhere, outcomes refused; returns the tokens and how many outcomes were."""
    lost = world.visitor(Notes())
    tokens = [token for number in range(20) if (token := lost.assign(f"uncounted {number}"))]
    assert lost.notes.of("assignment") == {(200, "uncounted"): 20}
    for token in tokens:
        lost.outcome("anybody", token)
    assert {status for status, _ in lost.notes.of("outcome")} == {503}
    return tokens


def counted_apart(world: World, tokens: list[str]) -> None:
    """Their outcomes go to the outage counter and into no arm."""
    later = world.visitor(Notes())
    for token in tokens:
        assert later.outcome("anybody", token) == "uncounted"
    world.settle()
    books = world.check()
    assert books.apart["outage.help_sought"] == len(tokens)
    assert books.total("a") == len(world.notes.kept)


def test_the_spool_is_full(world: World, tell) -> None:
    world.start_store().serve(SIGNPOST_SPOOL_MB="1")
    world.load(visitors=2).reach(100).stop(world.notes)
    world.ledger.kill()
    load = world.load(visitors=0, batchers=2)
    end = time.monotonic() + 60
    probe = world.visitor(Notes())
    while not probe.notes.uncounted:
        assert time.monotonic() < end, "a spool of 1 MB never became full"
        probe.assign(f"probe {len(probe.notes.sent)}")
    load.stop(world.notes)
    world.notes.add(probe.notes)
    held = world.waiting()
    tokens = nothing_is_kept(world)
    world.ledger.start()
    world.settle()
    counted_apart(world, tokens)
    tell(f"full at {held:,} events, all there once afterwards")


def test_the_disk_is_full(world: World) -> None:
    world.start_store().serve()
    world.load(visitors=2).reach(100).stop(world.notes)
    world.ledger.kill()
    visitor = world.visitor()
    assert visitor.assign("before")
    world.service.fill_disk()
    tokens = nothing_is_kept(world)
    world.service.free_disk()
    assert visitor.assign("after")
    assert set(visitor.notes.of("assignment")) >= {(200, "spooled")}
    world.ledger.start()
    world.settle()
    counted_apart(world, tokens)


@pytest.mark.parametrize("how", ["garbage", "torn"])
def test_the_spool_is_damaged(world: World, how: str) -> None:
    """It is set aside for people to look at; a new one takes its place."""
    world.start_store().serve()
    world.ledger.kill()
    world.load(visitors=2).reach(300).stop(Notes())  # lost with the file, as it must be
    world.service.stop()
    file = world.spool / "spool.sqlite3"
    whole = file.read_bytes()
    assert world.waiting()
    damaged = b"no database at all " * 1000 if how == "garbage" else whole[:4096] + b"\xa5" * (len(whole) - 4096)
    file.write_bytes(damaged)
    world.service.start()
    visitor = world.visitor()
    for number in range(20):
        assert visitor.assign(f"after {number}")
    assert visitor.notes.of("assignment") == {(200, "spooled"): 20}
    kept = [other for other in world.spool.iterdir() if other != file and other.read_bytes() == damaged]
    assert kept, "the damaged file is gone"
    world.ledger.start()
    world.settle()
    books = world.check()
    assert books.total("a") == 20
